//! What shards wrote down, put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use whitewater::checker::violation::Violation;
use whitewater::report::status::{Demands, Status};
use whitewater::report::tally::Tally;
use whitewater::verdict::Verdict;

use crate::gate::regressions;
use crate::gate::shard::Shard;
use crate::setup_error::SetupError;

/// All shards of a sweep.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The seeds of the whole, in words.
    pub(crate) seeds: String,
    pub(crate) commit: Option<String>,
    pub(crate) shards: BTreeSet<u64>,
    pub(crate) interrupted: bool,
    /// The longest shard's.
    pub(crate) wall_ms: u64,
    of: u64,
    scenarios: Vec<MergedScenario>,
}

/// A scenario or a regression over all shards.
#[derive(Debug, Default)]
pub(crate) struct MergedScenario {
    pub(crate) name: String,
    pub(crate) demands: Demands,
    pub(crate) seeds: BTreeMap<u64, SeedLine>,
    pub(crate) failures: Vec<FailureLine>,
    pub(crate) mended: Vec<String>,
    pub(crate) wall_ms: u64,
    /// As its shards said: kept for what ran in one shard, or in none.
    standing: Option<Status>,
}

/// A line of a shard's events.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line {
    Begin {
        seeds: String,
        shard: Shard,
        commit: Option<String>,
    },
    Seed(SeedLine),
    Scenario {
        scenario: String,
        standing: Status,
        demands: Demands,
        mended: Vec<String>,
        wall_ms: u64,
    },
    Failure(FailureLine),
    Caught(FailureLine),
    Summary {
        interrupted: bool,
        wall_ms: u64,
    },
}

/// How a seed ended.
#[derive(Debug, Deserialize)]
pub(crate) struct SeedLine {
    scenario: String,
    seed: u64,
    pub(crate) verdict: Verdict,
    pub(crate) known: Option<String>,
    pub(crate) wall_ms: u64,
}

/// A failure that was saved.
#[derive(Debug, Deserialize)]
pub(crate) struct FailureLine {
    scenario: String,
    pub(crate) seed: u64,
    pub(crate) violations: Vec<Violation>,
    pub(crate) shrunk: Option<String>,
    pub(crate) saved: String,
    pub(crate) replay: String,
    #[serde(skip)]
    pub(crate) caught: bool,
}

impl Merged {
    /// Adds the events of one shard.
    pub(crate) fn read(&mut self, path: &Path, text: &str) -> Result<(), SetupError> {
        let wrong = |message: String| SetupError::Events {
            path: path.into(),
            message,
        };
        let (mut began, mut ended) = (false, false);
        for (index, line) in text.lines().enumerate() {
            let line: Line = serde_json::from_str(line)
                .map_err(|error| wrong(format!("line {} is no event: {error}", index + 1)))?;
            match line {
                Line::Begin {
                    seeds,
                    shard,
                    commit,
                } => {
                    began = true;
                    self.begin(seeds, shard, commit).map_err(wrong)?;
                }
                Line::Seed(seed) => {
                    let of = self.scenario(&seed.scenario);
                    of.seeds.insert(seed.seed, seed);
                }
                Line::Scenario {
                    scenario,
                    standing,
                    demands,
                    mended,
                    wall_ms,
                } => {
                    let of = self.scenario(&scenario);
                    of.demands = demands;
                    of.mended.extend(mended);
                    of.wall_ms = of.wall_ms.max(wall_ms);
                    of.standing = Some(standing);
                }
                Line::Failure(failure) => self.failure(failure, false),
                Line::Caught(failure) => self.failure(failure, true),
                Line::Summary {
                    interrupted,
                    wall_ms,
                } => {
                    ended = true;
                    self.interrupted |= interrupted;
                    self.wall_ms = self.wall_ms.max(wall_ms);
                }
            }
        }
        match (began, ended) {
            (true, true) => Ok(()),
            (false, _) => Err(wrong("it does not begin as a run's events do".to_owned())),
            (true, false) => Err(wrong("its run did not end".to_owned())),
        }
    }

    fn begin(&mut self, seeds: String, shard: Shard, commit: Option<String>) -> Result<(), String> {
        if self.shards.is_empty() {
            self.of = shard.of;
            // Without the part's number.
            self.seeds = seeds.split(" (shard").next().unwrap_or_default().to_owned();
            self.commit = commit;
        } else if self.of != shard.of {
            return Err(format!(
                "it is one of {}, another is one of {}",
                shard.of, self.of
            ));
        } else if self.commit != commit {
            return Err("it ran another commit than another shard".to_owned());
        }
        match self.shards.insert(shard.number) {
            true => Ok(()),
            false => Err(format!("shard {shard} is there twice")),
        }
    }

