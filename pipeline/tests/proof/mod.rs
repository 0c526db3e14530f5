//! The proof that a pipeline of several processes loses nothing and doubles nothing while
//! processes and brokers fail: the same one for every Kafka.

mod brokers;
mod dataset;
mod group;
mod oracle;
mod patience;
mod pipeline;
mod run;
mod sender;
mod sink;
mod topic_log;
mod verdict;
mod worker;

pub(crate) use brokers::Brokers;
pub(crate) use dataset::{Dataset, Rates};
pub(crate) use oracle::Column;
pub(crate) use pipeline::Setup;
pub(crate) use run::prove;
