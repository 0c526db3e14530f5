//! Liveness: once everything is healed, the topics are drained within the bound (see
//! [`crate::plan::bound`]).

use std::collections::{BTreeMap, BTreeSet};

use super::observation::Observation;
use super::violation::{Violation, ViolationKind};

/// Whether draining took too long, or never came to an end.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    let bound_ns = observation.liveness_ms.saturating_mul(1_000_000);
    let message = match observation.drained_at_ns {
        Some(at_ns) => {
            let took_ns = at_ns.saturating_sub(observation.healed_at_ns);
            if took_ns <= bound_ns {
                return Vec::new();
            }
            format!(
                "drained {} s after healing, allowed are {} s",
                took_ns / 1_000_000_000,
                bound_ns / 1_000_000_000
            )
        }
        None => format!(
            "not drained {} s after healing: {}",
            bound_ns / 1_000_000_000,
            what_is_owed(observation)
        ),
    };
    vec![Violation::new(ViolationKind::NotDrained, message)]
}

/// How much is missing, by partition: records in the log behind the last committed offset.
fn what_is_owed(observation: &Observation) -> String {
    let committed = observation.last_committed();
    let mut behind: BTreeMap<(&str, i32), u64> = BTreeMap::new();
    for record in &observation.log {
        let partition = (record.topic.clone(), record.partition);
        if record.offset >= committed.get(&partition).copied().unwrap_or(0) {
            *behind.entry((&record.topic, record.partition)).or_default() += 1;
        }
    }
    let found: BTreeSet<&str> = observation
        .results
        .iter()
        .map(|row| row.id.as_str())
        .collect();
    let missing = observation
        .expected
        .iter()
        .filter(|row| !found.contains(row.id.as_str()))
        .count();
    let behind: Vec<String> = behind
        .iter()
        .map(|((topic, partition), records)| format!("{topic}-{partition} lags {records}"))
        .collect();
    let behind = if behind.is_empty() {
        "every offset is committed".to_owned()
    } else {
        behind.join(", ")
    };
    format!("{missing} rows missing, {behind}")
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;

    #[test]
    fn a_right_run_is_drained_in_time() {
        assert!(check(&planted::right_run()).is_empty());
    }

    #[test]
    fn the_bound_is_the_limit() {
        let mut run = planted::right_run();
        run.drained_at_ns = Some(run.healed_at_ns + run.liveness_ms * 1_000_000);
        assert!(check(&run).is_empty());
        run.drained_at_ns = run.drained_at_ns.map(|at_ns| at_ns + 1);
        assert_eq!(check(&run)[0].kind, ViolationKind::NotDrained);
    }

    #[test]
    fn a_stuck_run_says_what_is_owed() {
        let mut run = planted::right_run();
        run.drained_at_ns = None;
        run.results.truncate(4);
        run.trace.clear();
        insta::assert_snapshot!(check(&run)[0].message, @"not drained 30 s after healing: 2 rows missing, trades-0 lags 4, trades-1 lags 3, trades-2 lags 1");
    }
}