    /// Refuses a sweep that lacks a shard: what it did not run, nobody judged.
    pub(crate) fn check_complete(&self) -> Result<(), SetupError> {
        let missing: Vec<String> = (1..=self.of)
            .filter(|number| !self.shards.contains(number))
            .map(|number| format!("{number}/{}", self.of))
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(SetupError::Other {
                message: format!("no events of shard {}", missing.join(", ")),
            }),
        }
    }

    /// In the order in which they ran.
    pub(crate) fn scenarios(&self) -> impl Iterator<Item = &MergedScenario> {
        self.scenarios.iter()
    }

    fn scenario(&mut self, name: &str) -> &mut MergedScenario {
        let known = self.scenarios.iter().position(|one| one.name == name);
        let index = known.unwrap_or_else(|| {
            self.scenarios.push(MergedScenario {
                name: name.to_owned(),
                ..MergedScenario::default()
            });
            self.scenarios.len() - 1
        });
        &mut self.scenarios[index]
    }

    fn failure(&mut self, failure: FailureLine, caught: bool) {
        let of = self.scenario(&failure.scenario);
        of.failures.push(FailureLine { caught, ..failure });
    }
}

impl MergedScenario {
    /// All seeds, added up.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (seed, ended) in &self.seeds {
            match ended.known {
                Some(_) => tally.add_known(*seed, &ended.verdict),
                None => tally.add(*seed, &ended.verdict),
            }
        }
        tally
    }

    /// How it stands as a whole. A regression ran in one shard, which has judged it.
    pub(crate) fn status(&self) -> Status {
        match &self.standing {
            Some(standing) if self.name.starts_with(regressions::FOLDER) => standing.clone(),
            Some(standing) if self.seeds.is_empty() => standing.clone(),
            _ => Status::of(&self.demands, &self.tally()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use whitewater::checker::violation::ViolationKind;
    use whitewater::verdict::{CheckerName, Outcome};

    use super::*;

    /// The events of a shard that ran one scenario.
    fn events(number: u64, seeds: &[(u64, Outcome, u64)], standing: &Status) -> String {
        let demands = Demands {
            must_reach: vec!["worker.fenced".to_owned()],
            ..Demands::default()
        };
        let begin = json!({ "type": "begin", "seeds": format!("4 seeds (shard {number}/2)"),
            "shard": Shard { number, of: 2 }, "commit": "abc", "scenarios": 1, "jobs": 1 });
        let mut lines = vec![begin];
        for (seed, outcome, fenced) in seeds {
            let mut verdict = Verdict::unknown("");
            verdict.outcome = outcome.clone();
            verdict.probes.insert("worker.fenced".to_owned(), *fenced);
            lines.push(json!({ "type": "seed", "scenario": "fast/x", "seed": seed,
                "verdict": verdict, "known": null, "wall_ms": 5 }));
        }
        lines.push(
            json!({ "type": "scenario", "scenario": "fast/x", "standing": standing,
            "status": standing.word(), "demands": demands, "mended": [], "wall_ms": 10 * number }),
        );
        lines.push(json!({ "type": "summary", "interrupted": false, "wall_ms": 10 * number }));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn merged(texts: &[String]) -> Result<Merged, SetupError> {
        let mut merged = Merged::default();
        for text in texts {
            merged.read(Path::new("1.jsonl"), text)?;
        }
        merged.check_complete()?;
        Ok(merged)
    }

    fn part() -> Status {
        let probes = vec!["worker.fenced".to_owned()];
        Status::Vacuous { probes }.of_a_part()
    }

    #[test]
    fn what_one_part_lacks_another_shows() {
        let one = events(
            1,
            &[(1, Outcome::Passed, 0), (3, Outcome::Passed, 0)],
            &part(),
        );
        let two = events(
            2,
            &[(2, Outcome::Passed, 1), (4, Outcome::Passed, 0)],
            &Status::Passed,
        );
        let whole = merged(&[two, one]).expect("both shards");
        let scenario = whole.scenarios().next().expect("one");
        assert_eq!(scenario.status(), Status::Passed);
        assert_eq!(scenario.tally().seeds, 4);
        assert_eq!((whole.seeds.as_str(), whole.wall_ms), ("4 seeds", 20));
    }

    #[test]
    fn what_no_part_shows_is_missing_and_what_one_found_is_found() {
        let none = [1, 2].map(|number| events(number, &[(number, Outcome::Passed, 0)], &part()));
        let status = |texts: &[String]| {
            let whole = merged(texts).expect("both shards");
            whole.scenarios().next().expect("one").status()
        };
        assert!(matches!(status(&none), Status::Vacuous { .. }));
        let lost = Outcome::of(vec![Violation::new(ViolationKind::Lost, "lost")]);
        assert!(lost.caught_by(CheckerName::Completeness));
        let failed = events(2, &[(2, lost, 1)], &Status::Failed { seed: 2 });
        let texts = [none[0].clone(), failed];
        assert_eq!(status(&texts), Status::Failed { seed: 2 });
    }

    #[test]
    fn an_incomplete_or_foreign_set_is_refused() {
        let one = events(1, &[], &Status::Passed);
        let two = events(2, &[], &Status::Passed);
        let (cut, _) = two.rsplit_once("{\"type\":\"summary\"").expect("an end");
        let errors = [
            merged(std::slice::from_ref(&one)),
            merged(&[one.clone(), one.clone()]),
            merged(&[one.clone(), two.replace("\"abc\"", "\"def\"")]),
            merged(&[one.clone(), two.replace("\"of\":2", "\"of\":3")]),
            merged(&[one.clone(), cut.to_owned()]),
            merged(&[one, "[]\n".to_owned()]),
        ]
        .map(|result| result.expect_err("refused").to_string());
        insta::assert_snapshot!(errors.join("\n"));
    }
}
