//! The block that a failed seed leaves: what broke, why, and the command that replays it.

use super::style::{Style, Tone};
use crate::checker::violation::{Violation, ViolationKind};

/// A failed seed.
#[derive(Debug, Clone)]
pub struct Failure<'r> {
    /// The scenario.
    pub scenario: &'r str,
    /// The seed.
    pub seed: u64,
    /// What was found; not empty.
    pub violations: &'r [Violation],
    /// What shrinking came to, if it was tried.
    pub shrunk: Option<&'r str>,
    /// Where plan, verdict and trace are, if they were saved.
    pub saved: Option<&'r str>,
    /// The command that replays it.
    pub replay: &'r str,
}

/// `completeness: 1 record lost; order: 2 rows out of order`.
#[must_use]
pub fn headline(violations: &[Violation]) -> String {
    let parts: Vec<String> = counted_kinds(violations)
        .into_iter()
        .map(|(kind, count)| format!("{}: {}", kind.checker(), kind.counted(count)))
        .collect();
    parts.join("; ")
}

/// Kinds in the order in which they were first found.
fn counted_kinds(violations: &[Violation]) -> Vec<(ViolationKind, usize)> {
    let mut kinds: Vec<(ViolationKind, usize)> = Vec::new();
    for violation in violations {
        match kinds.iter_mut().find(|(kind, _)| *kind == violation.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((violation.kind, 1)),
        }
    }
    kinds
}

impl Failure<'_> {
    /// The block, its lines separated by line ends.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        self.block(Tone::Bad, "FAIL", style)
    }

    /// The block of a planted bug that was caught, as it should be.
    #[must_use]
    pub fn render_caught(&self, style: Style) -> String {
        self.block(Tone::Good, "CAUGHT", style)
    }

    fn block(&self, tone: Tone, verb: &str, style: Style) -> String {
        let mut lines = vec![
            style.line(
                tone,
                verb,
                &format!(
                    "{}  seed {}  {}",
                    self.scenario,
                    self.seed,
                    headline(self.violations)
                ),
            ),
            String::new(),
        ];
        lines.extend(found(self.violations, style));
        lines.extend(self.ends(style));
        lines.join("\n")
    }

    /// Only where it is saved and how it is replayed, for a seed that ended without an answer.
    #[must_use]
    pub fn render_saved(&self, style: Style) -> String {
        self.ends(style).join("\n")
    }

    fn ends(&self, style: Style) -> Vec<String> {
        let ends = [
            ("shrunk", self.shrunk),
            ("saved", self.saved),
            ("replay", Some(self.replay)),
        ];
        ends.into_iter()
            .filter_map(|(verb, text)| Some(style.line(Tone::Neutral, verb, text?)))
            .collect()
    }
}

/// So many more violations get a line of their own.
const ALSO_MAX: usize = 3;

/// What was found: one violation told in full, some more in a line each.
#[must_use]
pub fn found(violations: &[Violation], style: Style) -> Vec<String> {
    // The one with the best explanation tells most.
    let told = violations
        .iter()
        .find(|violation| {
            violation
                .explanation
                .as_ref()
                .is_some_and(|explanation| explanation.wrong_step.is_some())
        })
        .or(violations.first());
    let mut lines = told.map_or_else(Vec::new, |violation| tell(violation, style));
    lines.extend(
        violations
            .iter()
            .filter(|violation| Some(*violation) != told)
            .take(ALSO_MAX)
            .map(|violation| {
                let text = format!("{}  {}", violation.kind.verb(), subject(violation));
                style.line(Tone::Neutral, "also", &text)
            }),
    );
    lines
}

fn tell(violation: &Violation, style: Style) -> Vec<String> {
    let mut lines = vec![
        style.line(Tone::Bad, violation.kind.verb(), &subject(violation)),
        style.line(Tone::Neutral, "promised", violation.kind.promise()),
    ];
    let Some(explanation) = &violation.explanation else {
        return lines;
    };
    let times: Vec<String> = explanation
        .because
        .iter()
        .map(|step| seconds(step.at_ns))
        .collect();
    let width = times.iter().map(String::len).max().unwrap_or_default();
    for (index, (step, time)) in explanation.because.iter().zip(&times).enumerate() {
        let text = format!("{time:>width$}  {:<9}  {}", step.who, step.what);
        lines.push(if index == 0 {
            style.line(Tone::Neutral, "because", &text)
        } else {
            Style::continuation(&text)
        });
    }
    if let Some(wrong) = &explanation.wrong_step {
        lines.push(style.line(Tone::Bad, "wrong", wrong));
    }
    lines
}

