//! JUnit's XML, as CI systems read it: a suite per scenario, a case per seed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use whitewater::report::failure::{found, headline};
use whitewater::report::status::Status;
use whitewater::report::style::Style;
use whitewater::verdict::Outcome;

use crate::console;
use crate::reporter::sink::{End, FailureEnd, ScenarioEnd, SeedEnd, Sink};

/// Collects cases and writes the file at the end.
#[derive(Debug)]
pub(crate) struct JUnit {
    path: PathBuf,
    report: Report,
    cases: Vec<TestCase>,
    /// How to get a failed seed again, by its suite and name.
    replays: BTreeMap<(String, String), String>,
}

impl JUnit {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            report: Report::new("whitewater"),
            cases: Vec::new(),
            replays: BTreeMap::new(),
        }
    }

    /// The file's text.
    fn xml(&self) -> Option<String> {
        let mut report = self.report.clone();
        for suite in &mut report.test_suites {
            for case in &mut suite.test_cases {
                let place = (suite.name.to_string(), case.name.to_string());
                if let Some(replay) = self.replays.get(&place) {
                    case.set_system_out(replay.as_str());
                }
            }
        }
        report.to_string().ok()
    }
}

impl Sink for JUnit {
    fn seed(&mut self, seed: &SeedEnd<'_>) {
        let status = match (&seed.verdict.outcome, seed.known) {
            (Outcome::Passed, _) => TestCaseStatus::success(),
            (Outcome::Failed { .. }, Some(why)) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(format!("known failure: {why}"));
                status
            }
            (Outcome::Failed { violations }, None) => {
                let kinds = violations.iter().map(|violation| violation.kind.checker());
                let checker = kinds
                    .map(|name| name.to_string())
                    .next()
                    .unwrap_or_default();
                non_success(
                    NonSuccessKind::Failure,
                    &checker,
                    &headline(violations),
                    &found(violations, Style::Plain).join("\n"),
                )
            }
            (Outcome::Unknown { why }, _) => {
                non_success(NonSuccessKind::Error, "unknown", first_line(why), why)
            }
        };
        let mut case = case(seed.scenario, &format!("seed {}", seed.seed), status);
        case.set_time(seed.wall);
        self.cases.push(case);
    }

    fn scenario(&mut self, scenario: &ScenarioEnd<'_>) {
        let mut suite = TestSuite::new(scenario.name);
        suite.set_time(scenario.wall);
        let mut seeds = std::mem::take(&mut self.cases);
        if let Some(checker) = scenario.demands.caught_by {
            // A negative's seeds are meant to fail; what counts is that one of them is caught.
            let mut caught = case(
                scenario.name,
                &format!("caught by {checker}"),
                of_scenario(scenario.status),
            );
            caught.set_time(seeds.iter().filter_map(|case| case.time).sum::<Duration>());
            seeds = vec![caught];
        } else if !matches!(
            scenario.status,
            Status::Passed | Status::Failed { .. } | Status::Unknown { .. }
        ) {
            seeds.push(case(
                scenario.name,
                "as a whole",
                of_scenario(scenario.status),
            ));
        }
        suite.add_test_cases(seeds);
        self.report.add_test_suite(suite);
    }

    fn failure(&mut self, failure: &FailureEnd<'_>) {
        let name = format!("seed {}", failure.seed);
        let replay = failure.replay.to_owned();
        self.replays
            .insert((failure.scenario.to_owned(), name), replay);
    }

    fn end(&mut self, run: &End<'_>) {
        self.report.set_time(run.wall);
        let text = self.xml().unwrap_or_default();
        if let Err(error) = std::fs::write(&self.path, text) {
            console::status(
                "Warning",
                &format!("can't write {}: {error}", self.path.display()),
            );
        }
    }
}

fn case(suite: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(suite);
    case
}

fn non_success(kind: NonSuccessKind, what: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_type(what)
        .set_message(message)
        .set_description(text);
    status
}

/// What no single seed shows.
fn of_scenario(status: &Status) -> TestCaseStatus {
    let text = status.sentence();
    match status {
        Status::Passed => TestCaseStatus::success(),
        Status::Skipped { .. } | Status::Part { .. } => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(text);
            skipped
        }
        Status::Unknown { .. } => non_success(NonSuccessKind::Error, "unknown", &text, &text),
        _ => non_success(NonSuccessKind::Failure, status.word(), &text, &text),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reporter::planted;

    #[test]
    fn a_suite_per_scenario_and_a_case_per_seed() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("junit.xml");
        planted::run(&mut JUnit::new(path.clone()));
        insta::assert_snapshot!(std::fs::read_to_string(path).expect("written"));
    }
}
