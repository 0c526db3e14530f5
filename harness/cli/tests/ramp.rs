//! What breaks first as the load grows: a real ramp, with a cost that a worker can bear once, and not
//! ten times.
//!
//! It builds and runs the simulation, so it runs only under `WHITEWATER_SIMULATED_TESTS=1` (`ci/test`
//! sets it).

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The exit code, and what `--json` prints.
fn ramp(words: &[&str]) -> (Option<i32>, Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the workspace is two folders up");
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-whitewater"))
        .args([&["ramp", "--json", "--steps", "1,10"], words].concat())
        .current_dir(root)
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let ramp = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {said}"));
    (output.status.code(), ramp)
}

#[test]
fn costs_that_can_be_borne_once_break_at_ten_times_the_load() {
    if std::env::var("WHITEWATER_SIMULATED_TESTS").as_deref() != Ok("1") {
        eprintln!("skipped: it needs a simulated build; set WHITEWATER_SIMULATED_TESTS=1");
        return;
    }
    let slow = ["steady", "--cost-per-record", "5ms"];
    let (code, found) = ramp(&[&slow[..], &["--must-hold", "1x"]].concat());
    assert_eq!(code, Some(0), "{found}");
    let [once, tenfold] = [&found["steps"][0], &found["steps"][1]];
    assert_eq!(once["breaks"], Value::Array(Vec::new()));
    assert_eq!(tenfold["breaks"][0]["bound"], "lag-drains", "{found}");
    // One worker, 5 ms a record: just below 200 a second, whatever arrives.
    let taken_in = tenfold["taken_in_per_s"].as_u64().expect("a number");
    assert!((150..=200).contains(&taken_in), "{found}");

    let (code, found) = ramp(&[&slow[..], &["--must-hold", "10x"]].concat());
    assert_eq!(code, Some(1), "{found}");
    let (code, found) = ramp(&["steady", "--must-hold", "10x"]);
    assert_eq!(code, Some(0), "what costs little holds: {found}");
}
