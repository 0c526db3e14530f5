//! A history that a debugger can follow, in one process, is the one that a forked child behind the escape
//! trap tells.
//!
//! It builds and runs the simulation, so it runs only under `WHITEWATER_SIMULATED_TESTS=1` (`ci/test`
//! sets it).

use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace is two folders up")
}

fn whitewater(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-whitewater"))
        .args(words)
        .current_dir(root())
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts")
}

/// One that fails and one that passes, one that panics, and one whose clocks go wrong, so that it has a
/// twin.
const SEEDS: [(&str, &str); 4] = [
    ("negative/no-seen", "1"),
    ("fast/steady", "1"),
    ("negative/unwraps", "3"),
    ("negative/wall-clock-window", "6"),
];

#[test]
fn a_debugged_history_is_the_same() {
    if std::env::var("WHITEWATER_SIMULATED_TESTS").as_deref() != Ok("1") {
        eprintln!("skipped: it needs a simulated build; set WHITEWATER_SIMULATED_TESTS=1");
        return;
    }
    for (scenario, seed) in SEEDS {
        let words = ["replay", scenario, "--seed", seed];
        let normal = whitewater(&words);
        let debugged = whitewater(&[&words[..], &["--debug"]].concat());
        let [normal_story, story, said] = [normal.stdout, debugged.stdout, debugged.stderr]
            .map(|bytes| String::from_utf8(bytes).expect("text"));
        assert!(story.contains(" · trace "), "{scenario}:\n{said}");
        assert!(
            normal_story == story,
            "{scenario}: another story, {:?} instead of {:?}",
            story.lines().next_back(),
            normal_story.lines().next_back()
        );
        assert_eq!(normal.status.code(), debugged.status.code());
        // The line to paste runs it again, and ends with the same verdict.
        let line = said.lines().next_back().expect("a last line");
        let (verb, command) = line.trim_start().split_once("  ").expect("two columns");
        assert_eq!(verb, "Debug", "{said}");
        let command = command.replace("rust-gdb ", "");
        let again = Command::new("sh")
            .args(["-c", &command])
            .current_dir(root())
            .output()
            .expect("a shell");
        let output = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(again.status.success(), "{command}:\n{output}");
        let verdict = story.lines().next_back();
        assert_eq!(output.lines().next_back(), verdict, "{scenario}");
    }
}
