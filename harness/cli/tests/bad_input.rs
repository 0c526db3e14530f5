//! What people get wrong, what they are told, and the exit code that scripts see. None of these
//! needs a simulated build: all of it is found before.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const MANIFEST: &str = r#"[package]
name = "scenarios"
version = "0.0.0"
edition = "2024"

[workspace]
"#;

const STEADY: &str = r#"about = "Nothing goes wrong. What fails here fails anywhere."
pipeline = "trades"
duration_s = 30

[cluster]
brokers = 3

[topics.trades]
partitions = 8

[workers]
count = "2..5"

[load]
generator = "trades"
records = 1_000
rate_per_s = "20..200"
"#;

/// A project with one scenario, `fast/steady`.
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(TempDir::new().expect("a folder"));
        project.write("scenarios/Cargo.toml", MANIFEST);
        project.write("scenarios/src/main.rs", "fn main() {}\n");
        project.write("scenarios/fast/steady.toml", STEADY);
        project
    }

    /// The scenario with one piece of its text replaced.
    fn with_steady(from: &str, to: &str) -> Self {
        let project = Self::new();
        assert!(STEADY.contains(from), "{from:?} is not in the scenario");
        project.write("scenarios/fast/steady.toml", &STEADY.replacen(from, to, 1));
        project
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        let folder = path.parent().expect("a path in the project");
        std::fs::create_dir_all(folder).expect("created");
        std::fs::write(path, text).expect("written");
    }

    /// What the command prints and how it ends.
    fn run(&self, words: &[&str]) -> String {
        told(self.0.path(), words)
    }
}

fn told(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-whitewater"))
        .args(words)
        .current_dir(folder)
        .env_remove("WHITEWATER_DATA")
        .env_remove("WHITEWATER_REQUIRE_DATA")
        .env_remove("CARGO_TARGET_DIR")
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts");
    let root = folder.canonicalize().expect("a folder");
    let text = [output.stdout, output.stderr].map(|bytes| {
        String::from_utf8(bytes)
            .expect("text")
            .replace(&*root.to_string_lossy(), "PROJECT")
    });
    let code = output.status.code().expect("an exit code");
    format!("{}exit code {code}", text.concat())
}

#[test]
fn a_typo_in_a_key_is_shown_with_the_nearest_word() {
    let project = Project::with_steady("partitions", "partitons");
    insta::assert_snapshot!(project.run(&["run", "steady"]));
}

#[test]
fn an_unknown_scenario_gets_the_nearest_name() {
    insta::assert_snapshot!(Project::new().run(&["run", "stedy"]));
}

#[test]
fn a_scenario_far_from_every_name_is_sent_to_the_list() {
    insta::assert_snapshot!(Project::new().run(&["replay", "power-cut", "--seed", "1"]));
}

#[test]
fn broken_toml_is_shown_where_it_breaks() {
    let project = Project::with_steady("[workers]", "[workers");
    insta::assert_snapshot!(project.run(&["run"]));
}

#[test]
fn an_impossible_range_is_shown() {
    let project = Project::with_steady("2..5", "5..2");
    insta::assert_snapshot!(project.run(&["determinism", "steady"]));
}

/// What is said of the scenario with one more fault.
fn with_fault(entry: &str) -> String {
    let load = "rate_per_s = \"20..200\"\n";
    let project = Project::with_steady(load, &format!("{load}\n[[fault]]\n{entry}\n"));
    project.run(&["run", "steady"])
}

#[test]
fn a_worker_that_no_seed_has_is_no_target() {
    insta::assert_snapshot!(with_fault(
        "kind = \"kill\"\nevery = \"5s\"\nfor = \"1s\"\ntarget = \"worker-6\""
    ));
}

#[test]
fn a_broker_that_no_seed_has_is_no_end_of_a_link() {
    insta::assert_snapshot!(with_fault(
        "kind = \"network-cut\"\nevery = \"5s\"\nfor = \"1s\"\nbetween = [\"any worker\", \"broker-4\"]"
    ));
}

#[test]
fn a_partition_that_no_seed_has_has_no_leader() {
    insta::assert_snapshot!(with_fault(
        "kind = \"broker-kill\"\nevery = \"5s\"\nfor = \"1s\"\ntarget = \"leader of trades-8\""
    ));
}

#[test]
fn a_leader_is_of_a_topic_that_there_is() {
    insta::assert_snapshot!(with_fault(
        "kind = \"broker-kill\"\nevery = \"5s\"\nfor = \"1s\"\ntarget = \"leader of trade-0\""
    ));
}

#[test]
fn a_host_that_there_is_not_is_no_target() {
    insta::assert_snapshot!(with_fault(
        "kind = \"power-loss\"\nevery = \"5s\"\nfor = \"1s\"\ntarget = \"host-b\""
    ));
}

