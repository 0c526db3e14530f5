//! The last lines of a sweep.

use std::collections::BTreeMap;
use std::time::Duration;

use super::number::{counted, grouped, rule_of_three};
use super::status::{Status, hits};
use super::style::{Style, Tone};
use super::tally::Tally;

/// A sweep over scenarios, added up.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    passed: u64,
    failed: u64,
    unknown: u64,
    skipped: u64,
    seeds: u64,
    failed_seeds: u64,
    fewest_seeds: Option<u64>,
    simulated_ns: u64,
    hit_seeds: BTreeMap<String, u64>,
}

impl Summary {
    /// Adds a scenario. `is_negative`: its seeds are meant to fail.
    pub fn add(&mut self, status: &Status, tally: &Tally, is_negative: bool) {
        match status {
            Status::Passed => self.passed += 1,
            Status::Failed { .. } | Status::Missed { .. } | Status::Vacuous { .. } => {
                self.failed += 1;
            }
            Status::Unknown { .. } => self.unknown += 1,
            Status::Skipped { .. } => {
                self.skipped += 1;
                return;
            }
        }
        self.seeds += tally.seeds;
        self.simulated_ns += tally.simulated_ns;
        for (kind, seeds) in &tally.hit_seeds {
            *self.hit_seeds.entry(kind.clone()).or_default() += seeds;
        }
        if !is_negative {
            self.failed_seeds += tally.failed.len() as u64;
            let fewest = self.fewest_seeds.get_or_insert(tally.seeds);
            *fewest = tally.seeds.min(*fewest);
        }
    }

    /// The lines, separated by line ends. `interrupted`: the sweep was ended early.
    #[must_use]
    pub fn render(&self, wall: Duration, interrupted: bool, style: Style) -> String {
        let counts = [
            (self.passed, "passed"),
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.skipped, "skipped"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(count)))
            .collect();
        let counts = if counts.is_empty() {
            "no scenario finished".to_owned()
        } else {
            counts.join(", ")
        };
        let simulated_s = self.simulated_ns / 1_000_000_000;
        let interrupted = if interrupted { "interrupted: " } else { "" };
        let text = format!(
            "{interrupted}{counts} · {}, {} simulated seconds in {:.1} s",
            counted(self.seeds, "seed"),
            grouped(simulated_s),
            wall.as_secs_f64()
        );
        let tone = if self.failed > 0 {
            Tone::Bad
        } else if self.unknown + self.skipped > 0 {
            Tone::Doubtful
        } else {
            Tone::Good
        };
        let mut lines = vec![style.line(tone, "Summary", &text)];
        lines.extend(hits(self.hit_seeds.iter()).map(|hits| Style::continuation(&hits)));
        lines.extend(self.confidence().map(|text| Style::continuation(&text)));
        lines.join("\n")
    }

    /// What the absence of failures is worth.
    fn confidence(&self) -> Option<String> {
        let seeds = self.fewest_seeds.filter(|seeds| *seeds > 0)?;
        if self.failed_seeds > 0 || self.unknown > 0 {
            return None;
        }
        let more = seeds.saturating_mul(100);
        Some(format!(
            "0 failures in {}: below {} per seed (95 %); --seeds {more} for below {}",
            counted(seeds, "seed"),
            rule_of_three(seeds),
            rule_of_three(more)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::violation::{Violation, ViolationKind};

    fn tally(seeds: u64, failed: bool) -> Tally {
        Tally {
            seeds,
            simulated_ns: seeds * 60_000_000_000,
            hit_seeds: BTreeMap::from([("kill".to_owned(), seeds / 2), ("delay".to_owned(), 0)]),
            failed: if failed {
                vec![(7, vec![Violation::new(ViolationKind::Lost, "lost")])]
            } else {
                Vec::new()
            },
            ..Tally::default()
        }
    }

    fn text(summary: &Summary, interrupted: bool) -> String {
        summary.render(Duration::from_millis(4_100), interrupted, Style::Plain)
    }

    #[test]
    fn a_good_sweep_says_what_it_is_worth() {
        let mut summary = Summary::default();
        for _ in 0..6 {
            summary.add(&Status::Passed, &tally(100, false), false);
        }
        let skipped = Status::Skipped {
            why: "no data".to_owned(),
        };
        summary.add(&skipped, &Tally::default(), false);
        insta::assert_snapshot!(text(&summary, false), @r"
        Summary  6 passed, 1 skipped · 600 seeds, 36,000 simulated seconds in 4.1 s
                 seeds hit: delay 0, kill 300
                 0 failures in 100 seeds: below 3 % per seed (95 %); --seeds 10000 for below 0.03 %
        ");
    }

    #[test]
    fn a_failed_sweep_claims_nothing() {
        let mut summary = Summary::default();
        summary.add(&Status::Passed, &tally(1_000, false), false);
        summary.add(&Status::Failed { seed: 7 }, &tally(1_000, true), false);
        insta::assert_snapshot!(text(&summary, true), @r"
        Summary  interrupted: 1 passed, 1 failed · 2,000 seeds, 120,000 simulated seconds in 4.1 s
                 seeds hit: delay 0, kill 1,000
        ");
    }

    #[test]
    fn seeds_of_negatives_are_meant_to_fail() {
        let mut summary = Summary::default();
        summary.add(&Status::Passed, &tally(50, true), true);
        insta::assert_snapshot!(text(&summary, false), @r"
        Summary  1 passed · 50 seeds, 3,000 simulated seconds in 4.1 s
                 seeds hit: delay 0, kill 25
        ");
        insta::assert_snapshot!(text(&Summary::default(), true), @"    Summary  interrupted: no scenario finished · 0 seeds, 0 simulated seconds in 4.1 s");
    }
}
