//! The gate on a runner of the repository, with scenarios of its own: what failed once, what may fail, and
//! a sweep in parts.
//!
//! It builds and runs the simulation, so it runs only under `WHITEWATER_SIMULATED_TESTS=1` (`ci/test`
//! sets it).

use std::path::Path;

use clap::Parser;
use serde_json::Value;
use tempfile::TempDir;
use whitewater::plan::Plan;
use whitewater::plan::saved::{Found, SavedPlan};
use whitewater::scenario::Scenario;
use whitewater::verdict::{Outcome, Verdict};

use super::*;
use crate::cli::{Cli, Command, MergeOptions};
use crate::command::merge;
use crate::runner_process::Answer;

/// In one of the seeds 1 and 2 the worker is killed before the phase ends.
const STEADY: &str = r#"about = "A worker is killed once, or not at all."
pipeline = "trades"
duration_s = 10
must_reach = ["fault.kill"]

[cluster]
brokers = 1

[topics.trades]
partitions = 2

[workers]
count = 1

[load]
generator = "trades"
records = 100
rate_per_s = 20

[[fault]]
kind = "kill"
at = "1s..19s"
for = "1s"
"#;

/// A project of its own, and the repository's runner.
struct Gate {
    folder: TempDir,
    runner: Runner,
}

impl Gate {
    /// None where the simulation is not to be built.
    fn new() -> Option<Self> {
        if std::env::var("WHITEWATER_SIMULATED_TESTS").as_deref() != Ok("1") {
            eprintln!("skipped: it needs a simulated build; set WHITEWATER_SIMULATED_TESTS=1");
            return None;
        }
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
        let doubles = std::fs::read_to_string(repository.join("negative/no-seen.toml"));
        let doubles = doubles.expect("a negative");
        let (doubles, _) = doubles
            .split_once("[expect]")
            .expect("it is expected to fail");
        let words = [
            "cargo whitewater",
            "--scenarios",
            &repository.to_string_lossy(),
            "list",
        ];
        let repository = Project::find(&Cli::parse_from(words).project).expect("a project");
        let gate = Self {
            folder: TempDir::new().expect("a folder"),
            runner: session::build(&repository).expect("it builds"),
        };
        gate.write("scenarios/fast/steady.toml", STEADY);
        gate.write("scenarios/fast/doubles.toml", doubles);
        Some(gate)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        let folder = path.parent().expect("a path in the project");
        std::fs::create_dir_all(folder).expect("created");
        std::fs::write(path, text).expect("written");
    }

    fn project(&self) -> Project {
        let root = self.folder.path().to_path_buf();
        Project {
            scenarios: root.join("scenarios"),
            target: root.join("target"),
            data: None,
            root,
        }
    }

    /// How `cargo whitewater run WORDS` ends, and what it tells of it.
    fn run(&self, words: &[&str]) -> (ExitCode, Vec<Value>) {
        let events = self.folder.path().join("events.jsonl");
        let code = self.run_telling(words, &events);
        (code, lines(&events))
    }

    fn run_telling(&self, words: &[&str], events: &Path) -> ExitCode {
        let events = events.to_string_lossy();
        let fixed = [
            "cargo whitewater",
            "run",
            "--shrink-budget",
            "0",
            "--events",
            &events,
        ];
        let Command::Run(options) = Cli::parse_from(fixed.iter().chain(words)).command else {
            panic!("not a run")
        };
        run_with(&self.project(), &options, || Ok(self.runner.clone())).expect("it runs")
    }

    /// What a plan of the quiet scenario finds.
    fn verdict(&self, plan: &Plan) -> Verdict {
        let mut pool = session::start(&self.project(), &self.runner, 1, false).expect("a runner");
        match pool.run_kept(plan, None, None) {
            Answer::Verdict(verdict) => *verdict,
            other => panic!("{other:?}"),
        }
    }
}

fn lines(events: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(events).expect("events");
    let line = |line| serde_json::from_str(line).expect("a JSON object a line");
    text.lines().map(line).collect()
}

/// The events of a kind.
fn all<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events
        .iter()
        .filter(|event| event["type"] == kind)
        .collect()
}

fn steady(seed: u64) -> Plan {
    let scenario = Scenario::parse("fast/steady", "steady.toml", STEADY);
    Plan::draw(&scenario.expect("a scenario"), seed)
}

/// The seed among 1 and 2 that draws the fault.
fn seed_with_a_fault() -> u64 {
    let drawn = [1, 2].map(|seed| !steady(seed).faults.is_empty());
    match drawn {
        [true, false] => 1,
        [false, true] => 2,
        _ => panic!("one of the two seeds should draw the fault: {drawn:?}"),
    }
}

