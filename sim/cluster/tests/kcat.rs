//! kcat against the served cluster.
//!
//! Where kcat is not installed these tests say so and pass; with `WHITEWATER_REQUIRE_KCAT=1` they
//! fail.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod group_events;
mod served;

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
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

/// A kcat that consumes as a member of a group.
struct Member {
    child: Child,
}

impl Member {
    /// Starts one. The lines that it prints go to the group.
    fn start(served: &Served, group: &Sender<String>) -> Self {
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
        let group = group.clone();
        Builder::new()
            .spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if group.send(line).is_err() {
                        break;
                    }
                }
            })
            .unwrap();
        Self { child }
    }

    /// SIGTERM: kcat then commits, leaves the group, and ends. A record that it has taken from its
    /// queue by then it commits as well, but does not print (`consume_cb` in kcat.c), so there must
    /// be none.
    fn leave(mut self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(status.success());
        self.child.wait().unwrap();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kcats of one group, and what they have printed.
struct Group<'s> {
    served: &'s Served,
    lines: (Sender<String>, Receiver<String>),
    members: VecDeque<Member>,
    seen: BTreeSet<u32>,
}

impl<'s> Group<'s> {
    fn new(served: &'s Served) -> Self {
        Self {
            served,
            lines: channel(),
            members: VecDeque::new(),
            seen: BTreeSet::new(),
        }
    }

    fn join(&mut self) {
        let member = Member::start(self.served, &self.lines.0);
        self.members.push_back(member);
        wait_for_stable(self.served, "g", self.members.len());
    }

    /// Waits until records of these numbers, and no others, have been printed.
    fn see(&mut self, all: Range<u32>) {
        while self.seen.len() < all.len() {
            let line = self.lines.1.recv_timeout(PATIENCE);
            let Ok(line) = line else {
                let missing: Vec<_> = all.filter(|number| !self.seen.contains(number)).collect();
                panic!("no kcat printed {missing:?}");
            };
            self.seen.insert(line.parse().unwrap());
        }
        assert_eq!(self.seen, all.collect());
    }

    /// The oldest member leaves, with nothing in its hands.
    fn leave(&mut self) {
        self.members.pop_front().unwrap().leave();
        wait_for_stable(self.served, "g", self.members.len());
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
    let mut group = Group::new(&served);
    group.join();
    group.join();
    produce(&served, 100..200);
    group.join();
    group.see(0..200);
    group.leave();
    produce(&served, 200..300);
    group.see(0..300);
    group.leave();
    produce(&served, 300..400);
    group.see(0..400);
    group.members.pop_front().unwrap().leave();
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
