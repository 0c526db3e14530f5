//! What people and scripts get from the command: output and exit code, above all for bad input.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "support/served.rs"]
mod served;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use served::{Kafka, records_in, wait_until};
use whitewater_pipeline::sqlite::Reader;

const CONFIG: &str = r#"
brokers = "BROKERS"
topics = ["trades"]
group = "group"
processor = "trades@1"

[fields]
id = "id"
symbol = "symbol"
price = "price"
quantity = "quantity"
event_time = "time"

[sink]
sqlite = "results.db"

[limits]
broker_wait_ms_max = 1000

[kafka]
session.timeout.ms = 6000
heartbeat.interval.ms = 200
"#;

/// A directory with a configuration in it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new(brokers: &str) -> Self {
        let place = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        place.write(
            "pipeline.toml",
            CONFIG.trim_start().replace("BROKERS", brokers),
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn change(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("pipeline.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        self.write("pipeline.toml", text.replace(from, to));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command
            .args(args)
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Exit code, standard output and standard error, the log left out.
    fn run(&self, args: &[&str]) -> String {
        let mut with_log = vec!["--log", "off"];
        with_log.extend(args);
        told(&self.command(&with_log).output().unwrap())
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output
        .status
        .code()
        .map_or("signal".to_owned(), |code| code.to_string());
    format!(
        "exit {code}\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    )
}

/// What differs from run to run.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+(,127\.0\.0\.1:\d+)*", "BROKERS");
    settings.add_filter(r"within \d+ s", "within N s");
    settings.add_filter(r"in \d+\.\d s", "in N s");
    settings.add_filter(r#""digest":"[0-9a-f]{16}""#, "\"digest\":\"DIGEST\"");
    settings.add_filter(r" *\d+ (ms|s)(  -|  worker-\S+)\n", "     AGE$2\n");
    settings.add_filter(r"\d+ (ms|s) at most", "AGE at most");
    settings.add_filter(r#""(time_ms|lag_ms|lag_ms_min)":\d+"#, "\"$1\":N");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "NOW");
    settings.add_filter(r"/tmp/[^`\s]*/", "DIR/");
    settings
}

fn trade(number: u32) -> String {
    format!(
        r#"{{"id":"t{number}","symbol":"S","price":"1.50","quantity":{number},"time":"2024-05-06T07:08:09Z"}}"#
    )
}

fn trades(count: u32) -> String {
    (0..count).map(|number| trade(number) + "\n").collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn faults_of_a_configuration_are_shown_where_they_are() {
    let faults = [
        ("[limits]", "[batch]\nliger_ms = 200\n\n[limits]"),
        ("group = ", "gruop = "),
        ("group = \"group\"\n", ""),
        ("symbol = ", "simbol = "),
        ("id = \"id\"\n", ""),
        ("trades@1", "trade@1"),
        ("topics = [\"trades\"]", "topics = 7"),
        ("broker_wait_ms_max = 1000", "broker_wait_ms_max = -1"),
        ("symbol = \"symbol\"", "symbol = \"id.symbol\""),
        ("symbol = \"symbol\"", "symbol = \"a..b\""),
        ("session.timeout.ms = 6000", "enable.auto.commit = true"),
        ("session.timeout.ms = 6000", "session.timeout = 6000"),
        ("session.timeout.ms = 6000", "session.timeout.ms = \"soon\""),
        (
            "heartbeat.interval.ms = 200",
            "group.protocol = \"consumer\"",
        ),
        ("session.timeout.ms = 6000", "group.protocol = \"modern\""),
        ("group = \"group\"", "group = \"group"),
        ("group = \"group\"", "group = "),
    ];
    let all: Vec<String> = faults
        .iter()
        .map(|(from, to)| {
            let place = Place::new("127.0.0.1:1");
            place.change(from, to);
            place.run(&["validate", "pipeline.toml"])
        })
        .collect();
    settings().bind(|| insta::assert_snapshot!(all.join("\n")));
}

#[test]
fn a_good_configuration_and_a_missing_one() {
    let place = Place::new("127.0.0.1:1");
    let all = [
        place.run(&["validate", "pipeline.toml"]),
        place.run(&["validate", "other.toml"]),
    ];
    settings().bind(|| {
        insta::assert_snapshot!(all.join("\n"), @r"
    exit 0
           Valid  pipeline.toml: trades@1 of trades into results.db

    exit 3
    error: can't read `other.toml`: No such file or directory (os error 2)
    ")
    });
}

#[test]
fn a_broker_that_does_not_answer_is_named_within_the_bound() {
    let place = Place::new("127.0.0.1:1");
    place.write("trades.jsonl", trades(1));
    let all = [
        place.run(&["run", "pipeline.toml"]),
        place.run(&["status", "pipeline.toml"]),
        place.run(&["rebuild", "pipeline.toml", "--yes"]),
        place.run(&[
            "send",
            "--brokers",
            "127.0.0.1:1",
            "--timeout",
            "1",
            "--topic",
            "trades",
            "trades.jsonl",
        ]),
    ];
    settings().bind(|| insta::assert_snapshot!(all.join("\n")));
}

#[test]
fn status_goes_on_looking_while_a_broker_is_away() {
    let mut kafka = Kafka::start(1, 1);
    let place = Place::new(&kafka.server.bootstrap_servers());
    let log = std::fs::File::create(place.path("status.jsonl")).unwrap();
    let mut child = place
        .command(&[
            "--log",
            "off",
            "status",
            "pipeline.toml",
            "--watch",
            "1",
            "--json",
        ])
        .stdout(log)
        .spawn()
        .unwrap();
    let looks = || -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(place.path("status.jsonl")).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    wait_until("a look", || looks().iter().any(|look| look["lag"] == 0));
    kafka.server.stop_broker(1);
    wait_until("bad news", || {
        looks().iter().any(|look| look["error"].is_string())
    });
    kafka.server.start_broker(1).unwrap();
    wait_until("good news", || {
        looks().last().is_some_and(|look| look["lag_ms"] == 0)
    });
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_topic_that_is_not_there_is_not_made_by_accident() {
    let kafka = Kafka::start(1, 1);
    let place = Place::new(&kafka.server.bootstrap_servers());
    place.change("topics = [\"trades\"]", "topics = [\"others\"]");
    place.write("trades.jsonl", trades(1));
    let brokers = kafka.server.bootstrap_servers();
    let all = [
        place.run(&["run", "pipeline.toml"]),
        place.run(&[
            "send",
            "--brokers",
            &brokers,
            "--timeout",
            "1",
            "--topic",
            "others",
            "trades.jsonl",
        ]),
    ];
    settings().bind(|| insta::assert_snapshot!(all.join("\n")));
    assert!(
        kafka
            .server
            .with(|cluster| cluster.topic("others").is_none())
    );
}

#[test]
fn from_file_to_results_and_again() {
    let kafka = Kafka::start(1, 2);
    let brokers = kafka.server.bootstrap_servers();
    let place = Place::new(&brokers);
    place.change("results.db", "./results.db");
    place.write("trades.jsonl.gz", gzip(&trades(25)));
    let send = [
        "send",
        "--brokers",
        &brokers,
        "--topic",
        "flows",
        "--key",
        "symbol",
        "--create-topic",
        "1",
    ];
    let disorder = [
        "--duplicates",
        "20%",
        "--out-of-order",
        "20%",
        "--malformed",
        "8%",
        "--seed",
        "5",
        "trades.jsonl.gz",
    ];
    let sent = place.run(&[&send[..], &disorder[..]].concat());
    place.change("topics = [\"trades\"]", "topics = [\"flows\"]");
    let before = place.run(&["status", "pipeline.toml"]);
    let run = place.run(&["run", "pipeline.toml", "--until-end"]);
    let again = place.run(&["run", "pipeline.toml", "--until-end"]);
    let after = place.run(&["status", "pipeline.toml"]);
    let json = place.run(&["status", "pipeline.toml", "--json"]);
    let all = [sent, before, run, again, after, json];
    settings().bind(|| insta::assert_snapshot!("from_file_to_results", all.join("\n")));

    let shown = [
        place.run(&["results", "pipeline.toml", "--limit", "2"]),
        place.run(&[
            "results",
            "pipeline.toml",
            "--limit",
            "2",
            "--format",
            "csv",
        ]),
        place.run(&[
            "results",
            "pipeline.toml",
            "--limit",
            "2",
            "--format",
            "json",
        ]),
    ];
    settings().bind(|| insta::assert_snapshot!("results", shown.join("\n")));

    let identity = |place: &Place| {
        let rows = Reader::open(&place.path("results.db"), "trades@1")
            .unwrap()
            .rows()
            .unwrap();
        rows.into_iter()
            .map(|row| (row.id, row.values, row.source, row.offset))
            .collect::<Vec<_>>()
    };
    let first = identity(&place);
    assert_eq!(first.len(), 25);
    let rebuilt = [
        place.run(&["rebuild", "pipeline.toml"]),
        place.run(&["rebuild", "pipeline.toml", "--yes"]),
    ];
    settings().bind(|| insta::assert_snapshot!("rebuild", rebuilt.join("\n")));
    assert_eq!(identity(&place), first);
}

#[test]
fn a_file_that_is_missing_empty_or_cut_off_says_what_was_sent() {
    let kafka = Kafka::start(1, 1);
    let place = Place::new(&kafka.server.bootstrap_servers());
    place.write("empty.jsonl", "");
    place.write("blank.jsonl", "\n\n");
    place.write("empty.jsonl.gz", gzip(""));
    let whole = trades(5_000);
    place.write("cut.jsonl", &whole[..whole.len() - 20]);
    let packed = gzip(&whole);
    place.write("cut.jsonl.gz", &packed[..packed.len() / 2]);
    place.write("no-line-end.jsonl", trade(1));
    let brokers = kafka.server.bootstrap_servers();
    let files = [
        "missing.jsonl",
        "empty.jsonl",
        "blank.jsonl",
        "empty.jsonl.gz",
        "cut.jsonl",
        "cut.jsonl.gz",
        "no-line-end.jsonl",
        ".",
    ];
    let all: Vec<String> = files
        .iter()
        .map(|file| place.run(&["send", "--brokers", &brokers, "--topic", "trades", file]))
        .collect();
    settings().bind(|| insta::assert_snapshot!(all.join("\n")));
}

#[test]
fn csv_and_zstd_are_sent_too() {
    let kafka = Kafka::start(1, 1);
    let brokers = kafka.server.bootstrap_servers();
    let place = Place::new(&brokers);
    let csv = "id,symbol,price,quantity,time\nc1,S,1.50,2,2024-05-06T07:08:09Z\nc2,S,1.50,,2024-05-06T07:08:09Z\n";
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    place.write("trades.csv", csv);
    place.write("trades.csv.zst", zstd(csv));
    place.write("trades.jsonl.zst", zstd(&trades(3)));
    place.write("notes.txt", csv);
    let cut = zstd(&trades(5_000));
    place.write("cut.jsonl.zst", &cut[..cut.len() / 2]);
    place.write("ragged.csv", "id,price\n1,2\n3\n");
    place.write("header.csv", "id,price\n");
    let send = |args: &[&str]| {
        let first = ["send", "--brokers", &brokers, "--topic", "trades"];
        place.run(&[&first[..], args].concat())
    };
    let all = [
        send(&["trades.csv"]),
        send(&["trades.csv.zst", "--key", "symbol"]),
        send(&["trades.jsonl.zst"]),
        send(&["--format", "csv", "notes.txt"]),
        send(&["cut.jsonl.zst"]),
        send(&["ragged.csv"]),
        send(&["header.csv"]),
        place.run(&["run", "pipeline.toml", "--until-end"]),
        place.run(&[
            "results",
            "pipeline.toml",
            "--limit",
            "1",
            "--format",
            "json",
        ]),
        place.run(&["read", "--brokers", &brokers, "--topic", "trades"]),
        place.run(&["read", "--brokers", &brokers, "--topic", "others"]),
    ];
    settings().bind(|| insta::assert_snapshot!(all.join("\n")));
}

#[test]
fn events_are_processed_without_kafka_or_sink() {
    let place = Place::new("127.0.0.1:1");
    place.write("events.jsonl", trades(2) + "{\"id\":\"broken\"}\n");
    let process = |args: &[&str]| {
        let events = std::fs::File::open(place.path("events.jsonl")).unwrap();
        let mut command = place.command(&[&["--log", "off", "process"], args].concat());
        told(&command.stdin(events).output().unwrap())
    };
    let all = [
        process(&["--config", "pipeline.toml"]),
        process(&["--config", "pipeline.toml", "--processor", "trade@1"]),
        process(&[]),
    ];
    settings().bind(|| {
        insta::assert_snapshot!(all.join("\n"), @r#"
        exit 0
        {"line":1,"id":"t0","columns":{"symbol":"S","price":"1.5","quantity":"0","notional":"0","event_time":"2024-05-06T07:08:09Z"},"digest":"DIGEST"}
        {"line":2,"id":"t1","columns":{"symbol":"S","price":"1.5","quantity":"1","notional":"1.5","event_time":"2024-05-06T07:08:09Z"},"digest":"DIGEST"}
        {"line":3,"quarantined":"missing_field","detail":"`price` is missing or null"}
           Processed  3 events by trades@1 · 2 rows · 0 filtered · 1 quarantined

        exit 3
        error: no processor is called `trade@1`
          help: did you mean `trades@1`?

        exit 2
        error: which processor?
          help: --processor NAME@VERSION names it; --config FILE names it and its fields
        "#)
    });
}

#[test]
fn standard_input_is_a_file_too() {
    let kafka = Kafka::start(1, 1);
    let brokers = kafka.server.bootstrap_servers();
    let place = Place::new(&brokers);
    let mut child = place
        .command(&[
            "--log",
            "off",
            "send",
            "--brokers",
            &brokers,
            "--topic",
            "trades",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(trades(3).as_bytes())
        .unwrap();
    let told = told(&child.wait_with_output().unwrap());
    settings().bind(|| {
        insta::assert_snapshot!(told, @r"
    exit 0
            Read  3 records read
            Sent  3 to `trades` in N s: 3 in order, 0 out of order, 0 duplicates, 0 malformed
    Acknowledged  3, not acknowledged 0
    ")
    });
}

#[test]
fn a_sink_that_cannot_be_written_is_named() {
    let place = Place::new("127.0.0.1:1");
    place.change("results.db", "no/such/directory/results.db");
    let missing = place.run(&["run", "pipeline.toml"]);
    let place = Place::new("127.0.0.1:1");
    place.write(
        "results.db",
        "notes, not a database; long enough to be looked at as one would look at a file",
    );
    let foreign = [
        place.run(&["run", "pipeline.toml"]),
        place.run(&["results", "pipeline.toml"]),
    ];
    let place = Place::new("127.0.0.1:1");
    let none = place.run(&["results", "pipeline.toml"]);
    settings()
        .bind(|| insta::assert_snapshot!([&[missing][..], &foreign, &[none]].concat().join("\n")));
}

#[test]
fn a_disk_without_room_stops_the_worker_and_nothing_is_lost() {
    let kafka = Kafka::start(1, 1);
    let brokers = kafka.server.bootstrap_servers();
    let place = Place::new(&brokers);
    place.write("trades.jsonl", trades(20_000));
    let sent = place.run(&[
        "send",
        "--brokers",
        &brokers,
        "--topic",
        "trades",
        "trades.jsonl",
    ]);
    assert!(sent.starts_with("exit 0"), "{sent}");
    // Files may grow to 1 MB; the signal that says so is ignored, so that the write fails.
    let limited = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --log off run pipeline.toml --until-end",
        ])
        .arg(env!("CARGO_BIN_EXE_pipeline"))
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    let mut settings = settings();
    settings.add_filter(r"\d+,\d+ (records|results|offsets)", "MANY $1");
    settings.bind(|| insta::assert_snapshot!(told(&limited)));
    let partly = records_in(&place.path("results.db"));
    assert!((500..20_000).contains(&partly), "{partly} records fitted");
    let unlimited = place.run(&["run", "pipeline.toml", "--until-end"]);
    assert!(unlimited.starts_with("exit 0"), "{unlimited}");
    assert_complete(&place.path("results.db"), 20_000);
}

fn assert_complete(sink: &Path, count: usize) {
    let reader = Reader::open(sink, "trades@1").unwrap();
    let ids: Vec<String> = reader
        .rows()
        .unwrap()
        .into_iter()
        .map(|row| row.id)
        .collect();
    let expected: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
    assert_eq!(ids, expected);
    reader.accounting().unwrap().check().unwrap();
}

#[test]
fn both_signals_end_a_worker_gracefully() {
    let kafka = Kafka::start(1, 1);
    let brokers = kafka.server.bootstrap_servers();
    for signal in ["TERM", "INT"] {
        let place = Place::new(&brokers);
        place.change("group = \"group\"", &format!("group = \"{signal}\""));
        place.write("trades.jsonl", trades(100));
        place.run(&[
            "send",
            "--brokers",
            &brokers,
            "--topic",
            "trades",
            "trades.jsonl",
        ]);
        let child = place
            .command(&["--log", "off", "run", "pipeline.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("some records", || {
            records_in(&place.path("results.db")) >= 100
        });
        self::signal(&child, &format!("-{signal}"));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let positions = Reader::open(&place.path("results.db"), "trades@1")
            .unwrap()
            .positions()
            .unwrap();
        assert_eq!(positions[0].owner, None, "released");
    }
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success(), "{signal} to {id}");
}

/// One process is paused past its session timeout and wakes up, then is killed at work: what the
/// others have done in between is neither lost nor done twice.
#[test]
fn a_process_that_is_paused_and_one_that_is_killed_hurt_nothing() {
    const SHARE: usize = 3_000;
    let kafka = Kafka::start(1, 4);
    let brokers = kafka.server.bootstrap_servers();
    let place = Place::new(&brokers);
    let sink = place.path("results.db");
    let send = |from: usize| {
        let lines: String = (from..from + SHARE)
            .map(|number| trade(number as u32) + "\n")
            .collect();
        place.write("trades.jsonl", lines);
        let args = [
            "send",
            "--brokers",
            &brokers,
            "--topic",
            "trades",
            "--key",
            "id",
            "trades.jsonl",
        ];
        let sent = place.run(&args);
        assert!(sent.starts_with("exit 0"), "{sent}");
    };
    let start = |name: &str| {
        let log = std::fs::File::create(place.path(name)).unwrap();
        let args = ["run", "pipeline.toml", "--worker", name];
        place
            .command(&args)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    };
    let owners = || {
        let positions = Reader::open(&sink, "trades@1")
            .and_then(|reader| reader.positions())
            .unwrap_or_default();
        positions
            .into_iter()
            .filter_map(|position| position.owner)
            .collect::<Vec<_>>()
    };

    let sleeper = start("sleeper");
    wait_until("the sleeper owns all", || owners() == ["sleeper"; 4]);
    let mut other = start("other");
    wait_until("the other owns some", || {
        owners().iter().any(|owner| owner == "other")
    });
    signal(&sleeper, "-STOP");
    send(0);
    // Only after the sleeper's session has expired.
    wait_until("the other does it all", || {
        records_in(&sink) >= SHARE as u64 && owners() == ["other"; 4]
    });
    signal(&sleeper, "-CONT");
    send(SHARE);
    wait_until("the sleeper is back", || {
        owners().iter().any(|owner| owner == "sleeper")
    });
    send(2 * SHARE);
    wait_until("both are at work", || records_in(&sink) > 2 * SHARE as u64);
    signal(&other, "-KILL");
    other.wait().unwrap();
    wait_until("the sleeper does the rest", || {
        records_in(&sink) >= 3 * SHARE as u64
    });
    signal(&sleeper, "-TERM");
    let output = sleeper.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));

    let reader = Reader::open(&sink, "trades@1").unwrap();
    let mut ids: Vec<String> = reader
        .rows()
        .unwrap()
        .into_iter()
        .map(|row| row.id)
        .collect();
    ids.sort();
    let mut expected: Vec<String> = (0..3 * SHARE).map(|number| format!("t{number}")).collect();
    expected.sort();
    assert_eq!(ids, expected);
    reader.accounting().unwrap().check().unwrap();
}

#[test]
fn wrong_usage_keeps_its_code() {
    let place = Place::new("127.0.0.1:1");
    for args in [
        &["fly"][..],
        &["run"],
        &["send", "--duplicates", "lots", "--topic", "t", "f"],
    ] {
        assert!(place.run(args).starts_with("exit 2\n"), "{args:?}");
    }
    let help = place.run(&["--help"]);
    insta::assert_snapshot!(help);
}
