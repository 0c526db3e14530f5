//! kcat against the served cluster.
//!
//! Where kcat is not installed these tests say so and pass; with `WHITEWATER_REQUIRE_KCAT=1` they
//! fail.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod group_events;
mod served;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::Builder;

use group_events::wait_for_stable;
use served::{PATIENCE, Served};

/// Whether kcat is here; panics if it must be.
fn kcat_is_installed() -> bool {
    let found = Command::new("kcat")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let required = std::env::var_os("WHITEWATER_REQUIRE_KCAT").is_some_and(|v| v == "1");
        assert!(
            !required,
            "kcat is not installed (Debian's package is called kcat)"
        );
        eprintln!("skipped: kcat is not installed (Debian's package is called kcat)");
    }
    found
}

fn kcat(served: &Served) -> Command {
    let mut command = Command::new("kcat");
    command.arg("-b").arg(served.bootstrap_servers());
    command.args(["-X", "topic.metadata.refresh.fast.interval.ms=20"]);
    command
}

/// Produces lines, each a record.
fn produce(served: &Served, lines: impl Iterator<Item = u32>) {
    let mut child = kcat(served)
        .args(["-P", "-t", "t"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

fn numbers(output: &str) -> BTreeSet<u32> {
    output.lines().map(|line| line.parse().unwrap()).collect()
}

/// A kcat that consumes as a member of a group. What it prints comes through a channel.
struct Member {
    child: Child,
    lines: Receiver<String>,
}

impl Member {
    fn join(served: &Served) -> Self {
        let mut child = kcat(served)
            .args([
                "-X",
                "auto.offset.reset=earliest",
                "-X",
                "heartbeat.interval.ms=100",
            ])
            .args(["-X", "session.timeout.ms=6000", "-u", "-q", "-G", "g", "t"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        Builder::new()
            .spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            })
            .unwrap();
        Self { child, lines }
    }

    /// SIGTERM: kcat then commits, leaves the group, and ends.
    fn leave(mut self) -> BTreeSet<u32> {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap();
        self.lines
            .iter()
            .map(|line| line.parse().unwrap())
            .collect()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn kcat_lists_produces_and_consumes() {
    if !kcat_is_installed() {
        return;
    }
    let served = Served::start(2, 3);
    produce(&served, 0..500);
    let listed = kcat(&served).args(["-L", "-t", "t"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("2 brokers:"), "{listed}");
    assert!(
        listed.contains("topic \"t\" with 3 partitions:"),
        "{listed}"
    );
    let consumed = kcat(&served)
        .args(["-C", "-t", "t", "-e", "-q"])
        .output()
        .unwrap();
    assert!(consumed.status.success());
    let consumed = String::from_utf8(consumed.stdout).unwrap();
    assert_eq!(numbers(&consumed), (0..500).collect());
    assert_eq!(consumed.lines().count(), 500);
}

#[test]
fn kcats_group_rebalances_and_loses_nothing() {
    if !kcat_is_installed() {
        return;
    }
    let served = Served::start(2, 4);
    produce(&served, 0..100);
    let first = Member::join(&served);
    wait_for_stable(&served, "g", 1);
    let second = Member::join(&served);
    wait_for_stable(&served, "g", 2);
    produce(&served, 100..200);
    let third = Member::join(&served);
    wait_for_stable(&served, "g", 3);
    let mut seen = first.leave();
    wait_for_stable(&served, "g", 2);
    produce(&served, 200..300);
    seen.extend(second.leave());
    wait_for_stable(&served, "g", 1);
    while seen.len() < 300 {
        let line = third.lines.recv_timeout(PATIENCE).unwrap();
        seen.insert(line.parse().unwrap());
    }
    assert_eq!(seen, (0..300).collect());
    third.leave();
    let rest = served.server.with(|cluster| {
        let rest = (0..4).map(|partition| {
            let end = cluster.log("t", partition).unwrap().log_end_offset();
            let committed = cluster.committed("g", "t", partition);
            end - committed.map_or(0, |committed| committed.offset)
        });
        rest.sum::<i64>()
    });
    assert_eq!(rest, 0);
}
