//! The cluster seen from its clients, without a network.

mod brokers;
mod coordinating;
mod fetching;
mod metadata;
mod offsets;
mod ordering;
mod producing;
mod topics;
mod versions;
