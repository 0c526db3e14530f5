//! Tells a sweep as it goes: as text for people, or as one JSON object per line.

use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};
use whitewater::report::failure::Failure;
use whitewater::report::number::counted;
use whitewater::report::status::{Demands, ScenarioLine, Status};
use whitewater::report::style::Style;
use whitewater::report::summary::Summary;
use whitewater::report::tally::Tally;
use whitewater::scenario::Scenario;
use whitewater::verdict::Verdict;

use crate::console;
use crate::failure::replay_command;

/// Where the story goes.
#[derive(Debug)]
pub(crate) struct Reporter {
    json: bool,
    style: Style,
    name_width: usize,
}

impl Reporter {
    /// For these scenarios, so that their names line up.
    pub(crate) fn new(json: bool, scenarios: &[Scenario]) -> Self {
        let name_width = scenarios
            .iter()
            .map(|scenario| scenario.name.len())
            .max()
            .unwrap_or(0);
        Self {
            json,
            style: console::style(&std::io::stdout()),
            name_width,
        }
    }

    /// What will run.
    pub(crate) fn begin(&mut self, scenarios: usize, seeds: usize, jobs: usize) {
        if self.json {
            emit(json!({ "type": "begin", "scenarios": scenarios, "seeds": seeds, "jobs": jobs }));
        } else {
            let scenarios = counted(scenarios as u64, "scenario");
            let (seeds, jobs) = (counted(seeds as u64, "seed"), counted(jobs as u64, "job"));
            console::status("Running", &format!("{scenarios} x {seeds}, {jobs}"));
        }
    }

    /// A bar for one scenario's seeds; hidden where lines are for a program.
    pub(crate) fn bar(&self, name: &str, seeds: usize) -> ProgressBar {
        if self.json {
            ProgressBar::hidden()
        } else {
            console::seeds_bar(name, seeds as u64)
        }
    }

    /// One seed ended.
    pub(crate) fn seed(&mut self, scenario: &Scenario, seed: u64, verdict: &Verdict) {
        if self.json {
            emit(
                json!({ "type": "seed", "scenario": scenario.name, "seed": seed, "verdict": verdict }),
            );
        }
    }

    /// One scenario ended.
    pub(crate) fn scenario(
        &mut self,
        scenario: &Scenario,
        demands: &Demands,
        tally: &Tally,
        status: &Status,
        wall: Duration,
    ) {
        if self.json {
            emit(json!({
                "type": "scenario",
                "scenario": scenario.name,
                "status": status_name(status),
                "seeds": tally.seeds,
                "failed_seeds": tally.failed.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(),
                "simulated_ns": tally.simulated_ns,
                "seeds_hit": tally.hit_seeds,
                "seeds_reached": tally.probe_seeds,
                "wall_ms": wall.as_millis() as u64,
            }));
            return;
        }
        let line = ScenarioLine {
            name: &scenario.name,
            name_width: self.name_width,
            demands,
            tally,
            status,
            wall,
        };
        println!("{}", line.render(self.style));
    }

    /// What broke and why, where it is saved, and the command that reproduces it.
    pub(crate) fn failure(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        verdict: &Verdict,
        folder: &Path,
        shrunk: Option<&str>,
        caught: bool,
    ) {
        let replay = replay_command(folder);
        if self.json {
            emit(json!({
                "type": if caught { "caught" } else { "failure" },
                "scenario": scenario.name,
                "seed": seed,
                "violations": verdict.outcome.violations(),
                "shrunk": shrunk,
                "saved": folder,
                "replay": replay,
            }));
            return;
        }
        let saved = folder.display().to_string();
        let failure = Failure {
            scenario: &scenario.name,
            seed,
            violations: verdict.outcome.violations(),
            shrunk,
            saved: Some(&saved),
            replay: &replay,
        };
        // A seed without an answer has said why in its line.
        let block = match (failure.violations.is_empty(), caught) {
            (true, _) => failure.render_saved(self.style),
            (false, true) => failure.render_caught(self.style),
            (false, false) => failure.render(self.style),
        };
        println!("{block}");
    }

    /// The last lines.
    pub(crate) fn end(&mut self, summary: &Summary, wall: Duration, interrupted: bool) {
        if self.json {
            emit(json!({
                "type": "summary",
                "text": summary.render(wall, interrupted, Style::Plain),
                "interrupted": interrupted,
                "wall_ms": wall.as_millis() as u64,
            }));
        } else {
            println!("{}", summary.render(wall, interrupted, self.style));
        }
    }
}

fn status_name(status: &Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed { .. } => "failed",
        Status::Missed { .. } => "missed",
        Status::Vacuous { .. } => "vacuous",
        Status::Unknown { .. } => "unknown",
        Status::Skipped { .. } => "skipped",
    }
}

fn emit(line: Value) {
    println!("{line}");
}
