//! What people see when a scenario is wrong, and the scenarios of the repository.

use std::path::PathBuf;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::*;

const GOOD: &str = r#"about = "Members come and go."
pipeline = "trades"
duration_s = "30..60"

[cluster]
brokers = 3

[topics.trades]
partitions = 8

[workers]
count = "2..5"

[settings]
linger_ms = "10..500"
"session.timeout.ms" = [6000, 10000]

[load]
generator = "trades"
records = 1_000
rate_per_s = "20..200"
duplicates = "0%..5%"

[[fault]]
kind = "kill"
target = "any worker"
every = "1s..10s"

[[fault]]
kind = "broker-kill"
target = "leader of trades-3"
at = "12s"
for = "2s..20s"
"#;

fn parsed(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse("fast/test", "scenarios/fast/test.toml", text)
}

/// What is printed for the good scenario with one piece replaced.
fn complaint(piece: &str, replacement: &str) -> String {
    assert!(GOOD.contains(piece), "{piece} is not in the good scenario");
    let error = parsed(&GOOD.replacen(piece, replacement, 1)).expect_err("it is wrong now");
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .render_report(&mut text, &error)
        .expect("rendering to memory");
    text
}

#[test]
fn a_good_scenario_reads() {
    let scenario = parsed(GOOD).expect("it is right");
    assert_eq!(scenario.workers.count, Range { low: 2, high: 5 });
    assert_eq!(scenario.topics["trades"].partitions, Range::fixed(8));
    assert_eq!(scenario.duration.high, Duration::from_secs(60));
    let kinds: Vec<&str> = scenario.faults.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["kill", "broker-kill"]);
    assert_eq!(
        scenario.faults[1].timing,
        Timing::At(Range::fixed(Duration::from_secs(12)))
    );
}

