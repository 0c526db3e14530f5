//! Small consumers as people really write them, each with a bug that the harness must catch.
//!
//! They share no code with the bundled pipeline: each is what a stranger's crate would hold.

pub mod auto_commit_background;
pub mod commit_before_processing;
pub mod escapes;
pub mod late_acknowledgement;
pub mod leaked_connections;
pub mod no_seen;
pub mod pointer_in_trace;
pub mod trade;
pub mod two_transactions;
pub mod under_test;
pub mod zombie_claim;
