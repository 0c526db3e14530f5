//! The last lines of a sweep.

use std::collections::BTreeMap;
use std::time::Duration;

use super::number::{counted, failure_chance_max, grouped};
use super::status::{Status, hits, seeds_each};
use super::style::{Style, Tone};
use super::tally::Tally;

/// Fewer seeds leave a chance of a failure above 10 % open: no number that anyone could use.
const FEW_SEEDS: u64 = 29;
/// What is proposed instead.
const ENOUGH_SEEDS: u64 = 300;

/// What seeds are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They look for failures: if there is none, that is worth something.
    Search,
    /// They bring back what is known: a negative's failure, or a regression's.
    Recall,
}

/// A sweep over scenarios, added up.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    passed: u64,
    failed: u64,
    unknown: u64,
    skipped: u64,
    seeds: u64,
    failed_seeds: u64,
    known: u64,
    parts: u64,
    fewest_seeds: Option<u64>,
    simulated_ns: u64,
    hit_seeds: BTreeMap<String, u64>,
    probe_seeds: BTreeMap<String, u64>,
}

impl Summary {
    /// Adds a scenario.
    pub fn add(&mut self, status: &Status, tally: &Tally, purpose: Purpose) {
        match status {
            Status::Passed => self.passed += 1,
            Status::Failed { .. }
            | Status::Missed { .. }
            | Status::FailedWithout { .. }
            | Status::Vacuous { .. }
            | Status::Stale { .. } => {
                self.failed += 1;
            }
            Status::Unknown { .. } => self.unknown += 1,
            Status::Part { .. } => self.parts += 1,
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
        for (probe, seeds) in &tally.probe_seeds {
            *self.probe_seeds.entry(probe.clone()).or_default() += seeds;
        }
        self.known += tally.known;
        if purpose == Purpose::Search {
            self.failed_seeds += tally.failed.len() as u64;
            let fewest = self.fewest_seeds.get_or_insert(tally.seeds);
            *fewest = tally.seeds.min(*fewest);
        }
    }

    /// `3 passed, 1 failed`.
    #[must_use]
    pub fn counts(&self) -> String {
        let counts = [
            (self.passed, "passed"),
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.parts, "not judged alone"),
            (self.skipped, "skipped"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(count)))
            .collect();
        match counts.is_empty() {
            true => "no scenario finished".to_owned(),
            false => counts.join(", "),
        }
    }

    /// How it went.
    #[must_use]
    pub fn tone(&self) -> Tone {
        if self.failed > 0 {
            Tone::Bad
        } else if self.unknown + self.skipped + self.parts > 0 {
            Tone::Doubtful
        } else {
            Tone::Good
        }
    }

    /// The lines, separated by line ends. `interrupted`: the sweep was ended early.
    #[must_use]
    pub fn render(&self, wall: Duration, interrupted: bool, style: Style) -> String {
        let counts = self.counts();
        let simulated_s = self.simulated_ns / 1_000_000_000;
        let interrupted = if interrupted { "interrupted: " } else { "" };
        let text = format!(
            "{interrupted}{counts} · {}, {} simulated seconds in {:.1} s",
            counted(self.seeds, "seed"),
            grouped(simulated_s),
            wall.as_secs_f64()
        );
        let mut lines = vec![style.line(self.tone(), "Summary", &text)];
        lines.extend(hits(self.hit_seeds.iter()).map(|hits| Style::continuation(&hits)));
        let reached = seeds_each("seeds reached:", self.probe_seeds.iter());
        lines.extend(reached.map(|reached| Style::continuation(&reached)));
        if self.known > 0 {
            let known = counted(self.known, "known failure");
            lines.push(Style::continuation(&format!("{known}, as listed")));
        }
        lines.extend(self.confidence().map(|text| Style::continuation(&text)));
        lines.join("\n")
    }

    /// What the absence of failures is worth.
    fn confidence(&self) -> Option<String> {
        let seeds = self.fewest_seeds.filter(|seeds| *seeds > 0)?;
        if self.failed_seeds > 0 || self.unknown > 0 || self.known > 0 {
            return None;
        }
        let none = format!("0 failures in {}", counted(seeds, "seed"));
        if seeds < FEW_SEEDS {
            let chance = failure_chance_max(ENOUGH_SEEDS);
            return Some(format!(
                "{none}: too few to say much; --seeds {ENOUGH_SEEDS} for below {chance} per seed (95 %)"
            ));
        }
        let more = seeds.saturating_mul(100);
        Some(format!(
            "{none}: below {} per seed (95 %); --seeds {more} for below {}",
            failure_chance_max(seeds),
            failure_chance_max(more)
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
            probe_seeds: BTreeMap::from([("worker.fenced".to_owned(), seeds / 4)]),
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
            summary.add(&Status::Passed, &tally(100, false), Purpose::Search);
        }
        let skipped = Status::Skipped {
            why: "no data".to_owned(),
        };
        summary.add(&skipped, &Tally::default(), Purpose::Search);
        insta::assert_snapshot!(text(&summary, false), @r"
        Summary  6 passed, 1 skipped · 600 seeds, 36,000 simulated seconds in 4.1 s
                 seeds hit: kill 300
                 seeds reached: worker.fenced 150
                 0 failures in 100 seeds: below 3 % per seed (95 %); --seeds 10000 for below 0.03 %
        ");
    }

    #[test]
    fn a_failed_sweep_claims_nothing() {
        let mut summary = Summary::default();
        summary.add(&Status::Passed, &tally(1_000, false), Purpose::Search);
        summary.add(
            &Status::Failed { seed: 7 },
            &tally(1_000, true),
            Purpose::Search,
        );
        insta::assert_snapshot!(text(&summary, true), @r"
        Summary  interrupted: 1 passed, 1 failed · 2,000 seeds, 120,000 simulated seconds in 4.1 s
                 seeds hit: kill 1,000
                 seeds reached: worker.fenced 500
        ");
    }

    #[test]
    fn seeds_of_negatives_are_meant_to_fail() {
        let mut summary = Summary::default();
        summary.add(&Status::Passed, &tally(50, true), Purpose::Recall);
        insta::assert_snapshot!(text(&summary, false), @r"
        Summary  1 passed · 50 seeds, 3,000 simulated seconds in 4.1 s
                 seeds hit: kill 25
                 seeds reached: worker.fenced 12
        ");
        insta::assert_snapshot!(text(&Summary::default(), true), @"    Summary  interrupted: no scenario finished · 0 seeds, 0 simulated seconds in 4.1 s");
    }

    #[test]
    fn a_small_sweep_claims_no_nonsense() {
        let told = |seeds, known| {
            let mut summary = Summary::default();
            let mut tally = tally(seeds, false);
            tally.known = known;
            summary.add(&Status::Passed, &tally, Purpose::Search);
            text(&summary, false)
                .lines()
                .last()
                .map(str::trim)
                .map(str::to_owned)
        };
        let lines = [
            told(1, 0),
            told(28, 0),
            told(29, 0),
            told(2_000, 0),
            told(2_000, 3),
        ];
        let lines: Vec<String> = lines.into_iter().flatten().collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        0 failures in 1 seed: too few to say much; --seeds 300 for below 1 % per seed (95 %)
        0 failures in 28 seeds: too few to say much; --seeds 300 for below 1 % per seed (95 %)
        0 failures in 29 seeds: below 9.9 % per seed (95 %); --seeds 2900 for below 0.11 %
        0 failures in 2,000 seeds: below 0.15 % per seed (95 %); --seeds 200000 for below 0.0015 %
        3 known failures, as listed
        ");
    }
}
