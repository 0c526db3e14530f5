//! Client programs that are run three ways, and must see the same each time:
//!
//! - real librdkafka on Apache Kafka in a container (`tests/real_kafka.rs`);
//! - real librdkafka on the served cluster (`tests/served.rs`);
//! - the simulated client on the simulated cluster (`simulated/tests/simulated.rs`).
//!
//! A case is written once, against rdkafka's API. What it sees, results and error codes, is a
//! transcript. The one that Apache Kafka gave is kept in `expected/`, and every way is held against
//! it. Where one is known to differ, `differences.toml` says what it gives instead, and why; an
//! entry that is not true any more fails the suite as well.

pub mod bench;
pub mod bounded;
pub mod case;
pub mod cases;
pub mod differences;
pub mod random;
pub mod recorder;
pub mod suite;
pub mod verdict;
pub mod way;
