//! One line for each scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::headline;
use super::number::{counted, grouped};
use super::style::{Style, Tone};
use super::tally::Tally;
use crate::scenario::{FAULT_PROBE, Scenario};
use crate::verdict::CheckerName;

/// How a scenario stands after its seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As it should be; for a negative: caught.
    Passed,
    /// A seed failed.
    Failed {
        /// The first one.
        seed: u64,
    },
    /// A negative was not caught by the checker it names.
    Missed {
        /// That checker.
        checker: CheckerName,
    },
    /// A negative failed in a seed without any of the faults that it should need.
    FailedWithout {
        /// The first such seed.
        seed: u64,
        /// Those kinds of faults.
        kinds: Vec<String>,
    },
    /// No seed reached a probe that the scenario is about: it proves nothing.
    Vacuous {
        /// The probes.
        probes: Vec<String>,
    },
    /// No seed failed, but one has no answer.
    Unknown {
        /// The first one.
        seed: u64,
        /// Why.
        why: String,
    },
    /// A regression passes, but what made it fail does not happen any more.
    Stale {
        /// Faults and probes.
        gone: Vec<String>,
    },
    /// A part of a sweep does not show what the whole must: see who merges the parts.
    Part {
        /// What it does not show.
        lacks: String,
    },
    /// It did not run.
    Skipped {
        /// Why.
        why: String,
    },
}

/// What a scenario asks of its seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demands {
    /// For a negative: the checker that must catch it.
    pub caught_by: Option<CheckerName>,
    /// For a negative: kinds of faults without which it must pass; empty where it need not.
    pub only_with: Vec<String>,
    /// Probes that a seed must reach.
    pub must_reach: Vec<String>,
    /// The kinds of faults that a seed can draw.
    pub fault_kinds: Vec<String>,
    /// Probes for which faults wait.
    #[serde(default)]
    pub waits_for: Vec<String>,
}

/// A probe that no seed reached, this near to the name of one that was, is misspelt.
const TYPING_ERRORS_MAX: usize = 2;

impl Demands {
    /// What a sweep over `scenario` asks. One seed that was picked by its number is no sweep: it
    /// need not reach every probe.
    #[must_use]
    pub fn of(scenario: &Scenario, is_sweep: bool) -> Self {
        Self {
            caught_by: scenario.expect.as_ref().map(|expect| expect.caught_by),
            only_with: scenario
                .expect
                .iter()
                .flat_map(|expect| expect.only_with.clone())
                .collect(),
            must_reach: match is_sweep {
                true => scenario.must_reach.clone(),
                false => Vec::new(),
            },
            fault_kinds: match is_sweep {
                true => scenario
                    .fault_kinds()
                    .into_iter()
                    .map(str::to_owned)
                    .collect(),
                false => Vec::new(),
            },
            waits_for: match is_sweep {
                true => scenario.waits_for(),
                false => Vec::new(),
            },
        }
    }

    /// The probes among `must_reach` that no seed has reached, and those that faults wait for in vain
    /// because of their spelling: which probes there are, only code that runs tells.
    fn unreached(&self, tally: &Tally) -> Vec<String> {
        let must = self
            .must_reach
            .iter()
            .filter(|probe| is_unreached(probe, tally));
        let asked = must.map(|probe| match misspelt(probe, tally) {
            Some(reached) => format!("{probe} (is it {reached}?)"),
            None => probe.clone(),
        });
        let waited = self.waits_for.iter().filter_map(|probe| {
            let reached = misspelt(probe, tally)?;
            let is_asked = self.must_reach.contains(probe);
            (!is_asked).then(|| format!("{probe}, for which a fault waits (is it {reached}?)"))
        });
        asked.chain(waited).collect()
    }
}

fn is_unreached(probe: &str, tally: &Tally) -> bool {
    tally.seeds_that_reached(probe) == 0
}

/// The probe that was probably meant by the name of one that no seed reached.
fn misspelt<'t>(probe: &str, tally: &'t Tally) -> Option<&'t str> {
    let reached = tally.probe_seeds.iter().filter(|(_, seeds)| **seeds > 0);
    reached
        .filter(|_| is_unreached(probe, tally))
        .map(|(name, _)| (strsim::damerau_levenshtein(probe, name), name.as_str()))
        .filter(|(errors, _)| *errors <= TYPING_ERRORS_MAX)
        .min()
        .map(|(_, name)| name)
}

