//! A client written in Python alone (kafka-python) against the served cluster.
//!
//! `WHITEWATER_PYTHON_CLIENT=1` runs it: pip fetches the client, which takes a network. Where it is
//! not set, or pip is missing, the test says so and passes; with `WHITEWATER_REQUIRE_PYTHON=1` it
//! fails.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use whitewater_cluster::tcp::{ServeOptions, Server};

const CLIENT: &str = "kafka-python==3.0.12";

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| value == "1")
}

/// Why the test cannot run, if it cannot.
fn missing() -> Option<&'static str> {
    if !is_set("WHITEWATER_PYTHON_CLIENT") && !is_set("WHITEWATER_REQUIRE_PYTHON") {
        return Some("WHITEWATER_PYTHON_CLIENT=1 runs the test with kafka-python");
    }
    let pip = Command::new("python3")
        .args(["-m", "pip", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = pip.is_ok_and(|status| status.success());
    (!found).then_some("pip is not installed (Debian's package is called python3-pip)")
}

/// The folder that holds the client's modules.
fn modules() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-client");
    let status = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"])
        .args([folder.as_os_str(), CLIENT.as_ref()])
        .status()
        .unwrap();
    assert!(status.success(), "pip did not get the client");
    folder
}

/// What the program is to see: what it sees of Apache Kafka 4.4.
const SEEN: &str = "\
create: ok
create again: TopicAlreadyExistsError
written: 100
read: 100
groups: ['g']
group: Empty
committed: 100
grow: ok
delete group: ok
topics: ['__consumer_offsets', 't']
delete: ok
";

#[test]
fn kafka_python_administers_produces_and_consumes() {
    if let Some(missing) = missing() {
        assert!(!is_set("WHITEWATER_REQUIRE_PYTHON"), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    let served = Server::start(ServeOptions {
        brokers: 2,
        ..ServeOptions::default()
    })
    .unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_client/client.py");
    let ran = Command::new("python3")
        .arg(program)
        .arg(served.bootstrap_servers())
        .env("PYTHONPATH", modules())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(String::from_utf8_lossy(&ran.stdout), SEEN, "{said}");
    assert!(ran.status.success(), "{said}");
}
