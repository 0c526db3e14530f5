//! How small do planted failures get? The first failing seeds of the negatives, shrunk within a number of
//! runs, so that a slow machine changes nothing.
//!
//! It builds and runs the simulation, so it runs only under `WHITEWATER_SIMULATED_TESTS=1` (`ci/test`
//! sets it).

use std::path::{Path, PathBuf};
use std::process::Command;

use whitewater::dataset;
use whitewater::plan::saved::SavedPlan;

/// What a reader takes in at a glance.
const FAULTS_MAX: usize = 3;
const RECORDS_MAX: usize = 50;
/// A run of a small plan takes some milliseconds.
const RUNS_MAX: &str = "2000";
/// Most negatives fail in one of so many seeds; that each fails in fifty is another test's word.
const SEEDS: &str = "12";
/// So many planted failures get small, at least.
const FAILURES_MIN: usize = 10;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace is two folders up")
}

/// What the command prints, where it ends with one of these exit codes.
fn whitewater(words: &[&str], codes: &[i32]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-whitewater"))
        .args(words)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().expect("an exit code");
    assert!(
        codes.contains(&code),
        "{words:?} ended with {code}:\n{said}"
    );
    String::from_utf8(output.stdout).expect("text")
}

/// Scenario and folder of the first failing seed of every negative that so few seeds catch.
fn caught() -> Vec<(String, PathBuf)> {
    let events = whitewater(&["run", "negative", "--seeds", SEEDS, "--json"], &[0, 1]);
    events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a JSON object a line"))
        .filter(|event| event["type"] == "caught")
        .map(|event| {
            let text = |key: &str| event[key].as_str().expect("a text").to_owned();
            (text("scenario"), root().join(text("saved")))
        })
        .collect()
}

#[test]
fn planted_failures_get_small_and_stay_the_same_failure() {
    if std::env::var("WHITEWATER_SIMULATED_TESTS").as_deref() != Ok("1") {
        eprintln!("skipped: it needs a simulated build; set WHITEWATER_SIMULATED_TESTS=1");
        return;
    }
    let caught = caught();
    assert!(caught.len() >= FAILURES_MIN, "caught: {caught:?}");
    for (scenario, folder) in caught {
        let read = |name: &str| {
            let text = std::fs::read_to_string(folder.join(name)).expect("saved");
            SavedPlan::from_json(&text).expect("a saved plan")
        };
        let whole = read("plan.json");
        let words = ["shrink", &folder.to_string_lossy(), "--runs", RUNS_MAX];
        let said = whitewater(&words, &[0]);
        let small = read("shrunk.json");
        let records = dataset::load::records(&small.plan.load, small.plan.seed, None);
        let records = records.expect("a negative needs no file").len();
        let faults = small.plan.faults.len();
        assert!(
            faults <= FAULTS_MAX && records <= RECORDS_MAX,
            "{scenario}: {faults} faults, {records} records\n{said}"
        );
        let kind = |saved: &SavedPlan| saved.found.as_ref().and_then(|found| found.kind);
        assert!(kind(&whole).is_some());
        assert_eq!(kind(&small), kind(&whole), "{scenario}");
    }
}
