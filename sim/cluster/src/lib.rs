//! Apache Kafka as a pure state machine, with a TCP front behind a feature.
//!
//! [`Cluster`] takes requests, as the structs of `kafka-protocol`, and the time; it gives back
//! responses and [`Event`]s. It does no I/O, reads no clock and draws no random numbers, so the
//! same calls always give the same history. Logs hold the producers' own v2 record batches.
//! [`api_versions`] says what is served; the replication factor is 1.
//!
//! With the feature `tcp`, `tcp::Server` carries the same value to real clients.

mod alter_configs;
pub mod api_versions;
mod broker;
mod broker_config_definition;
pub mod cluster;
mod cluster_state;
pub mod config;
mod config_resource;
mod config_value;
mod connection;
mod control_batch;
mod coordination;
mod create_partitions;
mod create_topics;
mod current_leader;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod dispatch;
mod dynamic_broker_configs;
pub mod event;
mod fetch;
mod find_coordinator;
pub mod group;
pub mod group_id;
pub mod group_state;
mod init_producer_id;
mod leader_election;
mod list_offsets;
mod log_cleaner;
mod log_cleanup;
mod log_compaction;
mod log_dir;
mod log_segment;
mod metadata;
pub mod now;
mod offset_for_leader_epoch;
mod offsets_topic;
mod parked_produce;
pub mod partition_log;
mod produce;
pub mod producer_state;
mod purgatory;
pub mod record_batch;
mod refusal;
pub mod replication;
mod request;
pub mod requester;
pub mod retention;
#[cfg(feature = "tcp")]
pub mod tcp;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod timestamp_type;
pub mod topic_catalog;
pub mod topic_config;
mod topic_config_definition;
pub mod topic_name;
pub mod topics;
mod transacting;
pub mod transaction;
pub mod transaction_index;
mod transactions_topic;

pub use cluster::Cluster;
pub use config::{BrokerConfig, BrokerId, BrokerSettings, ClusterConfig};
pub use event::Event;
pub use group_state::GroupState;
pub use now::Now;
pub use request::{Output, Request};
pub use requester::{ConnectionId, Requester};
pub use timestamp_type::TimestampType;
pub use topic_catalog::TopicCatalog;