impl Status {
    /// The status of a scenario that ran.
    #[must_use]
    pub fn of(demands: &Demands, tally: &Tally) -> Self {
        if let Some(checker) = demands.caught_by {
            let kinds = demands.only_with.clone();
            if !kinds.is_empty()
                && let Some(seed) = tally.first_failure_without(&kinds)
            {
                return Self::FailedWithout { seed, kinds };
            }
            let probes = demands.unreached(tally);
            return match tally.first_caught(checker) {
                Some(_) if probes.is_empty() => Self::Passed,
                Some(_) => Self::Vacuous { probes },
                None => Self::Missed { checker },
            };
        }
        if let Some((seed, _)) = tally.first_failure() {
            return Self::Failed { seed };
        }
        if let Some((seed, why)) = tally.unknown.iter().min_by_key(|(seed, _)| *seed) {
            return Self::Unknown {
                seed: *seed,
                why: why.clone(),
            };
        }
        let probes = demands.unreached(tally);
        if probes.is_empty() {
            Self::Passed
        } else {
            Self::Vacuous { probes }
        }
    }
}

impl Status {
    /// The status of a part of a sweep: what another part may show is left to who merges them.
    #[must_use]
    pub fn of_a_part(self) -> Self {
        match self {
            Self::Missed { .. } | Self::Vacuous { .. } => Self::Part {
                lacks: self.sentence(),
            },
            other => other,
        }
    }

    /// Whether it fails a sweep.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Passed | Self::Unknown { .. } | Self::Part { .. } | Self::Skipped { .. } => false,
            Self::Failed { .. }
            | Self::Missed { .. }
            | Self::FailedWithout { .. }
            | Self::Vacuous { .. }
            | Self::Stale { .. } => true,
        }
    }

    /// A word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::Missed { .. } => "missed",
            Self::FailedWithout { .. } => "failed-without",
            Self::Vacuous { .. } => "vacuous",
            Self::Unknown { .. } => "unknown",
            Self::Stale { .. } => "stale",
            Self::Part { .. } => "part",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// Why it stands so; nothing for what passed.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Passed => String::new(),
            Self::Failed { seed } => format!("seed {seed} failed"),
            Self::Missed { checker } => format!("not caught by {checker}"),
            Self::FailedWithout { kinds, .. } => format!("without {}", kinds.join(" or ")),
            Self::Vacuous { probes } => {
                format!("proves nothing: no seed reached {}", probes.join(", "))
            }
            Self::Unknown { why, .. } | Self::Skipped { why } => why.clone(),
            Self::Stale { gone } => format!("stale: no more {}", gone.join(", ")),
            Self::Part { lacks } => format!("{lacks}; `merge` judges"),
        }
    }
}

/// A scenario's line.
#[derive(Debug, Clone)]
pub struct ScenarioLine<'r> {
    /// The scenario.
    pub name: &'r str,
    /// How wide the column of names is.
    pub name_width: usize,
    /// What it asks of its seeds.
    pub demands: &'r Demands,
    /// What its seeds came to.
    pub tally: &'r Tally,
    /// How it stands.
    pub status: &'r Status,
    /// How long it took.
    pub wall: Duration,
}

