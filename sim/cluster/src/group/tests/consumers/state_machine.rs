//! Random members over simulated time: a partition never has two owners, and once it is quiet
//! everybody has what the target says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::super::super::consumer::{ConsumerGroup, ConsumerMember};
use super::super::super::{GroupCoordinator, GroupOutput, GroupRecord, GroupRequest};
use super::super::script::Topics;
use crate::config::BrokerSettings;
use crate::group_state::GroupState;
use crate::now::Now;
use crate::requester::{ConnectionId, Requester};
use crate::topic_catalog::TopicCatalog;

const CLIENTS: usize = 5;

#[derive(Debug, Clone)]
enum Step {
    /// The client joins, with `t`, `u` or both.
    Join {
        client: usize,
        topics: u8,
    },
    /// A heartbeat, which may say what the client owns, and whose answer may get lost.
    Beat {
        client: usize,
        says_owned: bool,
        is_lost: bool,
    },
    /// It subscribes to something else.
    Subscribe {
        client: usize,
        topics: u8,
    },
    /// It gives up what it was told to give up.
    GiveUp {
        client: usize,
    },
    /// It leaves; a static member maybe only for a while.
    Leave {
        client: usize,
        returns: bool,
    },
    /// Its process is replaced by one that knows nothing.
    Forget {
        client: usize,
    },
    Grow {
        topic: bool,
    },
    Advance {
        ms: u64,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    prop_oneof![
        4 => (client.clone(), 1_u8..4).prop_map(|(client, topics)| Step::Join { client, topics }),
        12 => (client.clone(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(client, says_owned, is_lost)| Step::Beat { client, says_owned, is_lost }),
        1 => (client.clone(), 1_u8..4)
            .prop_map(|(client, topics)| Step::Subscribe { client, topics }),
        6 => client.clone().prop_map(|client| Step::GiveUp { client }),
        1 => (client.clone(), any::<bool>())
            .prop_map(|(client, returns)| Step::Leave { client, returns }),
        1 => client.prop_map(|client| Step::Forget { client }),
        1 => any::<bool>().prop_map(|topic| Step::Grow { topic }),
        8 => prop_oneof![1_u64..1_500, 1_u64..50_000].prop_map(|ms| Step::Advance { ms }),
        1 => Just(Step::Restart),
    ]
}

#[derive(Debug, Default)]
struct Client {
    lives: u32,
    epoch: i32,
    topics: u8,
    owned: BTreeSet<(Uuid, i32)>,
    /// What it was last told to have.
    told: BTreeSet<(Uuid, i32)>,
    /// An answer got lost: its next heartbeat says everything, and until that is answered it does
    /// not act on what it was told before.
    says_everything: bool,
}

struct World {
    coordinator: GroupCoordinator,
    topics: Topics,
    log: Vec<GroupRecord>,
    now: Now,
    clients: Vec<Client>,
    group_epoch: i32,
}

impl World {
    fn new() -> Self {
        Self {
            coordinator: GroupCoordinator::new(&BrokerSettings::default()),
            topics: Topics::default(),
            log: Vec::new(),
            now: Now {
                monotonic: Duration::ZERO,
                wall_ms: 1_700_000_000_000,
            },
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            group_epoch: 0,
        }
    }

    fn group(&self) -> Option<&ConsumerGroup> {
        self.coordinator.groups.consumer.get("g")
    }

    fn member(&self, client: usize) -> Option<&ConsumerMember> {
        self.group()?.members.get(&self.member_id(client))
    }

    /// Every life of a client has an id of its own.
    fn member_id(&self, client: usize) -> String {
        format!("{client}-{}", self.clients[client].lives)
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Join { client, topics } => self.join(client, topics),
            Step::Beat {
                client,
                says_owned,
                is_lost,
            } => {
                if self.clients[client].epoch > 0 {
                    let owned = says_owned.then(|| self.clients[client].owned.clone());
                    let request = self.heartbeat(client, owned);
                    self.send(client, request, is_lost);
                }
            }
            Step::Subscribe { client, topics } => {
                let state = &self.clients[client];
                if state.epoch > 0 && !state.says_everything {
                    self.clients[client].topics = topics;
                    let request = self.request(client, None);
                    let request = request.with_subscribed_topic_names(Some(names(topics)));
                    self.send(client, request, false);
                }
            }
            Step::GiveUp { client } => self.give_up(client),
            Step::Leave { client, returns } => self.leave(client, returns),
            Step::Forget { client } => self.forget(client),
            Step::Grow { topic } => {
                let count = self.topics.counts.entry(if topic { "t" } else { "u" });
                *count.or_default() += 1;
            }
            Step::Advance { ms } => self.advance(ms),
            Step::Restart => self.restart(),
        }
    }

    fn join(&mut self, client: usize, topics: u8) {
        if self.clients[client].epoch > 0 {
            // It abandons everything first.
            self.clients[client].owned.clear();
            self.clients[client].told.clear();
        }
        self.clients[client].epoch = 0;
        self.clients[client].topics = topics;
        let request = self
            .request(client, Some(BTreeSet::new()))
            .with_rebalance_timeout_ms(20_000)
            .with_subscribed_topic_names(Some(names(topics)));
        self.send(client, request, false);
    }

    /// It owns no more than it was told to, and takes over what is new.
    fn give_up(&mut self, client: usize) {
        let client = &mut self.clients[client];
        if !client.says_everything {
            client.owned = client.told.clone();
        }
    }

    fn leave(&mut self, client: usize, returns: bool) {
        if self.clients[client].epoch > 0 {
            let epoch = if returns && instance(client).is_some() {
                -2
            } else {
                -1
            };
            self.clients[client].epoch = epoch;
            let request = self.request(client, None);
            self.send(client, request, true);
            self.forget(client);
        }
    }

    fn forget(&mut self, client: usize) {
        let lives = self.clients[client].lives + 1;
        self.clients[client] = Client {
            lives,
            ..Client::default()
        };
    }

    fn heartbeat(
        &self,
        client: usize,
        owned: Option<BTreeSet<(Uuid, i32)>>,
    ) -> ConsumerGroupHeartbeatRequest {
        let state = &self.clients[client];
        if !state.says_everything {
            return self.request(client, owned);
        }
        self.request(client, Some(state.owned.clone()))
            .with_rebalance_timeout_ms(20_000)
            .with_subscribed_topic_names(Some(names(state.topics)))
    }

    fn request(
        &self,
        client: usize,
        owned: Option<BTreeSet<(Uuid, i32)>>,
    ) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(StrBytes::from_static_str("g")))
            .with_member_id(StrBytes::from_string(self.member_id(client)))
            .with_instance_id(instance(client))
            .with_member_epoch(self.clients[client].epoch)
            .with_topic_partitions(owned.map(by_topic))
    }

    fn send(&mut self, client: usize, request: ConsumerGroupHeartbeatRequest, is_lost: bool) {
        let from = Requester {
            connection: ConnectionId(client as u64),
            correlation_id: 1,
            api_version: 1,
            client_id: format!("worker-{client}"),
            client_host: "/10.0.0.1".to_owned(),
        };
        let request = GroupRequest::ConsumerGroupHeartbeat(request);
        let outputs = self
            .coordinator
            .handle(self.now, from, request, &self.topics);
        for response in self.receive(outputs) {
            self.clients[client].says_everything = is_lost;
            if !is_lost {
                self.answered(client, &response);
            }
        }
    }

    fn receive(&mut self, outputs: Vec<GroupOutput>) -> Vec<ConsumerGroupHeartbeatResponse> {
        let mut responses = Vec::new();
        for output in outputs {
            match output {
                GroupOutput::Append { record, .. } => self.log.push(record),
                GroupOutput::Response(_, ResponseKind::ConsumerGroupHeartbeat(response)) => {
                    responses.push(response);
                }
                GroupOutput::Response(_, other) => panic!("{other:?}"),
                GroupOutput::Event(_) => {}
            }
        }
        responses
    }

    fn answered(&mut self, client: usize, response: &ConsumerGroupHeartbeatResponse) {
        let client = &mut self.clients[client];
        if response.error_code != 0 {
            // Fenced: everything is lost, and it is to join again.
            client.owned.clear();
            client.told.clear();
            client.epoch = 0;
            return;
        }
        client.epoch = response.member_epoch;
        if let Some(assignment) = &response.assignment {
            let topics = assignment.topic_partitions.iter();
            let all = topics.flat_map(|t| t.partitions.iter().map(|index| (t.topic_id, *index)));
            client.told = all.collect();
        }
    }

    fn advance(&mut self, ms: u64) {
        let end = self.now.monotonic + Duration::from_millis(ms);
        while let Some(at) = self.coordinator.next_timer().filter(|at| *at <= end) {
            self.now.monotonic = at;
            let outputs = self.coordinator.tick(self.now);
            self.receive(outputs);
        }
        self.now.monotonic = end;
    }

    /// What was loaded is what there was.
    fn restart(&mut self) {
        let before = self.group().cloned();
        self.coordinator = GroupCoordinator::new(&BrokerSettings::default());
        self.now.monotonic += Duration::from_millis(1);
        let outputs = self.coordinator.load(self.now, self.log.clone());
        self.receive(outputs);
        let kept = |group: &ConsumerGroup| {
            let epochs = (group.epoch, group.assignment_epoch);
            (
                epochs,
                group.members.clone(),
                group.target.clone(),
                group.topics.clone(),
            )
        };
        assert_eq!(self.group().map(kept), before.as_ref().map(kept));
    }

    /// Holds at every moment.
    fn check(&mut self) {
        let Some(group) = self.group().cloned() else {
            self.group_epoch = 0;
            return;
        };
        assert!(
            group.epoch >= self.group_epoch,
            "the group epoch never goes back"
        );
        assert!(group.assignment_epoch <= group.epoch);
        self.group_epoch = group.epoch;
        let mut owners: BTreeMap<(Uuid, i32), &str> = BTreeMap::new();
        for member in group.members.values() {
            assert!(member.epoch <= group.assignment_epoch, "{member:?}");
            let held = member
                .assigned
                .0
                .keys()
                .chain(member.pending_revocation.0.keys());
            for partition in held {
                let other = owners.insert(*partition, &member.member_id);
                assert_eq!(other, None, "{partition:?} also of {}", member.member_id);
            }
        }
        let mut subscribers: BTreeMap<String, usize> = BTreeMap::new();
        for topic in group.members.values().flat_map(|member| &member.topics) {
            *subscribers.entry(topic.clone()).or_default() += 1;
        }
        assert_eq!(group.subscribers, subscribers);
        // Who is a member at its present epoch owns nothing behind the coordinator's back.
        for client in 0..CLIENTS {
            if let Some(member) = self.member(client) {
                for (topic, partition) in &self.clients[client].owned {
                    assert!(member.holds(*topic, *partition), "{client}: {member:?}");
                }
            }
        }
    }

    /// Everybody heartbeats as a client does, until whoever is gone has expired.
    fn settle(&mut self) {
        for _ in 0..30 {
            for client in 0..CLIENTS {
                if self.clients[client].epoch > 0 {
                    self.give_up(client);
                    let owned = Some(self.clients[client].owned.clone());
                    let request = self.heartbeat(client, owned);
                    self.send(client, request, false);
                } else if self.clients[client].topics != 0 {
                    self.join(client, self.clients[client].topics);
                }
                self.check();
            }
            self.advance(5000);
        }
    }

    /// Holds when nothing happens any more.
    fn check_settled(&self) {
        let Some(group) = self.group() else {
            return;
        };
        if group.members.is_empty() {
            assert_eq!(group.state(), GroupState::Empty);
            return;
        }
        assert_eq!(group.state(), GroupState::Stable);
        let mut missing: BTreeSet<(Uuid, i32)> = BTreeSet::new();
        for name in group.members.values().flat_map(|member| &member.topics) {
            let name = TopicName(StrBytes::from_string(name.clone()));
            let id = self.topics.topic_id(&name).expect("it exists");
            let count = self.topics.partition_count(&name).expect("it exists");
            missing.extend((0..count).map(|partition| (id, partition)));
        }
        for client in 0..CLIENTS {
            if let Some(member) = self.member(client) {
                let target = group
                    .target
                    .get(&member.member_id)
                    .cloned()
                    .unwrap_or_default();
                assert_eq!(member.assigned.partitions(), target);
                let owned = &self.clients[client].owned;
                assert_eq!(&target.0, &nested(owned), "{client}");
                missing.retain(|partition| !owned.contains(partition));
            }
        }
        assert_eq!(missing, BTreeSet::new(), "nobody has these");
    }
}

