//! The words of a script for the consumer protocol.
//!
//! `a subscribe topics=t,u assignor=range static=i` joins as member `a`, `a beat owned=t:0,1` is a
//! later heartbeat, `a quit` leaves (`epoch=-2` for a while). `owned=none` owns nothing.

use std::collections::BTreeMap;

use kafka_protocol::messages::consumer_group_describe_response::{Assignment, DescribedGroup};
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    ResponseKind, TopicName,
};
use uuid::Uuid;

use super::super::GroupRequest;
use super::script_requests::{Arguments, error, text};

/// The id of a topic of one letter.
pub(super) fn topic_id(name: &str) -> Uuid {
    Uuid::from_u128(u128::from(name.as_bytes()[0]))
}

fn topic_name(id: Uuid) -> char {
    char::from(id.as_bytes()[15])
}

pub(super) fn build(verb: &str, arguments: &Arguments<'_>) -> (i16, GroupRequest) {
    let request = match verb {
        "subscribe" => arguments.subscribe(),
        "beat" => arguments.beat(arguments.number("epoch", arguments.client.generation)),
        "quit" => arguments.beat(arguments.number("epoch", -1)),
        "describe-consumers" => {
            let request =
                ConsumerGroupDescribeRequest::default().with_group_ids(arguments.named_groups());
            return (1, GroupRequest::ConsumerGroupDescribe(request));
        }
        other => panic!("no such verb: {other}"),
    };
    (1, GroupRequest::ConsumerGroupHeartbeat(request))
}

impl Arguments<'_> {
    fn subscribe(&self) -> ConsumerGroupHeartbeatRequest {
        let topics = self.value("topics").unwrap_or("t").split(',');
        let topics = topics.filter(|topic| !topic.is_empty());
        self.beat(self.number("epoch", 0))
            .with_rebalance_timeout_ms(self.number("rebalance", 60_000))
            .with_subscribed_topic_names(Some(topics.map(|t| TopicName(text(t))).collect()))
            .with_topic_partitions(self.owned().or(Some(Vec::new())))
    }

    fn beat(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        let topics = self.value("topics").map(|topics| {
            let names = topics.split(',').map(|topic| TopicName(text(topic)));
            names.collect()
        });
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_member_id(text(match self.value("id") {
                None if self.client.member_id.is_empty() => &self.client.name,
                None => &self.client.member_id,
                Some("none") => "",
                Some(id) => id,
            }))
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(self.number("rebalance", -1))
            .with_instance_id(self.instance())
            .with_rack_id(self.value("rack").map(text))
            .with_subscribed_topic_names(topics)
            .with_subscribed_topic_regex(self.value("regex").map(text))
            .with_server_assignor(self.value("assignor").map(text))
            .with_topic_partitions(self.owned())
    }

    /// `owned=t:0,1/u:2`.
    fn owned(&self) -> Option<Vec<TopicPartitions>> {
        let owned = self.value("owned")?;
        let topics = owned.split('/').filter_map(|topic| topic.split_once(':'));
        let topics = topics.map(|(name, partitions)| {
            let partitions = partitions
                .split(',')
                .map(|p| p.parse().expect("a partition"));
            TopicPartitions::default()
                .with_topic_id(topic_id(name))
                .with_partitions(partitions.collect())
        });
        Some(topics.collect())
    }
}

pub(super) fn write_response(response: &ResponseKind) -> String {
    match response {
        ResponseKind::ConsumerGroupHeartbeat(response) => write_beat(response),
        ResponseKind::ConsumerGroupDescribe(response) => {
            let groups: Vec<String> = response.groups.iter().map(write_group).collect();
            format!("describe-consumers {}", groups.join("; "))
        }
        other => panic!("not a group's response: {other:?}"),
    }
}

fn write_beat(response: &ConsumerGroupHeartbeatResponse) -> String {
    if response.error_code != 0 {
        return format!("beat {}", error(response.error_code));
    }
    let assignment = response
        .assignment
        .as_ref()
        .map_or(String::new(), |assignment| {
            let topics = assignment.topic_partitions.iter();
            let topics = topics.map(|t| (topic_name(t.topic_id).to_string(), &t.partitions));
            format!(" {}", write_partitions(topics))
        });
    let id = response.member_id.as_deref().unwrap_or_default();
    format!("beat {id} epoch={}{assignment}", response.member_epoch)
}

fn write_group(group: &DescribedGroup) -> String {
    let members = group.members.iter().map(|member| {
        format!(
            "{}@{} {}->{}",
            member.member_id,
            member.member_epoch,
            write_assignment(&member.assignment),
            write_assignment(&member.target_assignment)
        )
    });
    format!(
        "{} {} state={} epoch={} assignment-epoch={} assignor={} members=[{}]",
        group.group_id.as_str(),
        error(group.error_code),
        group.group_state,
        group.group_epoch,
        group.assignment_epoch,
        group.assignor_name,
        members.collect::<Vec<_>>().join(" ")
    )
}

fn write_assignment(assignment: &Assignment) -> String {
    let topics = assignment.topic_partitions.iter();
    write_partitions(topics.map(|t| (t.topic_name.to_string(), &t.partitions)))
}

fn write_partitions<'a>(topics: impl Iterator<Item = (String, &'a Vec<i32>)>) -> String {
    let by_name: BTreeMap<String, &Vec<i32>> = topics.collect();
    let topics = by_name.into_iter().map(|(name, partitions)| {
        let partitions: Vec<String> = partitions.iter().map(i32::to_string).collect();
        format!("{name}:{}", partitions.join(","))
    });
    format!("[{}]", topics.collect::<Vec<_>>().join("/"))
}