#[test]
fn a_mistyped_key_gets_a_caret_and_the_near_word() {
    insta::assert_snapshot!(complaint("partitions = 8", "partition = 8"), @r"
     × unknown key `partition`
       ╭─[scenarios/fast/test.toml:9:1]
     8 │ [topics.trades]
     9 │ partition = 8
       · ────┬────
       ·     ╰── did you mean `partitions`?
    10 │ 
       ╰────
     help: known here: partitions, replication_factor, config, output
    ");
}

#[test]
fn a_mistyped_table_gets_a_caret_and_the_near_word() {
    insta::assert_snapshot!(complaint("[workers]", "[worker]"), @r#"
      × unknown key `worker`
        ╭─[scenarios/fast/test.toml:11:2]
     10 │ 
     11 │ [worker]
        ·  ───┬──
        ·     ╰── did you mean `workers`?
     12 │ count = "2..5"
        ╰────
      help: known here: about, pipeline, duration_s, cluster, topics, workers, settings, load, expect, must_reach, fault
    "#);
}

#[test]
fn an_unknown_kind_of_fault_gets_the_near_one() {
    insta::assert_snapshot!(complaint("kind = \"broker-kill\"", "kind = \"brokr-kill\""), @r#"
     × unknown kind of fault `brokr-kill`
       ╭─[scenarios/fast/test.toml:30:8]
    29 │ [[fault]]
    30 │ kind = "brokr-kill"
       ·        ──────┬─────
       ·              ╰── did you mean `broker-kill`?
    31 │ target = "leader of trades-3"
       ╰────
     help: one of kill, pause, power-loss, restart-loop, slow-cpu, member-churn, force-rebalance, partition-growth, broker-kill, broker-pause, broker-slow, network-cut, delay, loss, lost-reply, load-
           burst, clock-skew, clock-drift, clock-jump, disk-full, disk-error, fsync-error, fsync-slow, rewind-committed, broker-disk-full, upgrade, hanging-transaction
    "#);
}

#[test]
fn an_unknown_key_of_a_fault_is_pointed_at() {
    insta::assert_snapshot!(complaint("target = \"any worker\"", "targt = \"any worker\""), @r#"
     × unknown key `targt`
       ╭─[scenarios/fast/test.toml:26:1]
    25 │ kind = "kill"
    26 │ targt = "any worker"
       · ──┬──
       ·   ╰── did you mean `target`?
    27 │ every = "1s..10s"
       ╰────
     help: known here: target, for, kind, at, every, when
    "#);
}

#[test]
fn heartbeats_come_within_the_session() {
    let brokers = "brokers = 3\ngroup_consumer_session_timeout_ms = ";
    let written = |session: &str| format!("{brokers}{session}");
    assert!(parsed(&GOOD.replacen("brokers = 3", &written("\"6000..10000\""), 1)).is_ok());
    insta::assert_snapshot!(complaint("brokers = 3", &written("\"4000..10000\"")), @r#"
     × heartbeats that come later than the session ends
      ╭─[scenarios/fast/test.toml:7:37]
    6 │ brokers = 3
    7 │ group_consumer_session_timeout_ms = "4000..10000"
      ·                                     ──────┬──────
      ·                                           ╰── must be longer than the heartbeat interval, which is up to 5000
    8 │ 
      ╰────
    "#);
}

#[test]
fn a_wrong_target_says_what_can_be_written() {
    insta::assert_snapshot!(complaint("\"any worker\"", "\"some worker\""), @r#"
      × invalid value: string "some worker"
        ╭─[scenarios/fast/test.toml:26:10]
     25 │ kind = "kill"
     26 │ target = "some worker"
        ·          ──────┬──────
        ·                ╰── expected "any worker" or a name such as "worker-2"
     27 │ every = "1s..10s"
        ╰────
    "#);
}

#[test]
fn a_fault_needs_exactly_one_time() {
    insta::assert_snapshot!(complaint("at = \"12s\"\n", ""), @r#"
      × a fault without a time
        ╭─[scenarios/fast/test.toml:29:1]
     28 │ 
     29 │ [[fault]]
        · ────┬────
        ·     ╰── needs `at = "12s"` or `every = "1s..10s"`
     30 │ kind = "broker-kill"
        ╰────
    "#);
}

#[test]
fn a_wrong_value_says_what_can_be_written() {
    insta::assert_snapshot!(complaint("\"0%..5%\"", "\"0..5\""), @r#"
      × invalid value: string "0..5"
        ╭─[scenarios/fast/test.toml:22:14]
     21 │ rate_per_s = "20..200"
     22 │ duplicates = "0..5"
        ·              ───┬──
        ·                 ╰── expected a share such as "1%", or a range such as "0%..5%"
     23 │ 
        ╰────
    "#);
    insta::assert_snapshot!(complaint("\"2..5\"", "\"5..2\""), @r#"
      × invalid value: string "5..2"
        ╭─[scenarios/fast/test.toml:12:9]
     11 │ [workers]
     12 │ count = "5..2"
        ·         ───┬──
        ·            ╰── expected a number such as 3, or a range such as "2..5"
     13 │ 
        ╰────
    "#);
    insta::assert_snapshot!(complaint("\"2s..20s\"", "20"), @r#"
      × invalid value: integer `20`
        ╭─[scenarios/fast/test.toml:33:7]
     32 │ at = "12s"
     33 │ for = 20
        ·       ─┬
        ·        ╰── expected a time such as "12s" or "200ms", or a range such as "1s..10s"
        ╰────
    "#);
}

#[test]
fn a_missing_key_is_named() {
    insta::assert_snapshot!(complaint("pipeline = \"trades\"\n", ""), @r#"
      × missing key `pipeline`
       ╭─[scenarios/fast/test.toml:1:1]
     1 │ about = "Members come and go."
       · ▲
       · ╰── `pipeline` belongs here
     2 │ duration_s = "30..60"
       ╰────
    "#);
    insta::assert_snapshot!(complaint("brokers = 3", ""), @r"
      × missing key `brokers`
       ╭─[scenarios/fast/test.toml:5:1]
     4 │ 
     5 │ [cluster]
       · ────┬────
       ·     ╰── `brokers` belongs here
     6 │ 
       ╰────
    ");
}

#[test]
fn broken_toml_is_pointed_at() {
    insta::assert_snapshot!(complaint("brokers = 3", "brokers = = 3"), @r"
      × extra `=`
       ╭─[scenarios/fast/test.toml:6:11]
     5 │ [cluster]
     6 │ brokers = = 3
       ·           ┬
       ·           ╰── expected nothing
     7 │ 
       ╰────
    ");
}

#[test]
fn what_types_cannot_say_is_checked() {
    insta::assert_snapshot!(complaint("brokers = 3", "brokers = \"3..9\""), @r#"
      × too few or too many brokers
       ╭─[scenarios/fast/test.toml:6:11]
     5 │ [cluster]
     6 │ brokers = "3..9"
       ·           ───┬──
       ·              ╰── 1 to 5
     7 │ 
       ╰────
    "#);
    insta::assert_snapshot!(complaint("generator = \"trades\"", "file = \"a.jsonl\""), @r#"
      × `records` with a `file`
        ╭─[scenarios/fast/test.toml:20:11]
     19 │ file = "a.jsonl"
     20 │ records = 1_000
        ·           ──┬──
        ·             ╰── only for a generator; a file has `skip` and `take`
     21 │ rate_per_s = "20..200"
        ╰────
    "#);
    insta::assert_snapshot!(complaint("[load]", "[load]\ntopic = \"trade\""), @r#"
      × no topic `trade`
        ╭─[scenarios/fast/test.toml:19:9]
     18 │ [load]
     19 │ topic = "trade"
        ·         ───┬───
        ·            ╰── did you mean `trades`?
     20 │ generator = "trades"
        ╰────
    "#);
    let output = "[topics.out]\noutput = true\npartitions = 1\n\n[load]\ntopic = \"out\"";
    insta::assert_snapshot!(complaint("[load]", output), @r#"
      × `out` is an output
        ╭─[scenarios/fast/test.toml:23:9]
     22 │ [load]
     23 │ topic = "out"
        ·         ──┬──
        ·           ╰── the pipeline does not consume it
     24 │ generator = "trades"
        ╰────
    "#);
    insta::assert_snapshot!(complaint("partitions = 8", "partitions = 8\noutput = true"), @r#"
      × no topic to consume
       ╭─[scenarios/fast/test.toml:8:2]
     7 │ 
     8 │ [topics.trades]
       ·  ───┬──
       ·     ╰── needs a [topics.NAME] table that is no output
     9 │ partitions = 8
       ╰────
    "#);
    insta::assert_snapshot!(complaint("records = 1_000\n", ""), @r#"
      × how many records?
        ╭─[scenarios/fast/test.toml:18:1]
     17 │ 
     18 │ [load]
        · ───┬──
        ·    ╰── `records` is missing
     19 │ generator = "trades"
        ╰────
    "#);
}

#[test]
fn a_probe_that_no_sweep_can_reach_is_pointed_at() {
    let asking = |probes: &str| format!("duration_s = \"30..60\"\nmust_reach = {probes}");
    insta::assert_snapshot!(complaint("duration_s = \"30..60\"", &asking("[\"fault.broker-kil\"]")), @r#"
     × `fault.broker-kil` can't be reached
      ╭─[scenarios/fast/test.toml:4:14]
    3 │ duration_s = "30..60"
    4 │ must_reach = ["fault.broker-kil"]
      ·              ──────────┬─────────
      ·                        ╰── did you mean `broker-kill`?
    5 │ 
      ╰────
    "#);
    insta::assert_snapshot!(complaint("duration_s = \"30..60\"", &asking("[\"a\", \"a\"]")), @r#"
     × `a` is there twice
      ╭─[scenarios/fast/test.toml:4:14]
    3 │ duration_s = "30..60"
    4 │ must_reach = ["a", "a"]
      ·              ─────┬────
      ·                   ╰── once is enough
    5 │ 
      ╰────
    "#);
    insta::assert_snapshot!(complaint("duration_s = \"30..60\"", &asking("[\"worker fenced\"]")), @r#"
     × no probe is called `worker fenced`
      ╭─[scenarios/fast/test.toml:4:14]
    3 │ duration_s = "30..60"
    4 │ must_reach = ["worker fenced"]
      ·              ────────┬────────
      ·                      ╰── the name of a probe, such as "worker.fenced"
    5 │ 
      ╰────
    "#);
    insta::assert_snapshot!(complaint("duration_s = \"30..60\"", &asking("3")), @r#"
     × invalid type: integer `3`
      ╭─[scenarios/fast/test.toml:4:14]
    3 │ duration_s = "30..60"
    4 │ must_reach = 3
      ·              ┬
      ·              ╰── expected a sequence
    5 │ 
      ╰────
    "#);
}

#[test]
fn a_fault_can_wait_for_a_probe() {
    let waiting = |probe: &str| format!("every = \"1s..10s\"\nwhen = \"{probe}\"");
    let text = GOOD.replacen("every = \"1s..10s\"", &waiting("worker.fenced"), 1);
    let scenario = parsed(&text).expect("it is right");
    assert_eq!(scenario.faults[0].when.as_deref(), Some("worker.fenced"));
    assert_eq!(scenario.faults[1].when, None);
    insta::assert_snapshot!(complaint("every = \"1s..10s\"", &waiting("in a transaction")), @r#"
     × no probe is called `in a transaction`
       ╭─[scenarios/fast/test.toml:28:8]
    27 │ every = "1s..10s"
    28 │ when = "in a transaction"
       ·        ─────────┬────────
       ·                 ╰── the name of a probe, such as "worker.fenced"
    29 │ 
       ╰────
    "#);
}

#[test]
fn a_bug_that_needs_a_fault_names_one_of_the_scenario() {
    let expect =
        "[workers]\ncount = \"2..5\"\n\n[expect]\ncaught_by = \"order\"\nonly_with = [\"kil\"]\n";
    insta::assert_snapshot!(complaint("[workers]\ncount = \"2..5\"\n", expect), @r#"
     × no fault `kil`
       ╭─[scenarios/fast/test.toml:16:13]
    15 │ caught_by = "order"
    16 │ only_with = ["kil"]
       ·             ───┬───
       ·                ╰── did you mean `kill`?
    17 │ 
       ╰────
    "#);
}

#[test]
fn a_missing_file_is_named() {
    let error = Scenario::read(Path::new("no/such/scenario.toml")).expect_err("not there");
    assert_eq!(
        error.to_string(),
        "can't read scenario no/such/scenario.toml"
    );
}

/// The scenarios of the repository, in the order of their names.
pub(crate) fn of_the_repository() -> Vec<Scenario> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut files: Vec<PathBuf> = ["fast", "negative"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("a folder of scenarios"))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| Scenario::read(file).unwrap_or_else(|error| panic!("{error:?}")))
        .collect()
}

#[test]
fn every_scenario_of_the_repository_reads() {
    let scenarios = of_the_repository();
    for scenario in &scenarios {
        let is_negative = scenario.name.starts_with("negative/");
        assert_eq!(is_negative, scenario.expect.is_some(), "{}", scenario.name);
    }
    let names: Vec<&str> = scenarios
        .iter()
        .map(|scenario| scenario.name.as_str())
        .collect();
    for wanted in [
        "fast/steady",
        "fast/rebalance-storm",
        "fast/power-loss",
        "negative/zombie",
    ] {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
}

#[test]
fn the_name_is_folder_and_file() {
    let name = |path: &str| name_of(Path::new(path));
    assert_eq!(name("scenarios/fast/steady.toml"), "fast/steady");
    assert_eq!(name("steady.toml"), "steady");
}
