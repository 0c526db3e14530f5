//! When to alert about one partition, and when to stop: a state machine with hysteresis.

use std::time::{Duration, Instant};

use crate::lag::estimate::{Basis, Estimate};

/// How long a lag must hold that rests on timestamps. The time is there to see more of the log: a
/// worker that starts with a wrong clock must not wake anyone up, nor must records that their producer
/// held back and that are worked off at once.
pub const UNVERIFIED_HOLD: Duration = Duration::from_secs(30);

/// Why there is an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertReason {
    /// More than the limit behind.
    Behind,
    /// For longer than the limit nobody could say how far behind.
    Unknown,
}

impl AlertReason {
    /// The name in events and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Unknown => "unknown",
        }
    }
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertPhase {
    /// It began, or its reason changed.
    Raised,
    /// It is over.
    Cleared,
    /// The partition is no longer ours: someone else judges it now.
    Released,
}

impl AlertPhase {
    /// The name in events and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
            Self::Released => "released",
        }
    }
}

/// The alarm of one partition. Raised when the lag is above the limit for certain, cleared when it
/// is at most half of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarm {
    raised: Option<AlertReason>,
    behind_since: Option<Instant>,
    unknown_since: Option<Instant>,
}

impl Alarm {
    /// The reason, if the alarm is on.
    pub(crate) fn raised(&self) -> Option<AlertReason> {
        self.raised
    }

    /// Judges an estimate; says what changed.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        estimate: &Estimate,
        lag_max: Duration,
    ) -> Option<(AlertPhase, AlertReason)> {
        let lag_ms_max = i64::try_from(lag_max.as_millis()).unwrap_or(i64::MAX);
        let over = |lag_ms: Option<i64>| lag_ms.is_some_and(|lag_ms| lag_ms > lag_ms_max);
        let certain = over(estimate.lag_ms_min);
        let by_clock = matches!(
            estimate.basis,
            Basis::UnverifiedClock | Basis::RecordTimestamp
        );
        let likely = by_clock && over(estimate.lag_ms);
        let behind_for = held(&mut self.behind_since, certain || likely, now);
        let unknown_for = held(&mut self.unknown_since, estimate.lag_ms.is_none(), now);
        let hold = if certain {
            Duration::ZERO
        } else {
            UNVERIFIED_HOLD
        };
        let reason = if behind_for.is_some_and(|held| held >= hold) {
            Some(AlertReason::Behind)
        } else if unknown_for.is_some_and(|held| held > lag_max) {
            Some(AlertReason::Unknown)
        } else {
            None
        };
        match (self.raised, reason) {
            (None | Some(AlertReason::Unknown), Some(AlertReason::Behind))
            | (None, Some(AlertReason::Unknown)) => {
                self.raised = reason;
                reason.map(|reason| (AlertPhase::Raised, reason))
            }
            (Some(raised), None) if is_over(raised, estimate, lag_ms_max) => {
                self.raised = None;
                Some((AlertPhase::Cleared, raised))
            }
            _ => None,
        }
    }
}

/// Since when something holds, as a duration; `None` if it does not.
fn held(since: &mut Option<Instant>, holds: bool, now: Instant) -> Option<Duration> {
    if !holds {
        *since = None;
        return None;
    }
    Some(now.saturating_duration_since(*since.get_or_insert(now)))
}

fn is_over(raised: AlertReason, estimate: &Estimate, lag_ms_max: i64) -> bool {
    match (raised, estimate.lag_ms) {
        (_, None) => false,
        (AlertReason::Behind, Some(lag_ms)) => lag_ms <= lag_ms_max / 2,
        (AlertReason::Unknown, Some(lag_ms)) => lag_ms <= lag_ms_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(300);

    fn estimate(lag_s: Option<i64>, basis: Basis) -> Estimate {
        Estimate {
            lag_ms: lag_s.map(|seconds| seconds * 1_000),
            lag_ms_min: lag_s
                .filter(|_| basis != Basis::UnverifiedClock)
                .map(|seconds| seconds * 1_000),
            basis,
            ..Estimate::UNKNOWN
        }
    }

    /// Judges one estimate every ten seconds.
    fn story(lags_s: &[Option<i64>], basis: Basis) -> String {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        let mut told = Vec::new();
        for (index, lag_s) in lags_s.iter().enumerate() {
            let seconds = 10 * index as u64;
            let now = start + Duration::from_secs(seconds);
            if let Some((phase, reason)) = alarm.judge(now, &estimate(*lag_s, basis), MAX) {
                told.push(format!("{seconds} s {} {}", phase.name(), reason.name()));
            }
        }
        told.join(", ")
    }

    #[test]
    fn it_does_not_flap_around_the_limit() {
        let lags = [299, 300, 301, 299, 301, 299, 151, 301, 150, 299, 150, 301].map(Some);
        insta::assert_snapshot!(story(&lags, Basis::RecordTimestamp), @"20 s raised behind, 80 s cleared behind, 110 s raised behind");
    }

    #[test]
    fn clocks_that_nobody_could_check_must_hold() {
        insta::assert_snapshot!(story(&[Some(400); 5], Basis::UnverifiedClock), @"30 s raised behind");
        let spike = [
            Some(400),
            Some(400),
            Some(0),
            Some(400),
            Some(400),
            Some(400),
        ];
        insta::assert_snapshot!(story(&spike, Basis::UnverifiedClock), @"");
    }

    #[test]
    fn not_knowing_for_too_long_is_an_alert_of_its_own() {
        let mut lags = vec![None; 40];
        lags.extend([Some(200), Some(0)]);
        insta::assert_snapshot!(story(&lags, Basis::Unknown), @"310 s raised unknown, 400 s cleared unknown");
        let mut lags = vec![None; 40];
        lags.extend([Some(400), Some(200), Some(100)]);
        insta::assert_snapshot!(story(&lags, Basis::Unknown), @"310 s raised unknown, 400 s raised behind, 420 s cleared behind");
    }
}
