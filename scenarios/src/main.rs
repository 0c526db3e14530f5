//! The runner: the bundled pipeline, and foreign consumers with planted bugs.

mod bundled;
mod foreign;
mod oracle;

use bundled::{ACTIVITY, ACTIVITY_GITHUB, TRADES, TRADES_BINANCE};
use foreign::under_test::Foreign;
use foreign::{commit_before_processing, escapes, no_seen, pointer_in_trace, zombie_claim};

whitewater::runner! {
    "trades" => TRADES,
    "trades-binance" => TRADES_BINANCE,
    "activity" => ACTIVITY,
    "activity-github" => ACTIVITY_GITHUB,
    "commit-before-processing" => Foreign(commit_before_processing::run),
    "no-seen" => Foreign(no_seen::run),
    "zombie-claim" => Foreign(zombie_claim::run),
    "pointer-in-trace" => Foreign(pointer_in_trace::run),
    "escapes" => Foreign(escapes::run),
}