impl ScenarioLine<'_> {
    /// The line, without its end.
    #[must_use]
    pub fn render(&self, style: Style) -> String {
        let (tone, verb, rest) = match self.status {
            Status::Passed => (Tone::Good, "PASS", self.passed()),
            Status::Failed { seed } => (
                Tone::Bad,
                "FAIL",
                format!("{:>12}  {}", format!("seed {seed}"), self.found(*seed)),
            ),
            Status::Missed { .. } | Status::Vacuous { .. } | Status::Stale { .. } => (
                Tone::Bad,
                "FAIL",
                format!("{}  {}", self.seeds(), self.status.sentence()),
            ),
            Status::FailedWithout { seed, .. } => (
                Tone::Bad,
                "FAIL",
                format!(
                    "{:>12}  {}, {}",
                    format!("seed {seed}"),
                    self.found(*seed),
                    self.status.sentence()
                ),
            ),
            Status::Part { .. } => (
                Tone::Doubtful,
                "PART",
                format!("{}  {}", self.seeds(), self.status.sentence()),
            ),
            Status::Unknown { seed, why } => (
                Tone::Doubtful,
                "UNKNOWN",
                format!("{:>12}  {why}", format!("seed {seed}")),
            ),
            Status::Skipped { why } => (Tone::Doubtful, "SKIP", why.clone()),
        };
        let name = format!("{:<width$}", self.name, width = self.name_width);
        style.line(tone, verb, &format!("{name}  {rest}"))
    }

    fn found(&self, seed: u64) -> String {
        self.tally
            .failed
            .iter()
            .find(|(failed, _)| *failed == seed)
            .map_or_else(String::new, |(_, violations)| headline(violations))
    }

    fn seeds(&self) -> String {
        format!("{:>12}", counted(self.tally.seeds, "seed"))
    }

    fn passed(&self) -> String {
        let seeds = self.seeds();
        let wall = format!("{:>7.1} s", self.wall.as_secs_f64());
        let caught = self
            .demands
            .caught_by
            .and_then(|checker| self.tally.first_caught(checker))
            .map(|(seed, violations)| format!("caught at seed {seed}: {}", headline(violations)));
        let notes = match caught {
            Some(caught) => caught,
            None => self.notes(),
        };
        format!("{seeds}  {wall}    {notes}")
    }

    /// What happened: rebalances, in how many seeds each probe was reached that the scenario is
    /// about, and each kind of fault took effect.
    fn notes(&self) -> String {
        let rebalances = self
            .tally
            .counters
            .get("rebalances")
            .map(|count| format!("rebalances {}", grouped(*count)));
        let asked = |probe: &String| (probe.clone(), self.tally.seeds_that_reached(probe));
        let is_code = |probe: &&String| !probe.starts_with(FAULT_PROBE);
        let reached: BTreeMap<String, u64> = self
            .demands
            .must_reach
            .iter()
            .filter(is_code)
            .map(asked)
            .collect();
        let notes: Vec<String> = rebalances
            .into_iter()
            .chain(seeds_each("reached", reached.iter()))
            .chain(hits(self.tally.hit_seeds.iter()))
            .chain(self.never_hit())
            .chain(self.never_reached())
            .collect();
        notes.join(" · ")
    }

    /// Kinds of faults that the scenario has and that took effect in no seed: a sweep that says
    /// nothing about them must not look as if it did.
    fn never_hit(&self) -> Option<String> {
        let kinds: Vec<&str> = self
            .demands
            .fault_kinds
            .iter()
            .map(String::as_str)
            .filter(|kind| {
                self.tally
                    .hit_seeds
                    .get(*kind)
                    .is_none_or(|seeds| *seeds == 0)
            })
            .collect();
        (!kinds.is_empty()).then(|| format!("never hit: {}", kinds.join(", ")))
    }

    /// Probes for which faults wait and which no seed reached: these faults never began.
    fn never_reached(&self) -> Option<String> {
        let probes: Vec<&str> = self
            .demands
            .waits_for
            .iter()
            .map(String::as_str)
            .filter(|probe| is_unreached(probe, self.tally))
            .collect();
        (!probes.is_empty()).then(|| format!("waited in vain for: {}", probes.join(", ")))
    }
}

/// `seeds hit: kill 48, pause 51`, if any kind of fault took effect.
pub(super) fn hits<'t>(seeds: impl Iterator<Item = (&'t String, &'t u64)>) -> Option<String> {
    seeds_each("seeds hit:", seeds.filter(|(_, seeds)| **seeds > 0))
}

