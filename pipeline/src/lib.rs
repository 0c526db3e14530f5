//! A production Kafka pipeline: idempotent at-least-once processing, nothing stored that can't be derived.

pub mod activity;
pub mod audit;
pub mod batch;
pub mod catch_up;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod config;
pub mod config_error;
mod config_reader;
pub mod decimal;
pub mod event_time;
pub mod field_path;
pub mod group_protocol;
pub mod kafka_log;
pub mod lag;
mod member;
mod ownership;
pub mod process;
pub mod processor;
pub mod quarantine;
mod rebalance;
pub mod rebuild;
pub mod registry;
#[cfg(feature = "cli")]
pub mod send;
mod side_reader;
pub mod sink;
pub mod sqlite;
pub mod status;
pub mod topic_partition;
#[cfg(feature = "cli")]
pub mod topic_read;
pub mod trades;
pub mod worker;
