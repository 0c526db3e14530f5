//! An alert about lag, as it is told to people and machines.

use std::time::Duration;

use serde::Serialize;

use crate::lag::alarm::{AlertPhase, AlertReason};
use crate::lag::estimate::{Basis, Estimate};
use crate::topic_partition::TopicPartition;

/// One change of one partition's alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The partition.
    pub partition: TopicPartition,
    /// What changed.
    pub phase: AlertPhase,
    /// Why it is or was raised.
    pub reason: AlertReason,
    /// How far behind the partition is.
    pub estimate: Estimate,
    /// The limit.
    pub lag_max: Duration,
}

/// An alert as JSON: `text` for people (chat systems show it), the numbers for machines. What is
/// not known is null.
#[derive(Debug, Serialize)]
struct AlertBody<'a> {
    text: String,
    group: &'a str,
    worker: &'a str,
    partition: String,
    phase: &'static str,
    reason: &'static str,
    lag_ms_max: u64,
    #[serde(flatten)]
    estimate: &'a Estimate,
}

impl Alert {
    /// One sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let partition = &self.partition;
        let limit = span(i64::try_from(self.lag_max.as_millis()).unwrap_or(i64::MAX));
        let behind = behind(&self.estimate);
        match (self.phase, self.reason) {
            (AlertPhase::Raised, AlertReason::Behind) => {
                format!("{partition} is more than {limit} behind: {behind}")
            }
            (AlertPhase::Raised, AlertReason::Unknown) => {
                format!("for more than {limit} nobody can say how far {partition} is behind")
            }
            (AlertPhase::Cleared, _) => format!("{partition} is back: {behind}"),
            (AlertPhase::Released, _) => {
                format!("{partition} has left this worker; who has it now judges it anew")
            }
        }
    }

    /// The alert as one JSON object.
    #[must_use]
    pub fn body(&self, group: &str, worker: &str) -> String {
        let body = AlertBody {
            text: format!("{group}: {}", self.sentence()),
            group,
            worker,
            partition: self.partition.to_string(),
            phase: self.phase.name(),
            reason: self.reason.name(),
            lag_ms_max: u64::try_from(self.lag_max.as_millis()).unwrap_or(u64::MAX),
            estimate: &self.estimate,
        };
        serde_json::to_string(&body).expect("an alert is plain text and numbers")
    }
}

/// `6 min 40 s, 12 records, by record timestamps against this host's clock`.
#[must_use]
pub fn behind(estimate: &Estimate) -> String {
    let age = match (estimate.lag_ms, estimate.lag_ms_min) {
        (Some(lag_ms), _) if estimate.basis != Basis::Observed => span(lag_ms),
        (_, Some(lag_ms_min)) => format!("at least {}", span(lag_ms_min)),
        (Some(lag_ms), None) => span(lag_ms),
        (None, None) => "time not known".to_owned(),
    };
    let offsets = match estimate.lag_offsets {
        Some(1) => "1 offset".to_owned(),
        Some(offsets) => format!("{offsets} offsets"),
        None => "offsets not known".to_owned(),
    };
    let mut text = format!("{age}, {offsets}");
    if let Some(basis) = basis(estimate) {
        text.push_str(", ");
        text.push_str(&basis);
    }
    text
}

/// What the age is based on, in words; nothing to say when caught up.
#[must_use]
pub fn basis(estimate: &Estimate) -> Option<String> {
    let skew = estimate.clock_skew_ms.map(|skew_ms| {
        let direction = if skew_ms > 0 { "ahead of" } else { "behind" };
        let apart = span(skew_ms.saturating_abs());
        format!("this host's clock is at least {apart} {direction} the record timestamps")
    });
    match estimate.basis {
        Basis::CaughtUp => None,
        Basis::RecordTimestamp => Some("by record timestamps against this host's clock".to_owned()),
        Basis::UnverifiedClock => {
            Some("by record timestamps against this host's clock, not checked yet".to_owned())
        }
        Basis::Observed => Some(match skew {
            Some(skew) => format!("by what was seen of the log: {skew}"),
            None => "by what was seen of the log".to_owned(),
        }),
        Basis::Unknown => skew,
    }
}