#[test]
fn a_regression_is_replayed_first_and_is_stale_when_its_probes_are_gone() {
    let Some(gate) = Gate::new() else { return };
    let plan = steady(seed_with_a_fault());
    let verdict = gate.verdict(&plan);
    assert_eq!(verdict.outcome, Outcome::Passed);
    assert_eq!(verdict.fault_hits["kill"], 1);
    let save = |verdict: &Verdict| {
        let saved = SavedPlan {
            found: Some(Found::of(verdict, None)),
            ..SavedPlan::new(plan.clone())
        };
        gate.write("scenarios/regressions/once.json", &saved.to_json());
    };
    save(&verdict);
    let (code, events) = gate.run(&["steady", "--seeds", "2"]);
    assert_eq!(code, ExitCode::Passed);
    let names: Vec<&Value> = all(&events, "seed")
        .iter()
        .map(|seed| &seed["scenario"])
        .collect();
    assert_eq!(names, ["regressions/once", "fast/steady", "fast/steady"]);

    let mut retired = verdict.clone();
    retired.probes.insert("worker.retired".to_owned(), 1);
    save(&retired);
    let (code, events) = gate.run(&["regressions"]);
    assert_eq!(code, ExitCode::Vacuous);
    let ends = all(&events, "scenario");
    assert_eq!(ends[0]["status"], "stale");
    assert_eq!(ends[0]["why"], "stale: no more worker.retired");
}

#[test]
fn shards_that_ran_apart_are_judged_as_one_sweep() {
    let Some(gate) = Gate::new() else { return };
    let with_a_fault = seed_with_a_fault();
    let path = |name: &str| gate.folder.path().join(name);
    let mut files = Vec::new();
    for shard in ["1/2", "2/2"] {
        let file = path(&format!("{}.jsonl", &shard[..1]));
        let code = gate.run_telling(&["steady", "--seeds", "2", "--shard", shard], &file);
        assert_eq!(code, ExitCode::Passed);
        let events = lines(&file);
        let end = all(&events, "scenario")[0];
        let is_enough = shard.starts_with(&with_a_fault.to_string());
        assert_eq!(
            end["status"],
            if is_enough { "passed" } else { "part" },
            "{end}"
        );
        files.push(file);
    }
    let merged = |files: &[std::path::PathBuf]| {
        let told = path("merged.jsonl");
        let mut words = vec![
            "cargo whitewater".into(),
            "merge".into(),
            "--events".into(),
            told.clone(),
        ];
        words.extend_from_slice(files);
        let Command::Merge(options) = Cli::parse_from(words).command else {
            panic!("not a merge")
        };
        let options: MergeOptions = options;
        merge::merge(&options).map(|code| (code, lines(&told)))
    };
    let (code, together) = merged(&files).expect("both shards");
    assert_eq!(code, ExitCode::Passed);
    assert_eq!(all(&together, "scenario")[0]["status"], "passed");
    // As one machine tells it.
    let (_, alone) = gate.run(&["steady", "--seeds", "2", "--jobs", "1"]);
    let hashes = |events: &[Value]| -> Vec<(Value, Value)> {
        let seeds = all(events, "seed").into_iter();
        seeds
            .map(|seed| (seed["seed"].clone(), seed["verdict"]["trace_hash"].clone()))
            .collect()
    };
    assert_eq!(hashes(&together), hashes(&alone));
    assert_eq!(hashes(&together).len(), 2);
    // The shard without the fault, twice over, is no sweep.
    let lacking = files[usize::try_from(2 - with_a_fault).expect("0 or 1")].clone();
    merged(&[lacking.clone(), lacking]).expect_err("a shard is there twice");
}

#[test]
fn what_may_fail_is_excused_until_it_fails_no_more() {
    let Some(gate) = Gate::new() else { return };
    let words = ["doubles", "steady", "--seeds", "6"];
    let (code, events) = gate.run(&words);
    assert_eq!(code, ExitCode::CheckerFailed);
    assert_eq!(all(&events, "failure").len(), 1);

    let entry = |scenario: &str, kind: &str| {
        format!(
            "[[known]]\nscenario = \"fast/{scenario}\"\nkinds = [\"{kind}\"]\nwhy = \"for a test\"\n"
        )
    };
    let known = entry("doubles", "doubled") + &entry("steady", "lost");
    gate.write("scenarios/known-failures.toml", &known);
    let (code, events) = gate.run(&words);
    assert_eq!(code, ExitCode::Passed, "{events:?}");
    assert!(all(&events, "failure").is_empty());
    let excused = all(&events, "seed")
        .into_iter()
        .filter(|seed| seed["known"] == "for a test");
    assert!(excused.count() > 0);
    let mended: Vec<&Value> = all(&events, "scenario")
        .iter()
        .map(|end| &end["mended"])
        .collect();
    let told = "fast/steady fails no more by lost: remove it from known-failures.toml";
    assert_eq!(mended, [&serde_json::json!([]), &serde_json::json!([told])]);
}