#[test]
fn a_fault_after_the_end_never_begins() {
    insta::assert_snapshot!(with_fault("kind = \"kill\"\nat = \"200s\"\nfor = \"1s\""));
}

#[test]
fn a_list_goes_on_after_a_broken_scenario() {
    let project = Project::new();
    project.write(
        "scenarios/fast/broken.toml",
        &STEADY.replace("brokers", "brokres"),
    );
    insta::assert_snapshot!(project.run(&["list"]));
}

#[test]
fn a_plan_of_another_format_names_both_formats() {
    let project = Project::new();
    project.write(
        "plan.json",
        r#"{ "format": 999, "scenario": "fast/steady", "seed": 37, "commit": "0123abc" }"#,
    );
    insta::assert_snapshot!(project.run(&["replay", "plan.json"]));
}

#[test]
fn a_plan_that_is_no_json_says_where() {
    let project = Project::new();
    project.write("plan.json", "{\n  \"format\": 1,\n  \"scen");
    insta::assert_snapshot!(project.run(&["replay", "plan.json"]));
}

#[test]
fn an_empty_plan_is_no_plan() {
    let project = Project::new();
    project.write("saved/plan.json", "");
    insta::assert_snapshot!(project.run(&["replay", "saved"]));
}

#[test]
fn a_folder_without_a_plan_says_which_file_is_missing() {
    let project = Project::new();
    project.write("saved/verdict.json", "{}");
    insta::assert_snapshot!(project.run(&["replay", "saved"]));
}

#[test]
fn a_plan_that_is_not_there_is_no_scenario_either() {
    insta::assert_snapshot!(Project::new().run(&["replay", "saved/plan.json"]));
}

#[test]
fn a_folder_without_scenarios_says_what_it_looked_for() {
    let folder = TempDir::new().expect("a folder");
    insta::assert_snapshot!(told(folder.path(), &["run"]));
}

#[test]
fn missing_data_that_is_required_is_found_before_anything_is_built() {
    let project = Project::with_steady(
        "generator = \"trades\"\nrecords = 1_000",
        "file = \"trades.jsonl.gz\"\ntake = 1_000",
    );
    insta::assert_snapshot!(project.run(&["run", "--require-data", "--data", "data"]));
}

#[test]
fn a_time_without_meaning_is_refused() {
    insta::assert_snapshot!(
        Project::new().run(&["replay", "steady", "--seed", "1", "--from", "noon"])
    );
}

#[test]
fn a_usage_error_keeps_its_code() {
    insta::assert_snapshot!(Project::new().run(&["run", "--seeds", "0"]));
}

#[test]
fn help_lists_commands_and_exit_codes() {
    insta::assert_snapshot!(Project::new().run(&["--help"]));
}

#[test]
fn help_of_run_has_examples() {
    insta::assert_snapshot!(Project::new().run(&["run", "--help"]));
}

#[test]
fn help_of_replay_has_examples() {
    insta::assert_snapshot!(Project::new().run(&["replay", "--help"]));
}

#[test]
fn help_of_ramp_has_examples() {
    insta::assert_snapshot!(Project::new().run(&["ramp", "--help"]));
}

#[test]
fn a_ramp_needs_times_and_costs_with_units() {
    insta::assert_snapshot!(Project::new().run(&["ramp", "steady", "--steps", "1,fast"]));
    insta::assert_snapshot!(Project::new().run(&["ramp", "steady", "--cost-per-record", "5"]));
}

#[test]
fn a_shard_that_is_none_is_a_usage_error() {
    insta::assert_snapshot!(Project::new().run(&["run", "--shard", "5/4"]));
}

#[test]
fn a_time_budget_needs_a_unit_that_there_is() {
    insta::assert_snapshot!(Project::new().run(&["run", "--time-budget", "3 days"]));
}

#[test]
fn a_known_failure_of_no_scenario_is_refused() {
    let project = Project::new();
    let text = "[[known]]\nscenario = \"fast/staedy\"\nkinds = [\"lost\"]\nwhy = \"waits\"\n";
    project.write("scenarios/known-failures.toml", text);
    insta::assert_snapshot!(project.run(&["run"]));
}

#[test]
fn a_regression_of_another_format_names_its_file() {
    let project = Project::new();
    project.write("scenarios/regressions/late.json", "{\"format\": 9}");
    insta::assert_snapshot!(project.run(&["run"]));
}

#[test]
fn a_part_of_a_sweep_is_no_sweep() {
    let project = Project::new();
    let events = r#"{"type":"begin","seeds":"4 seeds (shard 1/2)","shard":{"number":1,"of":2},"commit":null}
{"type":"summary","interrupted":false,"wall_ms":1}
"#;
    project.write("1.jsonl", events);
    insta::assert_snapshot!(project.run(&["merge", "1.jsonl"]));
}

#[test]
fn tests_are_listed_without_a_build() {
    insta::assert_snapshot!(Project::new().run(&["test", "--list"]));
}
