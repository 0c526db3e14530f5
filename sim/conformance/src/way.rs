//! The ways in which a case runs, and what a way has to offer to it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Deserialize;

/// A client and a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// librdkafka on Apache Kafka.
    RealKafka,
    /// librdkafka on the served cluster.
    Served,
    /// The simulated client on the simulated cluster.
    Simulated,
}

impl Way {
    /// As `differences.toml` writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RealKafka => "real-kafka",
            Self::Served => "served",
            Self::Simulated => "simulated",
        }
    }
}

/// What differs between the ways, for a running case.
pub trait Surroundings {
    /// Where clients find the cluster.
    fn bootstrap_servers(&self) -> String;

    /// A monotonic clock.
    fn now(&self) -> Duration;

    /// Lets time pass.
    fn sleep(&self, duration: Duration);

    /// Waits for a future.
    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>);
}
