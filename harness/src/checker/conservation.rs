//! Conservation: what goes in comes out somewhere, and the pipeline's own count says so.
//!
//! - an acknowledged record is in the log (else the cluster lost it);
//! - records in = results + filtered + duplicates + redelivered + quarantined;
//! - what was counted as result and as quarantined is what lies in sink and quarantine;
//! - once drained, each record of the log was taken in once: results + filtered + duplicates +
//!   quarantined = records in the log.

use std::collections::BTreeSet;

use super::observation::Observation;
use super::violation::{RecordRef, Violation, ViolationKind};
use crate::pipeline_under_test::{Accounting, InputRecord};

/// What does not add up.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    let mut violations = missing_from_log(observation);
    if let Some(accounting) = observation.accounting {
        violations.extend(sums(observation, accounting));
    }
    violations
}

fn missing_from_log(observation: &Observation) -> Vec<Violation> {
    let log: BTreeSet<_> = observation.log.iter().map(InputRecord::position).collect();
    observation
        .acknowledged
        .iter()
        .filter(|(position, _)| !log.contains(position))
        .map(|(position, acknowledged)| {
            let message = format!("{position} was acknowledged and is not in the log");
            Violation::new(ViolationKind::MissingFromLog, message).about(RecordRef {
                position: Some(position.clone()),
                id: None,
                acknowledged_at_ns: Some(acknowledged.at_ns),
            })
        })
        .collect()
}

fn sums(observation: &Observation, accounting: Accounting) -> Vec<Violation> {
    let Accounting {
        records_in,
        results,
        filtered,
        duplicates,
        redelivered,
        quarantined,
    } = accounting;
    let once = results + filtered + duplicates + quarantined;
    let mut sums = vec![
        Sum {
            what: "records in, and what became of them",
            counted: records_in,
            found: once + redelivered,
            parts: format!(
                "{results} results + {filtered} filtered + {duplicates} duplicates + \
                 {redelivered} redelivered + {quarantined} quarantined"
            ),
        },
        Sum {
            what: "results counted, and rows in the sink",
            counted: results,
            found: observation.results.len() as u64,
            parts: String::new(),
        },
    ];
    if let Some(positions) = &observation.quarantined {
        sums.push(Sum {
            what: "quarantined counted, and records in quarantine",
            counted: quarantined,
            found: positions.len() as u64,
            parts: String::new(),
        });
    }
    if observation.drained_at_ns.is_some() {
        sums.push(Sum {
            what: "records in the log, and records taken in once",
            counted: observation.log.len() as u64,
            found: once,
            parts: format!(
                "{results} results + {filtered} filtered + {duplicates} duplicates + \
                 {quarantined} quarantined"
            ),
        });
    }
    sums.into_iter().filter_map(Sum::violation).collect()
}

/// Two numbers that must be equal.
struct Sum {
    what: &'static str,
    counted: u64,
    found: u64,
    parts: String,
}

impl Sum {
    fn violation(self) -> Option<Violation> {
        if self.counted == self.found {
            return None;
        }
        let parts = if self.parts.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.parts)
        };
        let message = format!(
            "{}: {} against {}{parts}",
            self.what, self.counted, self.found
        );
        Some(Violation::new(ViolationKind::Unbalanced, message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;

    fn messages(observation: &Observation) -> Vec<String> {
        check(observation)
            .into_iter()
            .map(|violation| violation.message)
            .collect()
    }

    #[test]
    fn a_right_run_adds_up() {
        assert!(check(&planted::right_run()).is_empty());
    }

    #[test]
    fn each_sum_that_is_off_is_named() {
        let mut run = planted::right_run();
        let accounting = run.accounting.as_mut().expect("counted");
        accounting.records_in += 1;
        insta::assert_snapshot!(messages(&run).join("\n"), @"records in, and what became of them: 10 against 9 (6 results + 0 filtered + 1 duplicates + 1 redelivered + 1 quarantined)");

        let mut run = planted::right_run();
        run.results.pop();
        insta::assert_snapshot!(messages(&run).join("\n"), @"results counted, and rows in the sink: 6 against 5");

        let mut run = planted::right_run();
        run.quarantined.as_mut().expect("has one").clear();
        insta::assert_snapshot!(messages(&run).join("\n"), @"quarantined counted, and records in quarantine: 1 against 0");

        let mut run = planted::right_run();
        let accounting = run.accounting.as_mut().expect("counted");
        accounting.records_in -= 1;
        accounting.duplicates -= 1;
        insta::assert_snapshot!(messages(&run).join("\n"), @"records in the log, and records taken in once: 8 against 7 (6 results + 0 filtered + 0 duplicates + 1 quarantined)");
    }

    #[test]
    fn what_is_not_drained_need_not_be_taken_in() {
        let mut run = planted::right_run();
        run.drained_at_ns = None;
        let accounting = run.accounting.as_mut().expect("counted");
        accounting.records_in -= 1;
        accounting.duplicates -= 1;
        assert!(check(&run).is_empty());
    }

    #[test]
    fn an_acknowledged_record_that_the_log_lacks_is_named() {
        let mut run = planted::right_run();
        run.accounting = None;
        let gone = run.log.remove(0).position();
        let violations = check(&run);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].kind, ViolationKind::MissingFromLog);
        let record = violations[0].record.as_ref().expect("about a record");
        assert_eq!(record.position.as_ref(), Some(&gone));
    }
}
