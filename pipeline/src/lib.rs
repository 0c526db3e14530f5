//! A production Kafka pipeline: idempotent at-least-once processing, nothing stored that can't be derived.

pub mod activity;
pub mod audit;
pub mod batch;
pub mod clock;
pub mod config;
pub mod config_error;
mod config_reader;
pub mod decimal;
pub mod event_time;
pub mod field_path;
mod member;
mod ownership;
pub mod processor;
pub mod quarantine;
mod rebalance;
pub mod registry;
pub mod sink;
pub mod sqlite;
pub mod topic_partition;
pub mod trades;
pub mod worker;