/// `850 ms`, `42 s`, `6 min 40 s`, `3 h 5 min`, `2 d 4 h`: two units at most.
#[must_use]
pub fn span(ms: i64) -> String {
    let two = |whole: i64, unit: &str, rest: i64, rest_unit: &str| {
        if rest == 0 {
            format!("{whole} {unit}")
        } else {
            format!("{whole} {unit} {rest} {rest_unit}")
        }
    };
    match ms.max(0) {
        0 => "0 s".to_owned(),
        ms @ 1..1_000 => format!("{ms} ms"),
        ms @ 1_000..60_000 => format!("{} s", ms / 1_000),
        ms @ 60_000..3_600_000 => two(ms / 60_000, "min", ms / 1_000 % 60, "s"),
        ms @ 3_600_000..86_400_000 => two(ms / 3_600_000, "h", ms / 60_000 % 60, "min"),
        ms => two(ms / 86_400_000, "d", ms / 3_600_000 % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units_at_most() {
        let spans: Vec<String> = [
            0,
            7,
            1_000,
            59_999,
            60_000,
            400_000,
            11_100_000,
            187_200_000,
        ]
        .map(span)
        .into();
        insta::assert_snapshot!(spans.join(", "), @"0 s, 7 ms, 1 s, 59 s, 1 min, 6 min 40 s, 3 h 5 min, 2 d 4 h");
    }

    #[test]
    fn an_alert_says_how_far_and_by_what() {
        let alert = |phase, reason, lag_ms, basis, clock_skew_ms| Alert {
            partition: TopicPartition::new("trades", 3),
            phase,
            reason,
            estimate: Estimate {
                next_offset: Some(100),
                end_offset: Some(112),
                lag_offsets: Some(12),
                lag_ms,
                lag_ms_min: Some(301_000),
                basis,
                clock_skew_ms,
            },
            lag_max: Duration::from_secs(300),
        };
        let (raised, behind) = (AlertPhase::Raised, AlertReason::Behind);
        let alerts = [
            alert(raised, behind, Some(305_000), Basis::RecordTimestamp, None),
            alert(raised, behind, Some(905_000), Basis::UnverifiedClock, None),
            alert(
                raised,
                behind,
                Some(301_000),
                Basis::Observed,
                Some(-86_400_000),
            ),
            alert(raised, behind, None, Basis::Unknown, None),
            alert(raised, AlertReason::Unknown, None, Basis::Unknown, None),
            alert(
                AlertPhase::Cleared,
                behind,
                Some(2_000),
                Basis::RecordTimestamp,
                None,
            ),
            alert(AlertPhase::Released, behind, None, Basis::Unknown, None),
        ];
        let sentences: Vec<String> = alerts.iter().map(Alert::sentence).collect();
        insta::assert_snapshot!(sentences.join("\n"), @r"
        trades-3 is more than 5 min behind: 5 min 5 s, 12 offsets, by record timestamps against this host's clock
        trades-3 is more than 5 min behind: 15 min 5 s, 12 offsets, by record timestamps against this host's clock, not checked yet
        trades-3 is more than 5 min behind: at least 5 min 1 s, 12 offsets, by what was seen of the log: this host's clock is at least 1 d behind the record timestamps
        trades-3 is more than 5 min behind: at least 5 min 1 s, 12 offsets
        for more than 5 min nobody can say how far trades-3 is behind
        trades-3 is back: 2 s, 12 offsets, by record timestamps against this host's clock
        trades-3 has left this worker; who has it now judges it anew
        ");
        insta::assert_snapshot!(alerts[2].body("trades", "worker-1"), @r#"{"text":"trades: trades-3 is more than 5 min behind: at least 5 min 1 s, 12 offsets, by what was seen of the log: this host's clock is at least 1 d behind the record timestamps","group":"trades","worker":"worker-1","partition":"trades-3","phase":"raised","reason":"behind","lag_ms_max":300000,"next_offset":100,"end_offset":112,"lag_offsets":12,"lag_ms":301000,"lag_ms_min":301000,"basis":"observed","clock_skew_ms":-86400000}"#);
    }
}
