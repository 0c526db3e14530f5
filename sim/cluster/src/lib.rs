//! Apache Kafka as a pure state machine, with a TCP front behind a feature.

pub mod config;
pub mod event;
pub mod group_state;
pub mod now;
pub mod requester;
pub mod timestamp_type;
pub mod topic_catalog;

pub use config::{BrokerConfig, BrokerId, BrokerSettings, ClusterConfig};
pub use event::Event;
pub use group_state::GroupState;
pub use now::Now;
pub use requester::{ConnectionId, Requester};
pub use timestamp_type::TimestampType;
pub use topic_catalog::TopicCatalog;
