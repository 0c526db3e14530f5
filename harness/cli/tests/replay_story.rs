//! Can someone who was given nothing but the output of `replay` say which record broke, which fault
//! met it and which step was wrong? Real seeds of the negatives, as a reader sees them.
//!
//! It builds and runs the simulation, so it runs only under `WHITEWATER_SIMULATED_TESTS=1` (`ci/test`
//! sets it). A history belongs to its build: any change to the simulator, the harness or the consumer
//! may tell another one. Read the new story, and if it still answers the three questions, keep it:
//! `WHITEWATER_SIMULATED_TESTS=1 INSTA_UPDATE=always cargo test -p cargo-whitewater --test replay_story`

use std::path::Path;
use std::process::{Command, Output};

fn whitewater(words: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace is two folders up");
    Command::new(env!("CARGO_BIN_EXE_cargo-whitewater"))
        .args(words)
        .current_dir(root)
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts")
}

fn wanted() -> bool {
    let wanted = std::env::var("WHITEWATER_SIMULATED_TESTS").is_ok_and(|value| value == "1");
    if !wanted {
        eprintln!("skipped: it needs a simulated build; set WHITEWATER_SIMULATED_TESTS=1");
    }
    wanted
}

/// What `replay` prints of the record that the violation with the best explanation is about.
fn story(scenario: &str, seed: &str) -> (String, String) {
    let run = whitewater(&["run", scenario, "--seed", seed, "--json"]);
    let events = String::from_utf8(run.stdout).expect("text");
    let caught = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a JSON object a line"))
        .find(|event| event["type"] == "caught")
        .unwrap_or_else(|| panic!("{scenario} is not caught in seed {seed}:\n{events}"));
    let violations = caught["violations"].as_array().expect("a list");
    let explained = violations
        .iter()
        .find(|violation| violation["explanation"]["wrong_step"].is_string())
        .expect("a violation with an explanation");
    let id = explained["record"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let replay = whitewater(&["replay", scenario, "--seed", seed, "--key", &id]);
    assert_eq!(
        replay.status.code(),
        Some(1),
        "the replay fails as the run did"
    );
    let text = String::from_utf8(replay.stdout).expect("text");
    // The hash changes with every event of the history, also with those that are not shown.
    let (story, _hash) = text.rsplit_once(" · trace ").expect("a verdict line");
    (id, story.to_owned())
}

/// The record, the fault and the wrong step are there, whatever the build.
fn answers_the_three_questions(id: &str, verb: &str, story: &str) {
    let line_with = |parts: &[&str]| {
        story
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    };
    assert!(line_with(&[verb, id]), "no line says {verb} {id}:\n{story}");
    assert!(line_with(&["FAULT"]), "no fault:\n{story}");
    assert!(line_with(&["wrong  "]), "no wrong step:\n{story}");
}

#[test]
fn a_doubled_record() {
    if !wanted() {
        return;
    }
    let (id, story) = story("negative/no-seen", "1");
    answers_the_three_questions(&id, "doubled", &story);
    insta::assert_snapshot!(story);
}

#[test]
fn a_lost_record() {
    if !wanted() {
        return;
    }
    let (id, story) = story("negative/commit-before-processing", "4");
    answers_the_three_questions(&id, "lost", &story);
    insta::assert_snapshot!(story);
}
