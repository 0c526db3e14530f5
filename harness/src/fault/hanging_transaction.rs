//! `hanging-transaction`: another producer begins a transaction and goes silent. Until its coordinator
//! gives it up, consumers of committed records get nothing of what comes behind it; what it wrote is
//! never committed.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::{Drawn, Fault};
use crate::plan::PlannedFault;
#[cfg(madsim)]
use crate::runner::{injector::Injector, stranger};
use crate::scenario::range::Range;

/// Writes to every partition of the load's topic, in a transaction that nobody ends (failure mode 27).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HangingTransaction {
    /// The producer's `transaction.timeout.ms`.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

/// How often a coordinator looks for transactions that are over time
/// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
const CLEANUP_INTERVAL_MS: u64 = 10_000;

impl Fault for HangingTransaction {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let what = format!("the last stable offsets of {}", site.topic);
        if !site.is_free(&what, at, at + lasts) {
            return None;
        }
        site.take(&what, at, at + lasts);
        Some(Drawn {
            action: FaultAction::HangingTransaction(Action {
                topic: site.topic.clone(),
                timeout_ms: lasts.as_millis() as u64,
            }),
            lasts: Some(lasts),
        })
    }
}

/// How long after healing consumers may have to wait for the last of them, in milliseconds.
#[must_use]
pub fn waited_for_ms_max(faults: &[PlannedFault]) -> u64 {
    let timeouts = faults.iter().filter_map(|fault| match &fault.action {
        FaultAction::HangingTransaction(action) => Some(action.timeout_ms),
        _ => None,
    });
    timeouts
        .max()
        .map_or(0, |timeout_ms| timeout_ms + CLEANUP_INTERVAL_MS)
}

/// A producer writes a record to each partition and ends neither its transaction nor itself. The
/// coordinator aborts that once `timeout_ms` are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The topic.
    pub topic: String,
    /// The producer's `transaction.timeout.ms`.
    pub timeout_ms: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.topic.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let stranger = stranger::begin_transaction(on, &self.topic, self.timeout_ms);
        Begun::armed(async move { stranger.fall_silent() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_one_is_waited_for() {
        let of = |timeout_ms| PlannedFault {
            at_ms: 0,
            for_ms: Some(timeout_ms),
            when: None,
            action: FaultAction::HangingTransaction(Action {
                topic: "trades".to_owned(),
                timeout_ms,
            }),
        };
        assert_eq!(waited_for_ms_max(&[]), 0);
        assert_eq!(
            waited_for_ms_max(&[of(3_000), of(7_000), of(5_000)]),
            17_000
        );
    }
}
