//! Groups of many members on a cluster without a network, by either protocol.

use bytes::Bytes;
use kafka_protocol::messages::consumer_group_heartbeat_request::{
    ConsumerGroupHeartbeatRequest, TopicPartitions,
};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatResponse, FindCoordinatorRequest, GroupId, HeartbeatRequest,
    JoinGroupRequest, OffsetCommitRequest, ResponseKind, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::in_process::{InProcess, text, topic_name};

const GROUP: &str = "bench";

/// A stable group of the classic protocol.
pub struct ClassicGroup {
    cluster: InProcess,
    members: Vec<StrBytes>,
    generation: i32,
}

impl ClassicGroup {
    /// So many members that have not joined yet, with a partition each.
    #[must_use]
    pub fn new(partitions: i32) -> Self {
        Self {
            cluster: with_coordinator(partitions),
            members: Vec::new(),
            generation: 0,
        }
    }

    /// One rebalance in which so many members join: JoinGroup and SyncGroup of each.
    ///
    /// # Panics
    /// If the coordinator refuses one.
    pub fn join(&mut self, count: usize) {
        let first = self.cluster.ask(3, join(StrBytes::default()).into());
        self.take_joined(vec![first]);
        for number in 1..count as u64 {
            // The first member has to join again before anybody is answered.
            let request = join(StrBytes::default()).into();
            let answers = self.cluster.by_connection(number).send(3, request);
            assert!(answers.is_empty());
        }
        if count > 1 {
            let first = self.members[0].clone();
            self.members.clear();
            self.cluster.by_connection(0);
            let answers = self.cluster.ask_all(3, join(first).into(), count);
            self.take_joined(answers);
        }
        assert_eq!(self.members.len(), count);
        self.sync();
    }

    fn take_joined(&mut self, answers: Vec<ResponseKind>) {
        for answer in answers {
            let ResponseKind::JoinGroup(joined) = answer else {
                panic!("JoinGroup is answered by JoinGroup");
            };
            assert_eq!(joined.error_code, 0);
            self.generation = joined.generation_id;
            // The leader synchronises last, with everybody's assignment.
            if joined.member_id == joined.leader {
                self.members.insert(0, joined.member_id);
            } else {
                self.members.push(joined.member_id);
            }
        }
    }

    fn sync(&mut self) {
        let mut answered = 0;
        for (index, member) in self.members.iter().enumerate().rev() {
            let assignment = |member: &StrBytes| {
                SyncGroupRequestAssignment::default()
                    .with_member_id(member.clone())
                    .with_assignment(Bytes::from_static(b"assigned"))
            };
            let assignments = match index {
                0 => self.members.iter().map(assignment).collect(),
                _ => Vec::new(),
            };
            let request = SyncGroupRequest::default()
                .with_group_id(GroupId(text(GROUP)))
                .with_generation_id(self.generation)
                .with_member_id(member.clone())
                .with_assignments(assignments);
            let connection = self.cluster.by_connection(index as u64);
            for answer in connection.send(2, request.into()) {
                assert!(
                    matches!(answer, ResponseKind::SyncGroup(synced) if synced.error_code == 0)
                );
                answered += 1;
            }
        }
        assert_eq!(answered, self.members.len());
    }

    /// One heartbeat of each member.
    ///
    /// # Panics
    /// If one is refused.
    pub fn heartbeats(&mut self) {
        for member in &self.members {
            let request = HeartbeatRequest::default()
                .with_group_id(GroupId(text(GROUP)))
                .with_generation_id(self.generation)
                .with_member_id(member.clone());
            let answer = self.cluster.ask(3, request.into());
            assert!(matches!(answer, ResponseKind::Heartbeat(beat) if beat.error_code == 0));
        }
    }

    /// The first member commits an offset of every partition in one request.
    ///
    /// # Panics
    /// If it is refused.
    pub fn commit(&mut self, partitions: i32, offset: i64) {
        let partition = |index| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
        };
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name())
            .with_partitions((0..partitions).map(partition).collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(self.members[0].clone())
            .with_topics(vec![topic]);
        let ResponseKind::OffsetCommit(response) = self.cluster.ask(8, request.into()) else {
            panic!("OffsetCommit is answered by OffsetCommit");
        };
        assert_eq!(response.topics[0].partitions[0].error_code, 0);
    }
}

fn join(member: StrBytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::new());
    JoinGroupRequest::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_member_id(member)
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// A cluster whose broker has been asked who coordinates the group.
fn with_coordinator(partitions: i32) -> InProcess {
    let mut cluster = InProcess::new(partitions);
    let request = FindCoordinatorRequest::default().with_key(text(GROUP));
    cluster.ask(0, request.into());
    cluster
}

/// A group of `group.protocol=consumer` (KIP-848).
pub struct ConsumerProtocolGroup {
    cluster: InProcess,
    members: Vec<ConsumerProtocolMember>,
}

struct ConsumerProtocolMember {
    id: StrBytes,
    epoch: i32,
    /// What the coordinator assigned last.
    assigned: Vec<TopicPartitions>,
}

impl ConsumerProtocolGroup {
    /// A group without members, for a topic of so many partitions.
    #[must_use]
    pub fn new(partitions: i32) -> Self {
        Self {
            cluster: with_coordinator(partitions),
            members: Vec::new(),
        }
    }

    /// So many members join, and all beat until each has its partition and nothing else.
    ///
    /// # Panics
    /// If the coordinator refuses one, or the group does not settle.
    pub fn join(&mut self, count: usize) {
        for number in 0..count {
            self.members.push(ConsumerProtocolMember {
                id: StrBytes::from_string(format!("member-{number:04}")),
                epoch: 0,
                assigned: Vec::new(),
            });
            self.beat(number);
        }
        for _ in 0..10 {
            self.heartbeats();
            let epoch = self.members[0].epoch;
            let settled = |member: &ConsumerProtocolMember| {
                member.epoch == epoch
                    && member
                        .assigned
                        .iter()
                        .map(|topic| topic.partitions.len())
                        .sum::<usize>()
                        == 1
            };
            if self.members.iter().all(settled) {
                return;
            }
        }
        panic!("the group does not settle");
    }

    /// One heartbeat of each member.
    pub fn heartbeats(&mut self) {
        (0..self.members.len()).for_each(|number| self.beat(number));
    }

    fn beat(&mut self, number: usize) {
        let member = &mut self.members[number];
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_member_id(member.id.clone())
            .with_member_epoch(member.epoch)
            .with_rebalance_timeout_ms(30_000)
            .with_subscribed_topic_names(Some(vec![topic_name()]))
            .with_topic_partitions(Some(member.assigned.clone()));
        let ResponseKind::ConsumerGroupHeartbeat(beat) = self.cluster.ask(1, request.into()) else {
            panic!("ConsumerGroupHeartbeat is answered by ConsumerGroupHeartbeat");
        };
        assert_eq!(beat.error_code, 0, "{:?}", beat.error_message);
        member.epoch = beat.member_epoch;
        if let Some(assigned) = assignment(beat) {
            member.assigned = assigned;
        }
    }
}

fn assignment(beat: ConsumerGroupHeartbeatResponse) -> Option<Vec<TopicPartitions>> {
    let assigned = beat.assignment?.topic_partitions;
    let topics = assigned.into_iter().map(|topic| {
        TopicPartitions::default()
            .with_topic_id(topic.topic_id)
            .with_partitions(topic.partitions)
    });
    Some(topics.collect())
}
