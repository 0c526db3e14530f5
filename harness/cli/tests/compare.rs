//! `cargo whitewater compare` as people run it, on a binary with a planted rounding change.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

const COMMAND: &str = env!("CARGO_BIN_EXE_cargo-whitewater");

/// The binary that holds both versions. Cargo builds examples along with tests, unless only some
/// tests are asked for.
fn planted() -> PathBuf {
    let path = Path::new(COMMAND).with_file_name("examples/planted_trades");
    assert!(
        path.is_file(),
        "not built: cargo build -p cargo-whitewater --example planted_trades"
    );
    path
}

fn is_planted(id: &str) -> bool {
    xxh3_64(id.as_bytes()).is_multiple_of(200)
}

fn trade(number: u32) -> String {
    let (cents, quantity, user) = (10_000 + number % 977, 1 + number % 300, number / 40);
    format!(
        r#"{{"id":"t-{number:05}","symbol":"S","price":"{}.{:02}00","quantity":{quantity},"time":"2024-05-06T07:08:09Z","user":"u{user}"}}"#,
        cents / 100,
        cents % 100
    )
}

struct Place(TempDir);

impl Place {
    fn new(events: &[String]) -> Self {
        let place = Self(TempDir::new().unwrap());
        std::fs::write(place.path("events.jsonl"), events.join("\n") + "\n").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn compare(&self, old: &str, new: &str, input: &Path, more: &[&str]) -> Output {
        let binary = planted();
        Command::new(COMMAND)
            .args(["whitewater", "compare", "--old"])
            .arg(format!("{}:{old}", binary.display()))
            .arg("--new")
            .arg(format!("{}:{new}", binary.display()))
            .arg(input)
            .args(more)
            .current_dir(self.0.path())
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap()
    }

    fn told(&self, old: &str, new: &str, more: &[&str]) -> String {
        told(&self.compare(old, new, Path::new("events.jsonl"), more))
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!(
        "exit {}\n{}{}",
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr).replace(&planted().display().to_string(), "planted_trades")
    )
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_planted_rounding_is_reported_with_its_keys() {
    let mut events: Vec<String> = (0..5_000).map(trade).collect();
    events.insert(100, "{\"id\":".to_owned());
    events.push(trade(17));
    events.push(trade(18).replace("\"S\"", "\"T\""));
    let place = Place::new(&events);
    insta::assert_snapshot!(place.told("trades@1", "trades@2", &["--junit", "report.xml"]));
    let junit = std::fs::read_to_string(place.path("report.xml")).unwrap();
    let junit = junit.replace(&planted().display().to_string(), "planted_trades");
    insta::assert_snapshot!("junit", junit);

    let rows = place
        .path("target/whitewater/compare/planted_trades-trades@1-planted_trades-trades@2.jsonl");
    let found: Vec<String> = std::fs::read_to_string(rows)
        .unwrap()
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected: Vec<String> = (0..5_000)
        .map(|number| format!("t-{number:05}"))
        .filter(|id| is_planted(id))
        .collect();
    assert!(expected.len() > 10);
    assert_eq!(found, expected, "exactly what was planted, and all of it");
}

#[test]
fn the_same_version_against_itself_is_no_difference_and_exit_0() {
    let place = Place::new(&(0..500).map(trade).collect::<Vec<_>>());
    for version in ["trades@1", "trades@2"] {
        insta::assert_snapshot!(version, place.told(version, version, &["--sample", "20%"]));
    }
}

#[test]
fn what_is_tolerated_ignored_or_allowed_passes_and_enough_is_enough() {
    let place = Place::new(&(0..2_000).map(trade).collect::<Vec<_>>());
    for (more, code) in [
        (["--tolerance", "0.01"], 0),
        (["--tolerance", "notional=0.01"], 0),
        (["--tolerance", "price=0.01"], 1),
        (["--tolerance", "0.009"], 1),
        (["--ignore", "notional"], 0),
        (["--ignore", "price"], 1),
        (["--allow", "1%"], 0),
        (["--allow", "0.1%"], 1),
    ] {
        let output = place.compare("trades@1", "trades@2", Path::new("events.jsonl"), &more);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{more:?} {}",
            told(&output)
        );
    }
    let output = place.compare(
        "trades@1",
        "trades@2",
        Path::new("events.jsonl"),
        &["--stop-after", "3", "--json"],
    );
    let report = json(&output);
    assert_eq!(report["differences"], 3);
    assert_eq!(report["summary"]["stopped_early"], true);
}

#[test]
fn a_sample_is_the_same_every_time_and_keeps_users_together() {
    let place = Place::new(&(0..4_000).map(trade).collect::<Vec<_>>());
    let sample = ["--sample", "10%", "--sample-by", "user", "--json"];
    let input = Path::new("events.jsonl");
    let [first, second] =
        [1, 2].map(|_| json(&place.compare("trades@1", "trades@2", input, &sample)));
    assert_eq!(first, second);
    let taken = first["sample"]["taken"].as_u64().unwrap();
    assert!(taken > 0 && taken < 1_000, "{taken}");
    assert!(
        taken.is_multiple_of(40),
        "whole users of 40 events: {taken}"
    );
}

#[test]
fn what_goes_wrong_is_named() {
    let place = Place::new(&[trade(1)]);
    let compare = |old: &str, new: &str, input: &str| {
        let output = Command::new(COMMAND)
            .args(["compare", "--old", old, "--new", new, input])
            .current_dir(place.0.path())
            .output()
            .unwrap();
        told(&output)
    };
    let planted = format!("{}:trades@1", planted().display());
    let all = [
        place.told("trades@1", "trades@9", &[]),
        compare(&planted, "trades", "events.jsonl"),
        compare(&planted, "/bin/echo:trades@2", "events.jsonl"),
        compare(&planted, "./missing:trades@2", "events.jsonl"),
        compare(&planted, &planted, "missing.jsonl"),
        place.told("trades@1", "trades@1", &["--sample", "0.000001%"]),
        place.told("trades@1", "trades@1", &["--sample", "1"]),
        place.told("trades@1", "trades@1", &["--tolerance", "price=x"]),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

/// The planted change on real trades: every one of the sample's, with its key.
#[test]
fn one_percent_of_real_trades_shows_the_planted_rounding() {
    let Some(data) = std::env::var_os("WHITEWATER_DATA").map(PathBuf::from) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "WHITEWATER_DATA names no directory"
        );
        eprintln!("skipped: WHITEWATER_DATA names no directory");
        return;
    };
    let place = Place::new(&[trade(1)]);
    let input = data.join("us-equity-trades-2013-10-07.jsonl.gz");
    let output = place.compare("trades@1", "trades@2", &input, &["--sample", "1%"]);
    insta::assert_snapshot!(told(&output));
    let again = place.compare("trades@1", "trades@2", &input, &["--sample", "1%"]);
    assert_eq!(told(&output), told(&again));
    let same = place.compare("trades@1", "trades@1", &input, &["--sample", "1%"]);
    assert_eq!(same.status.code(), Some(0), "{}", told(&same));
}
