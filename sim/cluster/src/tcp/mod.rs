//! The cluster served over TCP in real time, so that real clients can meet it.
//!
//! One mutex holds the cluster. A reader and a writer thread per connection decode and encode
//! outside of it; an acceptor thread per broker takes connections; one timer thread ticks.

mod backlog;
mod clocks;
mod connection;
mod counts;
mod frame;
#[cfg(test)]
mod frame_fuzzing;
mod listener;
mod options;
mod server;
mod shared;

pub use options::{EventObserver, ServeOptions};
pub use server::Server;
