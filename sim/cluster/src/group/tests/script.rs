//! Runs a script of requests and writes down what the coordinator answers.
//!
//! A script's lines at the margin are steps, the indented ones what they bring about:
//!
//! ```text
//! a join
//!   a join MEMBER_ID_REQUIRED a#1
//! a join
//!   Empty -> PreparingRebalance: a#1 joins
//! advance 3000
//!   ...
//! ```
//!
//! A step is `client verb arguments`, or `advance MILLISECONDS`, `restart [GROUP.MAX.SIZE]` (the
//! coordinator is rebuilt from its records), `unload`, `delete-topic TOPIC`, `rewind TOPIC-PARTITION=OFFSET`,
//! `partitions TOPIC COUNT`. A client
//! remembers its member id and generation; `id=` and `gen=` say something else, `v=` another
//! version. Member ids appear as `client#n`: the n-th id the coordinator made for that client.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ConsumerGroupHeartbeatResponse, ResponseKind, TopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};
use uuid::Uuid;

use super::super::{GroupCoordinator, GroupOutput, GroupRecord};
use super::{script_consumers, script_requests};
use crate::config::BrokerSettings;
use crate::event::Event;
use crate::now::Now;
use crate::requester::{ConnectionId, Requester};
use crate::topic_catalog::TopicCatalog;

/// Runs the script's steps and compares what comes of them with its indented lines.
#[track_caller]
pub(super) fn check(script: &str) {
    check_with(&BrokerSettings::default(), script);
}

#[track_caller]
pub(super) fn check_with(settings: &BrokerSettings, script: &str) {
    check_run(Run::new(settings), script);
}

/// The same, with the steps of members of the consumer protocol.
#[track_caller]
pub(super) fn check_with_steps(script: &str) {
    let mut run = Run::new(&BrokerSettings::default());
    run.tells_steps = true;
    check_run(run, script);
}

#[track_caller]
fn check_run(mut run: Run, script: &str) {
    let expected = unindent(script);
    let steps = expected.lines().filter(|line| !line.starts_with(' '));
    let mut actual = String::new();
    for step in steps {
        actual.push_str(step);
        actual.push('\n');
        for line in run.step(step) {
            actual.push_str("  ");
            actual.push_str(line.trim_end());
            actual.push('\n');
        }
    }
    assert!(
        actual == expected,
        "the script went otherwise:\n{actual}\nexpected:\n{expected}"
    );
}

/// Takes the margin of the first line off every line.
fn unindent(script: &str) -> String {
    let mut lines = script
        .lines()
        .filter(|line| !line.trim().is_empty())
        .peekable();
    let margin = lines
        .peek()
        .map_or(0, |first| first.len() - first.trim_start().len());
    lines
        .map(|line| format!("{}\n", line[margin..].trim_end()))
        .collect()
}

/// Topics `t` and `u`, with four partitions each unless a step has changed that; groups called
/// `elsewhere` are another broker's.
pub(super) struct Topics {
    pub(super) counts: BTreeMap<&'static str, i32>,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            counts: BTreeMap::from([("t", 4), ("u", 4)]),
        }
    }
}

impl TopicCatalog for Topics {
    fn partition_count(&self, topic: &TopicName) -> Option<i32> {
        let count = self.counts.get(topic.as_str()).copied();
        count.filter(|count| *count > 0)
    }

    fn topic_id(&self, topic: &TopicName) -> Option<Uuid> {
        let id = script_consumers::topic_id(topic.as_str());
        self.partition_count(topic).map(|_| id)
    }

    fn topic_name(&self, id: Uuid) -> Option<TopicName> {
        let mut names = self.counts.keys();
        let name = names.find(|name| script_consumers::topic_id(name) == id)?;
        Some(TopicName(StrBytes::from_static_str(name)))
    }

    fn is_coordinator_of(&self, group: &str) -> bool {
        group != "elsewhere"
    }
}

#[derive(Default)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) member_id: String,
    pub(super) generation: i32,
}

struct Run {
    settings: BrokerSettings,
    coordinator: GroupCoordinator,
    log: Vec<GroupRecord>,
    topics: Topics,
    now: Now,
    requests: i32,
    clients: BTreeMap<String, Client>,
    /// `client#n` by member id.
    aliases: BTreeMap<String, String>,
    tells_steps: bool,
}

