//! Groups of the consumer protocol. What the scripts show, Kafka 4.4.0 was seen to answer.

mod assignors;
mod committing;
mod fencing;
mod joining;
mod loading;
mod reconciling;
mod state_machine;
mod static_members;
mod switching;
mod topics;
