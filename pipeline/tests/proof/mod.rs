//! The proof that a pipeline of several processes loses nothing and doubles nothing while
//! processes and brokers fail: the same one for every Kafka.

pub(crate) mod brokers;
pub(crate) mod dataset;
mod group;
mod oracle;
pub(crate) mod patience;
pub(crate) mod pipeline;
pub(crate) mod run;
mod sender;
mod sink;
pub(crate) mod topic_log;
pub(crate) mod verdict;
mod worker;

pub(crate) use brokers::Brokers;
pub(crate) use dataset::{Dataset, Rates};
pub(crate) use oracle::Column;
pub(crate) use pipeline::Setup;
pub(crate) use run::prove;
