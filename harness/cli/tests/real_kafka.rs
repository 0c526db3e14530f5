//! `run --real`: one plan in the simulation and on Apache Kafka in containers.
//!
//! `WHITEWATER_REAL_KAFKA=1` enables it, `WHITEWATER_KAFKA_IMAGE` names another image. `ci/test` sees to
//! both.

use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace is two folders up")
}

fn whitewater(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-whitewater"));
    command
        .args(words)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .env_remove("GITHUB_STEP_SUMMARY");
    command
}

/// What it printed on stdout, and all of it where the exit code is another one.
fn said(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{status}\n{said}");
    said
}

/// Times and counts differ from run to run.
fn filtered(said: &str, check: impl FnOnce(&str)) {
    let folder = root().join("target").display().to_string();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&folder, "target");
    settings.add_filter(r" +[0-9]+\.[0-9] s  ", "  TIME  ");
    settings.add_filter(r"in [0-9]+ s", "in TIME");
    settings.bind(|| check(said));
}

/// The lines that say how the plan went, and the names of JUnit's suites.
fn run(scenario: &str, seed: &str) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let junit = folder.path().join("junit.xml");
    let junit_text = junit.display().to_string();
    let words = [
        "run",
        "--real",
        scenario,
        "--seed",
        seed,
        "--junit",
        &junit_text,
    ];
    let output = whitewater(&words).output().expect("the command starts");
    let said = said(&output, 0);
    let verbs = ["PASS", "CAUGHT", "Summary"];
    let verdicts: Vec<&str> = said
        .lines()
        .filter(|line| verbs.iter().any(|verb| line.contains(verb)))
        .collect();
    let xml = std::fs::read_to_string(&junit).expect("written");
    let suites = xml.split("<testsuite name=\"").skip(1);
    let names = suites.map(|suite| suite.split('"').next().unwrap_or_default().to_owned());
    (verdicts.join("\n"), names.collect())
}

fn enabled() -> bool {
    let enabled = std::env::var_os("WHITEWATER_REAL_KAFKA").is_some_and(|enabled| enabled == "1");
    if !enabled {
        eprintln!("skipped: WHITEWATER_REAL_KAFKA=1 enables plans on real Kafka");
    }
    enabled
}

#[test]
fn a_right_pipeline_passes_and_a_wrong_one_is_caught_in_both_worlds() {
    if !enabled() {
        return;
    }
    // A worker is killed, another paused; a broker restarts; a stranger joins the group.
    let (said, suites) = run("real/short", "29");
    filtered(&said, |text| insta::assert_snapshot!("right", text));
    assert_eq!(suites, ["real/short", "real/short on real Kafka"]);
    let (said, _) = run("real/no-seen", "4");
    filtered(&said, |text| insta::assert_snapshot!("wrong", text));
    let left = Command::new("docker")
        .args(["ps", "--all", "--quiet", "--filter", "label=whitewater"])
        .output()
        .expect("there is an engine");
    let left = String::from_utf8_lossy(&left.stdout);
    assert_eq!(left, "", "containers are left behind");
}

#[test]
fn a_machine_without_an_engine_says_what_to_do() {
    let output = whitewater(&["run", "--real", "real/short"])
        // Only the engine's client is looked for in it.
        .env("PATH", "/nowhere")
        .output()
        .expect("the command starts");
    let status = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{status}");
    insta::assert_snapshot!(status.trim());
}