impl Run {
    fn new(settings: &BrokerSettings) -> Self {
        Self {
            settings: settings.clone(),
            coordinator: GroupCoordinator::new(settings),
            log: Vec::new(),
            topics: Topics::default(),
            now: Now {
                monotonic: Duration::ZERO,
                wall_ms: 1_700_000_000_000,
            },
            requests: 0,
            clients: BTreeMap::new(),
            aliases: BTreeMap::new(),
            tells_steps: false,
        }
    }

    fn step(&mut self, step: &str) -> Vec<String> {
        let mut words = step.split_whitespace();
        let first = words.next().expect("a step has words");
        let rest: Vec<&str> = words.collect();
        match first {
            "advance" => self.advance(rest[0].parse().expect("milliseconds")),
            "restart" => {
                if let Some(max) = rest.first() {
                    self.settings.group_max_size = max.parse().expect("group.max.size");
                }
                self.coordinator = GroupCoordinator::new(&self.settings);
                self.pass(1);
                let outputs = self.coordinator.load(self.now, self.log.clone());
                self.write_down(outputs)
            }
            "unload" => {
                let outputs = self.coordinator.unload(self.now);
                self.write_down(outputs)
            }
            "delete-topic" => {
                let outputs = self.coordinator.topic_deleted(self.now, rest[0]);
                self.write_down(outputs)
            }
            "partitions" => {
                let name = ["t", "u", "later"]
                    .into_iter()
                    .find(|name| *name == rest[0]);
                let count = rest[1].parse().expect("a number of partitions");
                self.topics
                    .counts
                    .insert(name.expect("t, u or later"), count);
                Vec::new()
            }
            "rewind" => {
                let (topic, partition, offset) = script_requests::offset(rest[0]);
                let outputs = self
                    .coordinator
                    .rewind_committed(self.now, "g", &topic, partition, offset);
                self.write_down(outputs)
            }
            client => self.request(client, rest[0], &rest[1..]),
        }
    }

    fn request(&mut self, client: &str, verb: &str, arguments: &[&str]) -> Vec<String> {
        self.requests += 1;
        let state = self.clients.entry(client.to_owned()).or_default();
        client.clone_into(&mut state.name);
        let ids: BTreeMap<&str, &str> = self
            .aliases
            .iter()
            .map(|(id, alias)| (alias.as_str(), id.as_str()))
            .collect();
        let (api_version, request) = script_requests::build(verb, arguments, state, &ids);
        let from = Requester {
            connection: ConnectionId(u64::from(client.as_bytes()[0])),
            correlation_id: self.requests,
            api_version,
            client_id: client.to_owned(),
            client_host: "/10.0.0.1".to_owned(),
        };
        let outputs = self
            .coordinator
            .handle(self.now, from, request, &self.topics);
        self.write_down(outputs)
    }

    /// Runs the timers one by one, each at its time.
    fn advance(&mut self, ms: u64) -> Vec<String> {
        let end = self.now.monotonic + Duration::from_millis(ms);
        let mut lines = Vec::new();
        while let Some(at) = self.coordinator.next_timer().filter(|at| *at <= end) {
            let wait = at.saturating_sub(self.now.monotonic);
            self.pass(u64::try_from(wait.as_millis()).expect("fits"));
            let outputs = self.coordinator.tick(self.now);
            lines.extend(self.write_down(outputs));
        }
        let rest = end.saturating_sub(self.now.monotonic);
        self.pass(u64::try_from(rest.as_millis()).expect("fits"));
        lines
    }

    fn pass(&mut self, ms: u64) {
        self.now.monotonic += Duration::from_millis(ms);
        self.now.wall_ms += i64::try_from(ms).expect("fits");
    }

    fn write_down(&mut self, outputs: Vec<GroupOutput>) -> Vec<String> {
        let mut lines = Vec::new();
        for output in outputs {
            match output {
                GroupOutput::Append { group, record } => {
                    assert_eq!(group, record.group());
                    self.log.push(record);
                }
                GroupOutput::Response(to, response) => {
                    let mut bytes = BytesMut::new();
                    encode(&response, &mut bytes, to.api_version);
                    self.learn(&to.client_id, &response);
                    let text = script_requests::write_response(&response, to.api_version);
                    lines.push(format!("{} {text}", to.client_id));
                }
                GroupOutput::Event(event) => {
                    if let Event::MemberJoined { member_id, .. } = &event {
                        self.name(member_id);
                    }
                    lines.extend(write_event(&event));
                    lines.extend(self.tells_steps.then(|| write_step(&event)).flatten());
                }
            }
        }
        lines
            .into_iter()
            .map(|line| self.with_aliases(line))
            .collect()
    }

