//! The runner: the bundled pipeline, and foreign consumers with planted bugs.

mod bundled;
mod foreign;
mod oracle;
mod transactional;

use bundled::{ACTIVITY, ACTIVITY_GITHUB, TRADES, TRADES_2, TRADES_BINANCE};
use foreign::under_test::{Foreign, ForeignToTopic, ForeignWithPositions};
use foreign::{
    auto_commit_background, changed_ids, clears_old_version, commit_before_processing,
    commits_again, dedupes_per_partition, drops_old, ends_on_error, escapes, fixed_partitions,
    ignores_abort, ignores_failed_commit, late_acknowledgement, leaked_connections, no_seen,
    offsets_outside, pointer_in_trace, poison_loop, reads_uncommitted, silent_reset,
    skips_when_stuck, synchronous_normal, two_transactions, unwraps, wall_clock_window,
    zombie_claim,
};
use transactional::under_test::Transactional;

whitewater::runner! {
    "trades" => TRADES,
    "trades@2" => TRADES_2,
    "trades-binance" => TRADES_BINANCE,
    "activity" => ACTIVITY,
    "activity-github" => ACTIVITY_GITHUB,
    "transactional" => Transactional,
    "changed-ids@1" => Foreign(changed_ids::run_1),
    "changed-ids@2" => Foreign(changed_ids::run_2),
    "clears-old-version" => clears_old_version::ClearsOldVersion(TRADES_2),
    "commit-before-processing" => Foreign(commit_before_processing::run),
    "no-seen" => Foreign(no_seen::run),
    "ignores-failed-commit" => Foreign(ignores_failed_commit::run),
    "wall-clock-window" => Foreign(wall_clock_window::run),
    "drops-old" => Foreign(drops_old::run),
    "zombie-claim" => Foreign(zombie_claim::run),
    "two-transactions" => ForeignWithPositions(Foreign(two_transactions::run), two_transactions::next_offsets),
    "late-acknowledgement" => Foreign(late_acknowledgement::run),
    "silent-reset" => Foreign(silent_reset::run),
    "skips-when-stuck" => Foreign(skips_when_stuck::run),
    "leaked-connections" => Foreign(leaked_connections::run),
    "auto-commit-background" => Foreign(auto_commit_background::run),
    "fixed-partitions" => Foreign(fixed_partitions::run),
    "commits-again" => Foreign(commits_again::run),
    "dedupes-per-partition" => Foreign(dedupes_per_partition::run),
    "ends-on-error" => Foreign(ends_on_error::run),
    "poison-loop" => Foreign(poison_loop::run),
    "unwraps" => Foreign(unwraps::run),
    "synchronous-normal" => Foreign(synchronous_normal::run),
    "offsets-outside" => ForeignToTopic(offsets_outside::run),
    "ignores-abort" => ForeignToTopic(ignores_abort::run),
    "reads-uncommitted" => Foreign(reads_uncommitted::run),
    "pointer-in-trace" => Foreign(pointer_in_trace::run),
    "escapes" => Foreign(escapes::run),
}
