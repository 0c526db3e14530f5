//! Random members over simulated time, and what must hold whatever they do.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    OffsetCommitRequest, ResponseKind, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use proptest::prelude::*;

use super::super::classic_group::Group;
use super::super::member::Member;
use super::super::timers::TimerKey;
use super::super::{GroupCoordinator, GroupOutput, GroupRecord, GroupRequest};
use super::script::Topics;
use crate::config::BrokerSettings;
use crate::group_state::GroupState;
use crate::now::Now;
use crate::requester::{ConnectionId, Requester};

const CLIENTS: usize = 5;

/// Longer than any session, rebalance or new member's join lasts, one after another.
const LONG_MS: u64 = 30 * 60 * 1000;

#[derive(Debug, Clone)]
enum Step {
    Join {
        client: usize,
        version: i16,
        topics: u8,
    },
    Sync {
        client: usize,
    },
    Heartbeat {
        client: usize,
    },
    Leave {
        client: usize,
    },
    /// Commits under a generation that is this much older than the client's.
    Commit {
        client: usize,
        older_by: i32,
        offset: i64,
    },
    /// The client gives up its connection, and with it what is parked there.
    Reconnect {
        client: usize,
    },
    /// The client's process is replaced: it forgets its member id and generation.
    Forget {
        client: usize,
    },
    Advance {
        ms: u64,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    prop_oneof![
        8 => (client.clone(), prop::sample::select(vec![3_i16, 5, 9]), 0_u8..8)
            .prop_map(|(client, version, topics)| Step::Join { client, version, topics: topics / 7 }),
        8 => client.clone().prop_map(|client| Step::Sync { client }),
        4 => client.clone().prop_map(|client| Step::Heartbeat { client }),
        1 => client.clone().prop_map(|client| Step::Leave { client }),
        4 => (client.clone(), 0..4, 0_i64..100)
            .prop_map(|(client, older_by, offset)| Step::Commit { client, older_by, offset }),
        1 => client.clone().prop_map(|client| Step::Reconnect { client }),
        1 => client.prop_map(|client| Step::Forget { client }),
        6 => prop_oneof![1_u64..3_500, 1_u64..70_000].prop_map(|ms| Step::Advance { ms }),
        1 => Just(Step::Restart),
    ]
}

#[derive(Default)]
struct Client {
    connection: u64,
    member_id: String,
    generation: i32,
    /// The members, if the last JoinGroup made it the leader.
    led: Vec<String>,
    parked: Option<i32>,
}

struct World {
    coordinator: GroupCoordinator,
    log: Vec<GroupRecord>,
    now: Now,
    requests: i32,
    clients: Vec<Client>,
    /// Who waits for an answer, by correlation id, and under which generation it asked.
    waiting: BTreeMap<i32, (usize, i32)>,
    /// Requests whose connection is gone.
    abandoned: Vec<i32>,
    generation: i32,
    /// Who was in the last generation that became stable; static members by their instance.
    stable: Option<(i32, Vec<String>)>,
}

impl World {
    fn new() -> Self {
        Self {
            coordinator: GroupCoordinator::new(&BrokerSettings::default()),
            log: Vec::new(),
            now: Now {
                monotonic: Duration::ZERO,
                wall_ms: 1_700_000_000_000,
            },
            requests: 0,
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            waiting: BTreeMap::new(),
            abandoned: Vec::new(),
            generation: 0,
            stable: None,
        }
    }

    fn group(&self) -> Option<&Group> {
        self.coordinator.groups.by_id.get("g")
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Join {
                client,
                version,
                topics,
            } => self.join(*client, *version, *topics),
            Step::Sync { client } => self.sync(*client),
            Step::Heartbeat { client } => {
                let request = HeartbeatRequest::default()
                    .with_group_id(group_id())
                    .with_generation_id(self.clients[*client].generation)
                    .with_member_id(self.member_id(*client))
                    .with_group_instance_id(instance(*client));
                self.send(*client, 3, GroupRequest::Heartbeat(request));
            }
            Step::Leave { client } => {
                let request = LeaveGroupRequest::default()
                    .with_group_id(group_id())
                    .with_member_id(self.member_id(*client));
                self.send(*client, 1, GroupRequest::LeaveGroup(request));
            }
            Step::Commit {
                client,
                older_by,
                offset,
            } => self.commit(*client, *older_by, *offset),
            Step::Reconnect { client } => self.reconnect(*client),
            Step::Forget { client } => {
                self.reconnect(*client);
                self.clients[*client].member_id.clear();
                self.clients[*client].generation = 0;
            }
            Step::Advance { ms } => self.advance(*ms),
            Step::Restart => self.restart(),
        }
    }

    fn member_id(&self, client: usize) -> StrBytes {
        StrBytes::from_string(self.clients[client].member_id.clone())
    }

