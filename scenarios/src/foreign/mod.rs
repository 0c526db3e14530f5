//! Small consumers as people really write them, each with a bug that the harness must catch.
//!
//! They share no code with the bundled pipeline: each is what a stranger's crate would hold.

pub mod auto_commit_background;
pub mod commit_before_processing;
pub mod drops_old;
pub mod escapes;
pub mod ignores_failed_commit;
pub mod late_acknowledgement;
pub mod leaked_connections;
pub mod no_seen;
pub mod pointer_in_trace;
pub mod trade;
pub mod two_transactions;
pub mod under_test;
pub mod wall_clock_window;
pub mod zombie_claim;