    /// What the client learns about itself.
    fn learn(&mut self, client_id: &str, response: &ResponseKind) {
        if let ResponseKind::ConsumerGroupHeartbeat(response) = response {
            return self.learn_epoch(client_id, response);
        }
        let ResponseKind::JoinGroup(response) = response else {
            return;
        };
        let given = ResponseError::MemberIdRequired.code();
        if response.error_code != 0 && response.error_code != given {
            return;
        }
        let id = response.member_id.to_string();
        self.name(&id);
        let client = self.clients.entry(client_id.to_owned()).or_default();
        client.member_id = id;
        if response.error_code == 0 {
            client.generation = response.generation_id;
        }
    }

    fn learn_epoch(&mut self, client_id: &str, response: &ConsumerGroupHeartbeatResponse) {
        if let Some(member_id) = &response.member_id {
            let client = self.clients.entry(client_id.to_owned()).or_default();
            client.member_id = member_id.to_string();
            client.generation = response.member_epoch;
        }
    }

    /// Gives an id its alias, if it is one of the coordinator's.
    fn name(&mut self, id: &str) {
        let suffix = "-00000000-0000-0000-0000-000000000000".len();
        let Some(prefix) = id.len().checked_sub(suffix).map(|end| &id[..end]) else {
            return;
        };
        let same = self
            .aliases
            .values()
            .filter_map(|alias| alias.split_once('#'));
        let count = same.filter(|(other, _)| *other == prefix).count();
        let alias = format!("{prefix}#{}", count + 1);
        self.aliases.entry(id.to_owned()).or_insert(alias);
    }

    fn with_aliases(&self, line: String) -> String {
        let aliases = self.aliases.iter();
        aliases.fold(line, |line, (id, alias)| line.replace(id, alias))
    }
}

/// Every response must have the shape of its version.
fn encode(response: &ResponseKind, bytes: &mut BytesMut, version: i16) {
    let encoded = match response {
        ResponseKind::JoinGroup(response) => response.encode(bytes, version),
        ResponseKind::SyncGroup(response) => response.encode(bytes, version),
        ResponseKind::Heartbeat(response) => response.encode(bytes, version),
        ResponseKind::LeaveGroup(response) => response.encode(bytes, version),
        ResponseKind::OffsetCommit(response) => response.encode(bytes, version),
        ResponseKind::OffsetFetch(response) => response.encode(bytes, version),
        ResponseKind::DescribeGroups(response) => response.encode(bytes, version),
        ResponseKind::ListGroups(response) => response.encode(bytes, version),
        ResponseKind::DeleteGroups(response) => response.encode(bytes, version),
        ResponseKind::ConsumerGroupHeartbeat(response) => response.encode(bytes, version),
        ResponseKind::ConsumerGroupDescribe(response) => response.encode(bytes, version),
        other => panic!("not a group's response: {other:?}"),
    };
    encoded.unwrap_or_else(|error| panic!("{response:?} at version {version}: {error}"));
}

fn write_event(event: &Event) -> Option<String> {
    Some(match event {
        Event::GroupStateChanged {
            from, to, reason, ..
        } => format!("{from} -> {to}: {reason}"),
        Event::MemberLeft {
            member_id, reason, ..
        } => format!("left: {member_id} {reason}"),
        Event::MemberExpired { reason, .. } => format!("expired: {reason}"),
        _ => return None,
    })
}

fn write_step(event: &Event) -> Option<String> {
    let Event::MemberReconciled {
        member_id,
        member_epoch,
        state,
        assigned,
        pending_revocation,
        ..
    } = event
    else {
        return None;
    };
    let named = |partitions: &[(String, i32)]| {
        let names = partitions
            .iter()
            .map(|(topic, index)| format!("{topic}-{index}"));
        names.collect::<Vec<_>>().join(",")
    };
    let (has, gives_up) = (named(assigned), named(pending_revocation));
    Some(format!(
        "{member_id}@{member_epoch} {state:?} [{has}] gives up [{gives_up}]"
    ))
}
