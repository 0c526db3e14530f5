//! The coordinator's rules, as scripts of requests with the answers Kafka gives.

mod committing;
mod consumers;
mod describing;
mod expiring;
mod fetching;
mod joining;
mod leaving;
mod loading;
mod rebalancing;
mod script;
mod script_consumers;
mod script_requests;
mod sessions;
mod state_machine;
mod static_members;
mod syncing;
mod versions;
