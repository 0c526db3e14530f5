//! `regressions/`: saved plans that failed once and must never fail again. They run first, as
//! proptest's do.

use std::path::Path;

use whitewater::plan::saved::SavedPlan;
use whitewater::scenario::Scenario;
use whitewater::verdict::{Outcome, Verdict};

use crate::saved_file;
use crate::setup_error::SetupError;

/// The folder's name, in the scenarios' folder, and the word that means all of them.
pub(crate) const FOLDER: &str = "regressions";

/// A plan to replay.
#[derive(Debug)]
pub(crate) struct Regression {
    /// `regressions/late-commit`
    pub(crate) name: String,
    pub(crate) saved: SavedPlan,
}

/// Those that a run replays: all of them where nothing was named or the folder was, else those of
/// the named scenarios.
pub(crate) fn read(
    scenarios_folder: &Path,
    words: &[String],
    named: &[Scenario],
) -> Result<Vec<Regression>, SetupError> {
    let folder = scenarios_folder.join(FOLDER);
    let mut paths = Vec::new();
    let failed = |source| SetupError::Read {
        path: folder.clone(),
        source,
    };
    match std::fs::read_dir(&folder) {
        Ok(entries) => {
            for entry in entries {
                paths.push(entry.map_err(failed)?.path());
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    let all = words.is_empty() || words.iter().any(|word| is_folder(word));
    let mut regressions = Vec::new();
    for path in paths {
        let saved = saved_file::read(&path)?;
        if all
            || named
                .iter()
                .any(|scenario| scenario.name == saved.plan.scenario)
        {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            regressions.push(Regression {
                name: format!("{FOLDER}/{stem}"),
                saved,
            });
        }
    }
    Ok(regressions)
}

/// Whether a word of the command line means the folder.
pub(crate) fn is_folder(word: &str) -> bool {
    word.trim_end_matches('/') == FOLDER
}

/// How a regression stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Passed,
    /// It fails again.
    Failed,
    /// It passes, but what made it fail does not happen any more.
    Stale(Vec<String>),
    Unknown(String),
}

impl Regression {
    /// Judges its replay. Every kind of fault that took effect when it was saved, and every probe
    /// that was reached, must be there again: else it tests nothing.
    pub(crate) fn judge(&self, verdict: &Verdict) -> Standing {
        match &verdict.outcome {
            Outcome::Failed { .. } => return Standing::Failed,
            Outcome::Unknown { why } => return Standing::Unknown(why.clone()),
            Outcome::Passed => {}
        }
        let Some(found) = &self.saved.found else {
            return Standing::Passed;
        };
        let faults = gone(&found.fault_hits, &verdict.fault_hits);
        let probes = gone(&found.probes, &verdict.probes);
        let gone: Vec<String> = faults
            .map(|kind| format!("fault {kind}"))
            .chain(probes.map(str::to_owned))
            .collect();
        if gone.is_empty() {
            Standing::Passed
        } else {
            Standing::Stale(gone)
        }
    }
}

fn gone<'f>(
    then: &'f std::collections::BTreeMap<String, u64>,
    now: &'f std::collections::BTreeMap<String, u64>,
) -> impl Iterator<Item = &'f str> {
    then.iter()
        .filter(|(name, count)| **count > 0 && now.get(*name).is_none_or(|count| *count == 0))
        .map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use whitewater::checker::violation::{Violation, ViolationKind};
    use whitewater::plan::Plan;
    use whitewater::plan::saved::Found;

    use super::*;

    const SCENARIO: &str = r#"
about = "Nothing goes wrong."
pipeline = "trades"
duration_s = 30

[cluster]
brokers = 1

[topics.trades]
partitions = 2

[workers]
count = 1

[load]
generator = "trades"
records = 10
rate_per_s = 10
"#;

    fn scenario(name: &str) -> Scenario {
        Scenario::parse(name, name, SCENARIO).expect("a scenario")
    }

    fn verdict(outcome: Outcome, kills: u64) -> Verdict {
        let mut verdict = Verdict::unknown("");
        verdict.outcome = outcome;
        verdict.fault_hits = BTreeMap::from([("kill".to_owned(), kills), ("pause".to_owned(), 0)]);
        verdict.probes = BTreeMap::from([("worker.fenced".to_owned(), 1)]);
        verdict
    }

    fn saved(name: &str) -> SavedPlan {
        SavedPlan {
            found: Some(Found::of(&verdict(Outcome::Passed, 2), None)),
            ..SavedPlan::new(Plan::draw(&scenario(name), 1))
        }
    }

    #[test]
    fn a_replay_must_pass_and_still_test_something() {
        let regression = Regression {
            name: "regressions/x".to_owned(),
            saved: saved("fast/steady"),
        };
        let lost = Outcome::of(vec![Violation::new(ViolationKind::Lost, "lost")]);
        let stale = Standing::Stale(vec!["fault kill".to_owned()]);
        assert_eq!(
            regression.judge(&verdict(Outcome::Passed, 1)),
            Standing::Passed
        );
        assert_eq!(regression.judge(&verdict(lost, 0)), Standing::Failed);
        assert_eq!(regression.judge(&verdict(Outcome::Passed, 0)), stale);
        assert_eq!(
            regression.judge(&Verdict::unknown("watchdog")),
            Standing::Unknown("watchdog".to_owned())
        );
    }

    #[test]
    fn a_run_replays_what_belongs_to_it() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let names = |words: &[&str], named: &[Scenario]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let found = read(folder.path(), &words, named).expect("readable");
            found
                .into_iter()
                .map(|one| one.name)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(names(&[], &[]), "");
        std::fs::create_dir(folder.path().join(FOLDER)).expect("created");
        for (file, scenario) in [("b.json", "fast/steady"), ("a.json", "fast/storm")] {
            let path = folder.path().join(FOLDER).join(file);
            std::fs::write(path, saved(scenario).to_json()).expect("written");
        }
        std::fs::write(folder.path().join("regressions/README.md"), "why").expect("written");
        assert_eq!(names(&[], &[]), "regressions/a regressions/b");
        assert_eq!(names(&["regressions/"], &[]), "regressions/a regressions/b");
        assert_eq!(
            names(&["steady"], &[scenario("fast/steady")]),
            "regressions/b"
        );
        assert_eq!(names(&["other"], &[scenario("fast/other")]), "");
    }
}
