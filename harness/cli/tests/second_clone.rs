//! Is a history the same from a second clone at another path? A path is in a binary wherever a panic may
//! begin, and decides what a package is called to the linker, so what it must not decide is shown with
//! another clone, another build, and the plans that this one saved.
//!
//! It builds the simulation twice, so it runs only under `WHITEWATER_SECOND_CLONE=1` (`ci/nightly` sets it).

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use whitewater::plan::saved::SavedPlan;

/// Negatives whose seeds fail soon, each in another way; one of them by a panic, whose place is in its
/// history.
const SCENARIOS: [&str; 3] = [
    "negative/no-seen",
    "negative/silent-reset",
    "negative/unwraps",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace is two folders up")
}

/// What a command that starts in `folder` says.
fn ended(program: &str, words: &[&str], folder: &Path) -> Output {
    Command::new(program)
        .args(words)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts")
}

fn done(program: &str, words: &[&str], folder: &Path) -> String {
    let output = ended(program, words, folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}:\n{said}");
    String::from_utf8(output.stdout).expect("text")
}

/// A clone of this repository, with what is not committed yet.
fn clone_into(folder: &Path) -> PathBuf {
    let clone = folder.join("at another path").join("whitewater");
    let (from, to) = (root().to_string_lossy(), clone.to_string_lossy());
    done("git", &["clone", "--quiet", &from, &to], folder);
    let changed = done("git", &["diff", "-z", "--name-only", "HEAD"], root());
    let words = ["ls-files", "-z", "--others", "--exclude-standard"];
    let changed = changed + &done("git", &words, root());
    for name in changed.split_terminator('\0') {
        let (here, there) = (root().join(name), clone.join(name));
        if here.is_file() {
            std::fs::create_dir_all(there.parent().expect("a folder")).expect("created");
            std::fs::copy(here, there).expect("copied");
        } else if there.exists() {
            std::fs::remove_file(there).expect("removed");
        }
    }
    clone
}

/// Libraries of the registry need not be built again: no path of a clone is in them.
fn share_libraries(clone: &Path) {
    let built = Path::new(env!("CARGO_BIN_EXE_cargo-whitewater"))
        .ancestors()
        .nth(2)
        .expect("a target folder")
        .join("sim");
    let target = clone.join("target");
    std::fs::create_dir(&target).expect("created");
    let (from, to) = (built.to_string_lossy(), target.to_string_lossy());
    done("cp", &["-a", &from, &to], clone);
}

/// The folder that the failing seed of a negative leaves.
fn failure(scenario: &str) -> PathBuf {
    let words = ["run", scenario, "--seeds", "12", "--json"];
    let events = done(env!("CARGO_BIN_EXE_cargo-whitewater"), &words, root());
    let caught = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a JSON object a line"))
        .find(|event| event["type"] == "caught")
        .unwrap_or_else(|| panic!("{scenario} is not caught:\n{events}"));
    root().join(caught["saved"].as_str().expect("a path"))
}

#[test]
fn a_saved_plan_tells_the_same_history_from_a_second_clone() {
    if std::env::var("WHITEWATER_SECOND_CLONE").as_deref() != Ok("1") {
        eprintln!("skipped: it builds the simulation twice; set WHITEWATER_SECOND_CLONE=1");
        return;
    }
    let failures = SCENARIOS.map(failure);
    let folder = TempDir::new().expect("a folder");
    let clone = clone_into(folder.path());
    share_libraries(&clone);
    let mut panics = 0;
    for (scenario, failure) in SCENARIOS.iter().zip(failures) {
        let text = std::fs::read_to_string(failure.join("plan.json")).expect("saved");
        let saved = SavedPlan::from_json(&text).expect("a saved plan");
        assert!(saved.found.is_some());
        // Only the plan goes there.
        std::fs::write(clone.join("plan.json"), text).expect("written");
        let words = ["replay", "plan.json"];
        let replay = ended(env!("CARGO_BIN_EXE_cargo-whitewater"), &words, &clone);
        let [story, said] =
            [replay.stdout, replay.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
        let verdict = story.lines().next_back().unwrap_or_default();
        assert!(
            verdict.contains(" as saved"),
            "{scenario}: {verdict}\n{said}"
        );
        assert!(said.contains("same commit"), "{said}");
        panics += story.matches("panics: ").count();
    }
    assert!(panics > 0, "no history holds the place of a panic");
}