/// The record or process it is about, and what was found.
fn subject(violation: &Violation) -> String {
    let record = violation.record.as_ref();
    let position = record
        .and_then(|record| record.position.as_ref())
        .map(ToString::to_string);
    let id = record
        .and_then(|record| record.id.as_deref())
        .map(|id| format!("id \"{id}\""));
    let acknowledged = record
        .and_then(|record| record.acknowledged_at_ns)
        .map(|at_ns| format!("acknowledged to its producer at {}", seconds(at_ns)));
    // A lost record's message only says again what stands here.
    let message = match (violation.kind, &id) {
        (ViolationKind::Lost, Some(_)) => None,
        _ => Some(violation.message.clone()),
    };
    let named = [position, violation.process.clone()];
    let named = named.into_iter().flatten().collect::<Vec<_>>().join("  ");
    let id = id.filter(|_| violation.kind == ViolationKind::Lost);
    let said: Vec<String> = [id, message, acknowledged].into_iter().flatten().collect();
    [named, said.join(", ")]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}

/// `12.204 s`.
fn seconds(at_ns: u64) -> String {
    let millis = at_ns / 1_000_000;
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::violation::RecordRef;
    use crate::explain::{Explanation, Step};
    use crate::pipeline_under_test::RecordPosition;

    fn step(at_ms: u64, who: &str, what: &str) -> Step {
        Step {
            at_ns: at_ms * 1_000_000,
            who: who.to_owned(),
            what: what.to_owned(),
        }
    }

    fn lost() -> Violation {
        let mut violation = Violation::new(ViolationKind::Lost, "id \"IBM-000412\" has no row")
            .about(RecordRef {
                position: Some(RecordPosition {
                    topic: "trades".to_owned(),
                    partition: 3,
                    offset: 412,
                }),
                id: Some("IBM-000412".to_owned()),
                acknowledged_at_ns: Some(12_204_000_000),
            });
        violation.explanation = Some(Explanation {
            because: vec![
                step(9_918, "worker-2", "polls trades-3@400..449"),
                step(
                    12_921,
                    "worker-2",
                    "offset commit trades-3 -> 450, before the sink commit",
                ),
                step(12_934, "FAULT", "kill worker-2"),
            ],
            wrong_step: Some("worker-2 committed offset 450 before any sink commit".to_owned()),
        });
        violation
    }

    fn block(violations: &[Violation], style: Style) -> String {
        Failure {
            scenario: "fast/crash-restart",
            seed: 37,
            violations,
            shrunk: Some("2 workers, 50 records, 1 kill"),
            saved: Some("target/whitewater/failures/crash-restart-37/"),
            replay: "cargo whitewater replay target/whitewater/failures/crash-restart-37",
        }
        .render(style)
    }

    #[test]
    fn a_failure_says_what_why_and_how_to_replay() {
        insta::assert_snapshot!(block(&[lost()], Style::Plain), @r#"
            FAIL  fast/crash-restart  seed 37  completeness: 1 record lost

            lost  trades-3@412  id "IBM-000412", acknowledged to its producer at 12.204 s
        promised  an acknowledged record is a result, a duplicate, filtered or quarantined
         because   9.918 s  worker-2   polls trades-3@400..449
                  12.921 s  worker-2   offset commit trades-3 -> 450, before the sink commit
                  12.934 s  FAULT      kill worker-2
           wrong  worker-2 committed offset 450 before any sink commit
          shrunk  2 workers, 50 records, 1 kill
           saved  target/whitewater/failures/crash-restart-37/
          replay  cargo whitewater replay target/whitewater/failures/crash-restart-37
        "#);
    }

    #[test]
    fn more_violations_get_a_line_each() {
        let mut another = lost();
        another.explanation = None;
        let violations = [
            another,
            lost(),
            Violation::new(
                ViolationKind::Unbalanced,
                "records in, and ...: 10 against 9",
            ),
            Violation::new(ViolationKind::Panicked, "panicked: no sink").in_process("worker-1"),
        ];
        insta::assert_snapshot!(block(&violations, Style::Plain), @r#"
            FAIL  fast/crash-restart  seed 37  completeness: 2 records lost; conservation: 1 sum off; panic: 1 process panicked

            lost  trades-3@412  id "IBM-000412", acknowledged to its producer at 12.204 s
        promised  an acknowledged record is a result, a duplicate, filtered or quarantined
         because   9.918 s  worker-2   polls trades-3@400..449
                  12.921 s  worker-2   offset commit trades-3 -> 450, before the sink commit
                  12.934 s  FAULT      kill worker-2
           wrong  worker-2 committed offset 450 before any sink commit
            also  lost  trades-3@412  id "IBM-000412", acknowledged to its producer at 12.204 s
            also  unbalanced  records in, and ...: 10 against 9
            also  panicked  worker-1  panicked: no sink
          shrunk  2 workers, 50 records, 1 kill
           saved  target/whitewater/failures/crash-restart-37/
          replay  cargo whitewater replay target/whitewater/failures/crash-restart-37
        "#);
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let coloured = block(&[lost()], Style::Colour);
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once('\x1b') {
            plain.push_str(before);
            rest = after.split_once('m').map_or("", |(_, after)| after);
        }
        plain.push_str(rest);
        assert_eq!(plain, block(&[lost()], Style::Plain));
        assert_ne!(coloured, plain);
    }
}
