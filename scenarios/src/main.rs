//! The runner: the bundled pipeline, and foreign consumers with planted bugs.

mod bundled;
mod foreign;
mod oracle;

use bundled::{ACTIVITY, ACTIVITY_GITHUB, TRADES, TRADES_BINANCE};
use foreign::under_test::{Foreign, ForeignWithPositions};
use foreign::{
    auto_commit_background, commit_before_processing, drops_old, escapes, ignores_failed_commit, late_acknowledgement,
    leaked_connections, no_seen, pointer_in_trace, two_transactions, wall_clock_window, zombie_claim,
};

whitewater::runner! {
    "trades" => TRADES,
    "trades-binance" => TRADES_BINANCE,
    "activity" => ACTIVITY,
    "activity-github" => ACTIVITY_GITHUB,
    "commit-before-processing" => Foreign(commit_before_processing::run),
    "no-seen" => Foreign(no_seen::run),
    "ignores-failed-commit" => Foreign(ignores_failed_commit::run),
    "wall-clock-window" => Foreign(wall_clock_window::run),
    "drops-old" => Foreign(drops_old::run),
    "zombie-claim" => Foreign(zombie_claim::run),
    "two-transactions" => ForeignWithPositions(Foreign(two_transactions::run), two_transactions::next_offsets),
    "late-acknowledgement" => Foreign(late_acknowledgement::run),
    "leaked-connections" => Foreign(leaked_connections::run),
    "auto-commit-background" => Foreign(auto_commit_background::run),
    "pointer-in-trace" => Foreign(pointer_in_trace::run),
    "escapes" => Foreign(escapes::run),
}
