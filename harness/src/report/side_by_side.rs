//! The verdicts of one plan, in the simulation and on Apache Kafka, one above the other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::failure::headline;
use super::number::counted;
use super::style::{Style, Tone};
use crate::real::possible;
use crate::verdict::{CheckerName, Outcome, Verdict};

/// What one plan came to in both worlds.
#[derive(Debug, Clone)]
pub struct SideBySide<'r> {
    /// The scenario.
    pub scenario: &'r str,
    /// The seed.
    pub seed: u64,
    /// For a negative: the checker that must catch it.
    pub caught_by: Option<CheckerName>,
    /// In the simulation, and how long that took.
    pub simulated: (&'r Verdict, Duration),
    /// On Apache Kafka, and how long that took.
    pub real: (&'r Verdict, Duration),
}

impl SideBySide<'_> {
    /// Two lines, separated by a line end.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let name = format!("{}  seed {}", self.scenario, self.seed);
        let blank = " ".repeat(name.chars().count());
        let lines = [
            self.line(&name, "simulated", self.simulated, style),
            self.line(&blank, "real Kafka", self.real, style),
        ];
        lines.join("\n")
    }

    fn line(
        &self,
        name: &str,
        world: &str,
        (verdict, wall): (&Verdict, Duration),
        style: Style,
    ) -> String {
        let (tone, verb, found) = self.stands(verdict);
        let wall = wall.as_secs_f64();
        let text = format!("{name}  {world:<10} {wall:>7.1} s  {found}");
        style.line(tone, verb, &text)
    }

    fn stands(&self, verdict: &Verdict) -> (Tone, &'static str, String) {
        match (&verdict.outcome, self.caught_by) {
            (Outcome::Unknown { why }, _) => (Tone::Doubtful, "UNKNOWN", why.clone()),
            (outcome, Some(checker)) if outcome.caught_by(checker) => {
                (Tone::Good, "CAUGHT", headline(outcome.violations()))
            }
            (_, Some(checker)) => (
                Tone::Bad,
                "MISSED",
                format!("not caught by {checker} · {}", happened(verdict)),
            ),
            (Outcome::Failed { violations }, None) => (Tone::Bad, "FAIL", headline(violations)),
            (Outcome::Passed, None) => (Tone::Good, "PASS", happened(verdict)),
        }
    }
}

/// `1,012 records, 1,000 rows · hit: kill 4, pause 2`.
fn happened(verdict: &Verdict) -> String {
    let count = |name: &str| verdict.counters.get(name).copied().unwrap_or(0);
    let rows = format!(
        "{}, {}",
        counted(count("records"), "record"),
        counted(count("rows"), "row")
    );
    let hits = verdict.fault_hits.iter().filter(|(_, hits)| **hits > 0);
    let hits: Vec<String> = hits.map(|(kind, hits)| format!("{kind} {hits}")).collect();
    match hits.is_empty() {
        true => rows,
        false => format!("{rows} · hit: {}", hits.join(", ")),
    }
}

/// `left out of 9 faults, as no container engine does it: 2 delay, 1 loss`; a line for each reason.
#[must_use]
pub fn left_out(
    kinds: &BTreeMap<&'static str, (usize, &'static str)>,
    faults: usize,
) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, (count, why)) in kinds {
        let of_reason = by_reason.entry(why).or_default();
        of_reason.push(format!("{count} {kind}"));
    }
    let faults = counted(faults as u64, "fault");
    by_reason
        .iter()
        .map(|(why, kinds)| {
            format!(
                "not on real Kafka, of {faults}: {} ({why})",
                kinds.join(", ")
            )
        })
        .collect()
}

/// Which families are not judged on Apache Kafka, in a line for each reason.
#[must_use]
pub fn not_judged() -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
    for (checker, why) in possible::NOT_JUDGED {
        match by_reason.iter_mut().find(|(known, _)| known == why) {
            Some((_, names)) => names.push(checker.to_string()),
            None => by_reason.push((why, vec![checker.to_string()])),
        }
    }
    by_reason
        .iter()
        .map(|(why, names)| format!("not judged there: {} ({why})", names.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::violation::{Violation, ViolationKind};

    fn verdict(outcome: Outcome) -> Verdict {
        Verdict {
            outcome,
            fault_hits: BTreeMap::from([("kill".to_owned(), 3), ("pause".to_owned(), 0)]),
            counters: BTreeMap::from([("records".to_owned(), 1_012), ("rows".to_owned(), 1_000)]),
            ..Verdict::unknown("")
        }
    }

    fn lines(simulated: Outcome, real: Outcome, caught_by: Option<CheckerName>) -> String {
        SideBySide {
            scenario: "fast/crash-restart",
            seed: 1,
            caught_by,
            simulated: (&verdict(simulated), Duration::from_millis(412)),
            real: (&verdict(real), Duration::from_secs(97)),
        }
        .render(Style::Plain)
    }

    #[test]
    fn both_verdicts_stand_below_each_other() {
        let lost = || Outcome::of(vec![Violation::new(ViolationKind::Lost, "gone")]);
        let unknown = || Outcome::Unknown {
            why: "interrupted; 412 records sent, 300 rows".to_owned(),
        };
        let checker = Some(CheckerName::Completeness);
        let all = [
            lines(Outcome::Passed, Outcome::Passed, None),
            lines(Outcome::Passed, lost(), None),
            lines(Outcome::Passed, unknown(), None),
            lines(lost(), lost(), checker),
            lines(lost(), Outcome::Passed, checker),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn what_is_left_out_is_named_with_its_reason() {
        let kinds = BTreeMap::from([
            ("clock-skew", (1, "its clocks are the machine's")),
            ("delay", (2, "no container engine does it")),
            ("loss", (1, "no container engine does it")),
        ]);
        let all = [left_out(&kinds, 21), not_judged()].concat();
        insta::assert_snapshot!(all.join("\n"));
    }
}
