//! Small consumers as people really write them, each with a bug that the harness must catch.
//!
//! They share no code with the bundled pipeline: each is what a stranger's crate would hold.

pub mod auto_commit_background;
pub mod changed_ids;
pub mod clears_old_version;
pub mod commit_before_processing;
pub mod commits_again;
pub mod dedupes_per_partition;
pub mod drops_old;
pub mod ends_on_error;
pub mod escapes;
pub mod fixed_partitions;
pub mod ignores_abort;
pub mod ignores_failed_commit;
pub mod late_acknowledgement;
pub mod leaked_connections;
pub mod no_seen;
pub mod offsets_outside;
pub mod pointer_in_trace;
pub mod poison_loop;
pub mod reads_uncommitted;
pub mod silent_reset;
pub mod skips_when_stuck;
pub mod synchronous_normal;
pub mod trade;
pub mod two_transactions;
pub mod under_test;
pub mod unwraps;
pub mod wall_clock_window;
pub mod zombie_claim;
