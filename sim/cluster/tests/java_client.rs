//! Apache Kafka's own client for Java against the served cluster.
//!
//! `WHITEWATER_JAVA_CLIENT=1` runs it: Maven fetches the client, which takes a network. Where it is
//! not set, or Java or Maven is missing, the test says so and passes; with
//! `WHITEWATER_REQUIRE_JAVA=1` it fails.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use whitewater_cluster::tcp::{ServeOptions, Server};

/// The folder of the program and its dependencies.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java_client")
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| value == "1")
}

/// Why the test cannot run, if it cannot.
fn missing() -> Option<String> {
    if !is_set("WHITEWATER_JAVA_CLIENT") && !is_set("WHITEWATER_REQUIRE_JAVA") {
        return Some(
            "WHITEWATER_JAVA_CLIENT=1 runs the test with Apache's client for Java".to_owned(),
        );
    }
    let starts = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command
            .arg(argument)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let absent = [("javac", "-version"), ("mvn", "--version")]
        .into_iter()
        .find(|(program, argument)| !starts(program, argument));
    absent.map(|(program, _)| {
        format!(
            "{program} is not installed (Debian's packages are openjdk-17-jdk-headless and maven)"
        )
    })
}

/// The class path of the client's jars.
fn class_path() -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("java-client.classpath");
    let status = Command::new("mvn")
        .args(["-q", "-B", "dependency:build-classpath"])
        .arg(format!("-Dmdep.outputFile={}", file.display()))
        .arg("-f")
        .arg(folder().join("pom.xml"))
        .status()
        .unwrap();
    assert!(status.success(), "Maven did not get the client");
    std::fs::read_to_string(file).unwrap()
}

/// What the program is to see: what it sees of two brokers of Apache Kafka 4.4, but for one error. There
/// the fenced producer is refused as it writes (InvalidProducerEpochException, transaction version
/// 2); this cluster has transaction version 1, where it is refused before.
const SEEN: &str = "\
create: ok
create again: TopicExistsException
grow: ok
partitions: 3
brokers: 2
topics: [out, t]
describe nowhere: UnknownTopicOrPartitionException
alter: ok
alter badly: InvalidConfigurationException
retention.ms: 86400001 DYNAMIC_TOPIC_CONFIG LONG
message.max.bytes: 1048588 DEFAULT_CONFIG
written: 103
classic group: 100
consumer group: 100
groups: [classic, modern]
classic: Empty Classic
modern: Empty Consumer
committed: 3 3
delete offset: ok
committed: 2
delete offset of nobody: GroupIdNotFoundException
delete group: ok
delete again: GroupIdNotFoundException
fenced: ProducerFencedException
committed records: 11
offset of the transaction: 7
low watermark: 5
earliest: 5
delete: ok
topics: []
";

#[test]
fn apaches_client_administers_produces_consumes_and_transacts() {
    if let Some(missing) = missing() {
        assert!(!is_set("WHITEWATER_REQUIRE_JAVA"), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    let served = Server::start(ServeOptions {
        brokers: 2,
        ..ServeOptions::default()
    })
    .unwrap();
    let ran = Command::new("java")
        .arg("-cp")
        .arg(class_path().trim())
        .arg(folder().join("Client.java"))
        .arg(served.bootstrap_servers())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "{}\n{said}",
        String::from_utf8_lossy(&ran.stdout)
    );
    assert_eq!(String::from_utf8_lossy(&ran.stdout), SEEN, "{said}");
}