/// The number of seeds behind each name.
pub(super) fn seeds_each<'t>(
    what: &str,
    seeds: impl Iterator<Item = (&'t String, &'t u64)>,
) -> Option<String> {
    let each: Vec<String> = seeds
        .map(|(name, seeds)| format!("{name} {}", grouped(*seeds)))
        .collect();
    (!each.is_empty()).then(|| format!("{what} {}", each.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::violation::{Violation, ViolationKind};
    use crate::verdict::{Outcome, Verdict};

    fn verdict(outcome: Outcome) -> Verdict {
        Verdict {
            outcome,
            trace_hash: "0".repeat(32),
            final_state_hash: "0".repeat(32),
            simulated_ns: 60_000_000_000,
            fault_hits: BTreeMap::from([("kill".to_owned(), 3), ("pause".to_owned(), 0)]),
            probes: BTreeMap::from([("worker.fenced".to_owned(), 1)]),
            counters: BTreeMap::from([("rebalances".to_owned(), 21)]),
        }
    }

    fn tally(outcomes: Vec<Outcome>) -> Tally {
        let mut tally = Tally::default();
        for (index, outcome) in outcomes.into_iter().enumerate() {
            tally.add(index as u64 + 1, &verdict(outcome));
        }
        tally
    }

    fn doubled() -> Outcome {
        Outcome::of(vec![Violation::new(ViolationKind::Doubled, "twice")])
    }

    fn line(demands: &Demands, tally: &Tally, status: Option<Status>) -> String {
        let status = status.unwrap_or_else(|| Status::of(demands, tally));
        ScenarioLine {
            name: "fast/crash-restart",
            name_width: 20,
            demands,
            tally,
            status: &status,
            wall: Duration::from_millis(720),
        }
        .render(Style::Plain)
    }

    #[test]
    fn every_status_has_its_line() {
        let plain = Demands::default();
        let negative = Demands {
            caught_by: Some(CheckerName::Completeness),
            ..Demands::default()
        };
        let demanding = Demands {
            must_reach: vec!["worker.fenced".to_owned(), "disk.full".to_owned()],
            ..Demands::default()
        };
        let met = Demands {
            must_reach: vec!["worker.fenced".to_owned(), "fault.kill".to_owned()],
            fault_kinds: ["delay", "kill", "pause"].map(str::to_owned).to_vec(),
            waits_for: ["worker.fenced", "worker.quarantined"]
                .map(str::to_owned)
                .to_vec(),
            ..Demands::default()
        };
        let misspelt = Demands {
            must_reach: vec!["worker.fnced".to_owned()],
            waits_for: vec!["worker.fencd".to_owned()],
            ..Demands::default()
        };
        let only_with = |kind: &str| Demands {
            caught_by: Some(CheckerName::Completeness),
            only_with: vec![kind.to_owned()],
            ..Demands::default()
        };
        let (only_with_pause, only_with_kill) = (only_with("pause"), only_with("kill"));
        let vacuous_negative = Demands {
            caught_by: Some(CheckerName::Completeness),
            must_reach: vec!["fault.pause".to_owned()],
            ..Demands::default()
        };
        let good = tally(vec![Outcome::Passed; 100]);
        let bad = tally(vec![Outcome::Passed, doubled(), Outcome::Passed, doubled()]);
        let hung = tally(vec![Outcome::Unknown {
            why: "watchdog: no end after 10 s".to_owned(),
        }]);
        let skipped = Status::Skipped {
            why: "no data: --data DIR or WHITEWATER_DATA".to_owned(),
        };
        let lines = [
            line(&plain, &good, None),
            line(&plain, &bad, None),
            line(&plain, &hung, None),
            line(&demanding, &good, None),
            line(&met, &good, None),
            line(&misspelt, &good, None),
            line(&vacuous_negative, &bad, None),
            line(&only_with_pause, &bad, None),
            line(&only_with_kill, &bad, None),
            line(&negative, &bad, None),
            line(&negative, &good, None),
            line(&plain, &Tally::default(), Some(skipped)),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
           PASS  fast/crash-restart       100 seeds      0.7 s    rebalances 2,100 · seeds hit: kill 100
           FAIL  fast/crash-restart          seed 2  completeness: 1 record counted twice
        UNKNOWN  fast/crash-restart          seed 1  watchdog: no end after 10 s
           FAIL  fast/crash-restart       100 seeds  proves nothing: no seed reached disk.full
           PASS  fast/crash-restart       100 seeds      0.7 s    rebalances 2,100 · reached worker.fenced 100 · seeds hit: kill 100 · never hit: delay, pause · waited in vain for: worker.quarantined
           FAIL  fast/crash-restart       100 seeds  proves nothing: no seed reached worker.fnced (is it worker.fenced?), worker.fencd, for which a fault waits (is it worker.fenced?)
           FAIL  fast/crash-restart         4 seeds  proves nothing: no seed reached fault.pause
           FAIL  fast/crash-restart          seed 2  completeness: 1 record counted twice, without pause
           PASS  fast/crash-restart         4 seeds      0.7 s    caught at seed 2: completeness: 1 record counted twice
           PASS  fast/crash-restart         4 seeds      0.7 s    caught at seed 2: completeness: 1 record counted twice
           FAIL  fast/crash-restart       100 seeds  not caught by completeness
           SKIP  fast/crash-restart    no data: --data DIR or WHITEWATER_DATA
        ");
    }

    #[test]
    fn a_negative_counts_only_its_own_checker() {
        let stuck = Outcome::of(vec![Violation::new(ViolationKind::NotDrained, "stuck")]);
        let demands = Demands {
            caught_by: Some(CheckerName::Completeness),
            ..Demands::default()
        };
        let status = Status::of(&demands, &tally(vec![stuck]));
        assert_eq!(
            status,
            Status::Missed {
                checker: CheckerName::Completeness
            }
        );
    }
}
