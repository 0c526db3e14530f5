//! rdkafka's API on Whitewater's simulated network.
//!
//! A simulated build puts this crate in the place of [rdkafka](https://docs.rs/rdkafka/0.39) by
//! `[patch.crates-io]`: same names, same signatures, librdkafka's behaviour as measured, and no
//! librdkafka. `README.md` lists what is missing and which properties have no effect.
//!
//! - [`config`], [`error`], [`types`], [`util`]: as in rdkafka
//! - [`client`]: connections made on demand, the view of the cluster, requests and their retries
//! - [`consumer`]: assignment, fetching, offsets, and membership of a classic group
//! - [`producer`]: batches per partition, partitioners, delivery reports
//! - [`admin`]: creating and deleting topics and groups
//!
//! Background work of a client is done by plain tasks of the process that created it; calls that
//! block suspend the coroutine of their caller.

pub mod admin;
pub mod client;
pub mod config;
pub mod consumer;
pub mod error;
pub mod groups;
mod headers;
mod log;
pub mod message;
pub mod metadata;
mod opaque;
mod posix_regex;
pub mod producer;
mod record_batch;
mod runtime;
pub mod statistics;
mod timeout;
mod topic_partition;
pub mod topic_partition_list;
mod topic_patterns;
pub mod types;
pub mod util;

pub use crate::client::ClientContext;
pub use crate::config::ClientConfig;
pub use crate::message::{Message, Timestamp};
pub use crate::statistics::Statistics;
pub use crate::topic_partition_list::{Offset, TopicPartitionList};
pub use crate::util::IntoOpaque;