/// The last two clients are static members.
fn instance(client: usize) -> Option<StrBytes> {
    (client + 2 >= CLIENTS).then(|| StrBytes::from_string(format!("instance-{client}")))
}

fn names(topics: u8) -> Vec<TopicName> {
    let chosen = [(1, "t"), (2, "u")]
        .into_iter()
        .filter(|(bit, _)| topics & bit != 0);
    chosen
        .map(|(_, name)| TopicName(StrBytes::from_static_str(name)))
        .collect()
}

fn nested(owned: &BTreeSet<(Uuid, i32)>) -> BTreeMap<Uuid, BTreeSet<i32>> {
    let mut topics: BTreeMap<Uuid, BTreeSet<i32>> = BTreeMap::new();
    for (topic, partition) in owned {
        topics.entry(*topic).or_default().insert(*partition);
    }
    topics
}

fn by_topic(owned: BTreeSet<(Uuid, i32)>) -> Vec<TopicPartitions> {
    let topics = nested(&owned).into_iter().map(|(topic, partitions)| {
        TopicPartitions::default()
            .with_topic_id(topic)
            .with_partitions(partitions.into_iter().collect())
    });
    topics.collect()
}

proptest! {
    #[test]
    fn a_partition_never_has_two_owners_and_quiet_brings_the_target(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.settle();
        world.check_settled();
    }
}