    fn join(&mut self, client: usize, version: i16, topics: u8) {
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(Bytes::from(vec![topics]));
        let request = JoinGroupRequest::default()
            .with_group_id(group_id())
            .with_session_timeout_ms([10_000, 30_000, 45_000][client % 3])
            .with_rebalance_timeout_ms([60_000, 20_000][client % 2])
            .with_member_id(self.member_id(client))
            .with_group_instance_id(instance(client).filter(|_| version >= 5))
            .with_protocol_type(StrBytes::from_static_str("consumer"))
            .with_protocols(vec![protocol]);
        self.send(client, version, GroupRequest::JoinGroup(request));
    }

    /// A leader gives every member an assignment that names the generation.
    fn sync(&mut self, client: usize) {
        let generation = self.clients[client].generation;
        let assignments = self.clients[client].led.iter().map(|member| {
            SyncGroupRequestAssignment::default()
                .with_member_id(StrBytes::from_string(member.clone()))
                .with_assignment(assignment(generation))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(group_id())
            .with_generation_id(generation)
            .with_assignments(assignments.collect())
            .with_member_id(self.member_id(client))
            .with_group_instance_id(instance(client));
        self.send(client, 3, GroupRequest::SyncGroup(request));
    }

    fn commit(&mut self, client: usize, older_by: i32, offset: i64) {
        let generation = self.clients[client].generation - older_by;
        if generation < 0 {
            return;
        }
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("t")))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id())
            .with_generation_id_or_member_epoch(generation)
            .with_member_id(self.member_id(client))
            .with_topics(vec![topic]);
        self.send_as(client, 8, GroupRequest::OffsetCommit(request), generation);
    }

    fn send(&mut self, client: usize, version: i16, request: GroupRequest) {
        let generation = self.clients[client].generation;
        self.send_as(client, version, request, generation);
    }

    /// Sends nothing while an answer is due: a broker reads no further from such a connection.
    fn send_as(&mut self, client: usize, version: i16, request: GroupRequest, generation: i32) {
        if self.clients[client].parked.is_some() {
            return;
        }
        self.requests += 1;
        self.waiting.insert(self.requests, (client, generation));
        self.clients[client].parked = Some(self.requests);
        let from = Requester {
            connection: ConnectionId(self.clients[client].connection * 10 + client as u64),
            correlation_id: self.requests,
            api_version: version,
            client_id: format!("worker-{client}"),
            client_host: "/10.0.0.1".to_owned(),
        };
        let outputs = self
            .coordinator
            .handle(self.now, from, request, &Topics::default());
        self.receive(outputs);
    }

    fn receive(&mut self, outputs: Vec<GroupOutput>) {
        for output in outputs {
            match output {
                GroupOutput::Append { record, .. } => self.log.push(record),
                GroupOutput::Event(_) => {}
                GroupOutput::Response(to, response) => {
                    if self.abandoned.contains(&to.correlation_id) {
                        continue;
                    }
                    let (client, asked_under) = self
                        .waiting
                        .remove(&to.correlation_id)
                        .expect("each request is answered once");
                    self.clients[client].parked = None;
                    self.learn(client, asked_under, &response);
                }
            }
        }
    }

    fn learn(&mut self, client: usize, asked_under: i32, response: &ResponseKind) {
        let group = self.coordinator.groups.by_id.get("g");
        let generation = group.map(|group| group.generation);
        match response {
            ResponseKind::JoinGroup(response) => self.joined(client, response),
            ResponseKind::SyncGroup(response) if response.error_code == 0 => {
                assert_eq!(
                    Some(asked_under),
                    generation,
                    "synced into another generation"
                );
                assert_eq!(response.assignment, assignment(asked_under));
            }
            ResponseKind::OffsetCommit(response)
                if response.topics[0].partitions[0].error_code == 0 =>
            {
                let group = group.expect("a generation's commit needs a group");
                assert_eq!(
                    asked_under, group.generation,
                    "a zombie's commit was accepted"
                );
                assert!(group.members.contains_key(&self.clients[client].member_id));
            }
            _ => {}
        }
    }

    fn joined(&mut self, client: usize, response: &JoinGroupResponse) {
        let client = &mut self.clients[client];
        match response.error_code {
            0 => {
                client.member_id = response.member_id.to_string();
                client.generation = response.generation_id;
                let led = response.members.iter().map(|m| m.member_id.to_string());
                client.led = led.collect();
            }
            79 => client.member_id = response.member_id.to_string(),
            _ => client.member_id.clear(),
        }
    }

    fn reconnect(&mut self, client: usize) {
        self.clients[client].connection += 1;
        if let Some(parked) = self.clients[client].parked.take() {
            self.waiting.remove(&parked);
            self.abandoned.push(parked);
        }
    }

    fn advance(&mut self, ms: u64) {
        let end = self.now.monotonic + Duration::from_millis(ms);
        while let Some(at) = self.coordinator.next_timer().filter(|at| *at <= end) {
            self.pass_until(at);
            let outputs = self.coordinator.tick(self.now);
            self.receive(outputs);
            self.check();
        }
        self.pass_until(end);
    }

    fn pass_until(&mut self, at: Duration) {
        let passed = at.saturating_sub(self.now.monotonic);
        self.now.monotonic += passed;
        self.now.wall_ms += i64::try_from(passed.as_millis()).expect("fits");
    }

    /// The broker loses what it had not written down, and every connection.
    fn restart(&mut self) {
        for client in 0..CLIENTS {
            self.reconnect(client);
        }
        self.pass_until(self.now.monotonic + Duration::from_millis(1));
        self.coordinator = GroupCoordinator::new(&BrokerSettings::default());
        let outputs = self.coordinator.load(self.now, self.log.clone());
        self.receive(outputs);
        self.generation = 0;
    }

    fn check(&mut self) {
        let generation = self.group().map_or(0, |group| group.generation);
        assert!(
            generation >= self.generation || self.group().is_none(),
            "the generation went back from {} to {generation}",
            self.generation
        );
        self.generation = generation;
        if let Some(group) = self.group() {
            self.check_members(group);
            self.check_timers(group);
        }
        self.check_replay();
        self.check_one_membership();
    }

    /// A generation has one set of members for ever.
    fn check_one_membership(&mut self) {
        let Some(group) = self.group() else {
            self.stable = None;
            return;
        };
        if group.state != GroupState::Stable {
            return;
        }
        let identity = |(id, member): (&String, &Member)| {
            member
                .group_instance_id
                .clone()
                .unwrap_or_else(|| id.clone())
        };
        let now_stable = (
            group.generation,
            group.members.iter().map(identity).collect(),
        );
        match &self.stable {
            Some(before) if before.0 >= now_stable.0 => assert_eq!(*before, now_stable),
            _ => self.stable = Some(now_stable),
        }
    }

    fn check_members(&self, group: &Group) {
        for (instance, member_id) in &group.static_members {
            let member = &group.members[member_id];
            assert_eq!(member.group_instance_id.as_ref(), Some(instance));
        }
        for id in &group.pending_sync {
            // A static member's old id is still waited for after it was replaced.
            assert!(group.members.contains_key(id) || id.starts_with("static-"));
        }
        assert!(
            !group
                .pending_join
                .iter()
                .any(|id| group.members.contains_key(id))
        );
        assert_eq!(group.leader.is_none(), group.members.is_empty());
        assert!(group.leader.iter().all(|id| group.members.contains_key(id)));
        match group.state {
            GroupState::Empty => assert!(group.members.is_empty()),
            GroupState::Stable => {
                for member in group.members.values() {
                    assert_eq!(member.assignment, assignment(group.generation));
                    assert!(member.awaiting_join.is_none() && member.awaiting_sync.is_none());
                }
            }
            GroupState::CompletingRebalance => {
                assert!(group.members.values().all(|m| m.awaiting_join.is_none()));
            }
            GroupState::PreparingRebalance => {
                assert!(group.members.values().all(|m| m.awaiting_sync.is_none()));
            }
            state => panic!("a classic group that is kept is not {state}"),
        }
    }

    /// Whatever waits, waits for a timer.
    fn check_timers(&self, group: &Group) {
        let runs = |key| self.coordinator.timers.is_scheduled(&key);
        let rebalances = group.state == GroupState::PreparingRebalance;
        assert_eq!(runs(group.join_key()), rebalances);
        assert_eq!(runs(group.sync_key()), !group.pending_sync.is_empty());
        if group.state == GroupState::CompletingRebalance {
            assert!(runs(group.sync_key()));
        }
        for member in group.members.values() {
            assert!(runs(group.session_key(&member.id)) || member.has_satisfied_heartbeat());
        }
        for pending in &group.pending_join {
            assert!(runs(group.session_key(pending)));
        }
        assert!(runs(TimerKey::Expiry));
    }

    /// A coordinator loaded from the records knows what this one wrote down: all of it, unless a
    /// rebalance is under way.
    fn check_replay(&self) {
        let mut loaded = GroupCoordinator::new(&BrokerSettings::default());
        loaded.load(self.now, self.log.clone());
        let (live, loaded) = (self.coordinator.groups(), loaded.groups());
        assert_eq!(live.len(), loaded.len());
        for (live, loaded) in live.into_iter().zip(loaded) {
            assert_eq!(live.offsets, loaded.offsets);
            match live.state {
                GroupState::Empty | GroupState::Stable => assert_eq!(live, loaded),
                _ => assert!(loaded.generation <= live.generation),
            }
        }
    }
}

fn group_id() -> GroupId {
    GroupId(StrBytes::from_static_str("g"))
}

/// The last two clients are static members.
fn instance(client: usize) -> Option<StrBytes> {
    (client >= CLIENTS - 2).then(|| StrBytes::from_string(format!("static-{client}")))
}

fn assignment(generation: i32) -> Bytes {
    Bytes::from(format!("generation {generation}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_members_do_the_group_stays_sound(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
        // Nobody does anything any more: every answer that is due comes, and the group empties.
        world.advance(LONG_MS);
        prop_assert_eq!(&world.waiting, &BTreeMap::new());
        prop_assert!(world.group().is_none_or(|group| group.state == GroupState::Empty));
    }
}
