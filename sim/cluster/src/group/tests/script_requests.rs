//! The words of a script: how its verbs become requests, and responses its lines.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetFetchRequest, ResponseKind,
    SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::super::GroupRequest;
use super::script::Client;
use super::script_consumers;

pub(super) struct Arguments<'a> {
    pub(super) words: &'a [&'a str],
    pub(super) client: &'a Client,
    ids: &'a BTreeMap<&'a str, &'a str>,
}

/// The request that a step sends, and its version (librdkafka's, unless `v=` says otherwise).
pub(super) fn build(
    verb: &str,
    words: &[&str],
    client: &Client,
    ids: &BTreeMap<&str, &str>,
) -> (i16, GroupRequest) {
    let arguments = Arguments { words, client, ids };
    let (version, request) = match verb {
        "join" => (5, GroupRequest::JoinGroup(arguments.join())),
        "sync" => (3, GroupRequest::SyncGroup(arguments.sync())),
        "heartbeat" => (3, GroupRequest::Heartbeat(arguments.heartbeat())),
        "leave" => (1, GroupRequest::LeaveGroup(arguments.leave())),
        "commit" => (9, GroupRequest::OffsetCommit(arguments.commit())),
        "fetch" => (9, GroupRequest::OffsetFetch(arguments.fetch())),
        "describe" => (0, GroupRequest::DescribeGroups(arguments.describe())),
        "list" => (0, GroupRequest::ListGroups(arguments.list())),
        "delete" => (1, GroupRequest::DeleteGroups(arguments.delete())),
        _ => script_consumers::build(verb, &arguments),
    };
    let version = arguments
        .value("v")
        .map_or(version, |v| v.parse().expect("a version"));
    (version, request)
}

impl<'a> Arguments<'a> {
    pub(super) fn value(&self, key: &str) -> Option<&'a str> {
        let mut pairs = self.words.iter().filter_map(|word| word.split_once('='));
        pairs.find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    pub(super) fn number(&self, key: &str, default: i32) -> i32 {
        self.value(key)
            .map_or(default, |v| v.parse().expect("a number"))
    }

    /// `id=`: an alias, `none`, or any other text as it is; else what the client remembers.
    fn member_id(&self) -> StrBytes {
        text(match self.value("id") {
            None => &self.client.member_id,
            Some("none") => "",
            Some(alias) => self.ids.get(alias).copied().unwrap_or(alias),
        })
    }

    pub(super) fn group_id(&self) -> GroupId {
        GroupId(text(match self.value("group") {
            None => "g",
            Some("none") => "",
            Some(group) => group,
        }))
    }

    fn generation(&self) -> i32 {
        self.number("gen", self.client.generation)
    }

    pub(super) fn instance(&self) -> Option<StrBytes> {
        self.value("static").map(text)
    }

    fn join(&self) -> JoinGroupRequest {
        let metadata = subscription(self.value("topics").unwrap_or("t"));
        let protocols = self.value("protocols").unwrap_or("range").split(',');
        let protocols = protocols.filter(|name| !name.is_empty()).map(|name| {
            JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(metadata.clone())
        });
        JoinGroupRequest::default()
            .with_group_id(self.group_id())
            .with_session_timeout_ms(self.number("session", 10_000))
            .with_rebalance_timeout_ms(self.number("rebalance", 60_000))
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance())
            .with_protocol_type(text(self.value("type").unwrap_or("consumer")))
            .with_protocols(protocols.collect())
            .with_reason(self.value("reason").map(text))
    }

    /// `a#1=x`: that member's assignment is x.
    fn sync(&self) -> SyncGroupRequest {
        let assignments = self.words.iter().filter_map(|word| {
            let (alias, assignment) = word.split_once('=')?;
            let id = self.ids.get(alias)?;
            Some(
                SyncGroupRequestAssignment::default()
                    .with_member_id(text(id))
                    .with_assignment(Bytes::copy_from_slice(assignment.as_bytes())),
            )
        });
        SyncGroupRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(self.generation())
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance())
            .with_protocol_type(self.value("type").map(text))
            .with_protocol_name(self.value("protocol").map(text))
            .with_assignments(assignments.collect())
    }

    fn heartbeat(&self) -> HeartbeatRequest {
        HeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(self.generation())
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance())
    }

    /// `member=ID` or `member=ID/INSTANCE`, any number of them (version 3); else the client.
    fn leave(&self) -> LeaveGroupRequest {
        let members = self.words.iter().filter_map(|word| {
            let who = word.strip_prefix("member=")?;
            let (id, instance) = who
                .split_once('/')
                .map_or((who, None), |(a, b)| (a, Some(b)));
            Some(
                MemberIdentity::default()
                    .with_member_id(text(self.ids.get(id).copied().unwrap_or(id)))
                    .with_group_instance_id(instance.map(text))
                    .with_reason(self.value("reason").map(text)),
            )
        });
        LeaveGroupRequest::default()
            .with_group_id(self.group_id())
            .with_member_id(self.member_id())
            .with_members(members.collect())
    }

    /// `t-0=5`: offset 5 of partition 0 of topic t; `metadata=LENGTH`, `retention=MS`.
    fn commit(&self) -> OffsetCommitRequest {
        let length = usize::try_from(self.number("metadata", 0)).expect("a length");
        let mut topics: BTreeMap<String, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for word in self.words.iter().filter(|word| is_offset(word)) {
            let (topic, partition, offset) = offset(word);
            topics.entry(topic).or_default().push(
                OffsetCommitRequestPartition::default()
                    .with_partition_index(partition)
                    .with_committed_offset(offset)
                    .with_committed_metadata(Some(text(&"m".repeat(length)))),
            );
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            OffsetCommitRequestTopic::default()
                .with_name(TopicName(text(&topic)))
                .with_partitions(partitions)
        });
        OffsetCommitRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id_or_member_epoch(self.generation())
            .with_member_id(self.member_id())
            .with_group_instance_id(self.instance())
            .with_retention_time_ms(i64::from(self.number("retention", -1)))
            .with_topics(topics.collect())
    }

    /// `t-0`: that partition; none: all of the group. `groups=g,h` asks for several groups.
    fn fetch(&self) -> OffsetFetchRequest {
        let partitions = self.words.iter().filter(|word| !word.contains('='));
        let asked: Vec<(TopicName, Vec<i32>)> = partitions
            .map(|word| {
                let (topic, partition) = word.split_once('-').expect("topic-partition");
                let index = partition.parse().expect("a partition");
                (TopicName(text(topic)), vec![index])
            })
            .collect();
        if self
            .value("v")
            .is_some_and(|v| v.parse::<i16>().expect("a version") < 8)
        {
            let topics = asked.into_iter().map(|(name, indexes)| {
                OffsetFetchRequestTopic::default()
                    .with_name(name)
                    .with_partition_indexes(indexes)
            });
            let topics: Vec<_> = topics.collect();
            return OffsetFetchRequest::default()
                .with_group_id(self.group_id())
                .with_topics(Some(topics).filter(|topics| !topics.is_empty()));
        }
        let topics = asked.into_iter().map(|(name, indexes)| {
            OffsetFetchRequestTopics::default()
                .with_name(name)
                .with_partition_indexes(indexes)
        });
        let topics: Vec<_> = topics.collect();
        let groups = self.value("groups").unwrap_or("g").split(',').map(|group| {
            OffsetFetchRequestGroup::default()
                .with_group_id(GroupId(text(group)))
                .with_topics(Some(topics.clone()).filter(|topics| !topics.is_empty()))
        });
        OffsetFetchRequest::default().with_groups(groups.collect())
    }

    pub(super) fn named_groups(&self) -> Vec<GroupId> {
        let names = self.words.iter().filter(|word| !word.contains('='));
        names.map(|name| GroupId(text(name))).collect()
    }

    fn describe(&self) -> DescribeGroupsRequest {
        DescribeGroupsRequest::default()
            .with_groups(self.named_groups())
            .with_include_authorized_operations(self.words.contains(&"operations=yes"))
    }

    fn list(&self) -> ListGroupsRequest {
        let filter = |key| self.value(key).map(text).into_iter().collect();
        ListGroupsRequest::default()
            .with_states_filter(filter("state"))
            .with_types_filter(filter("type"))
    }

    fn delete(&self) -> DeleteGroupsRequest {
        DeleteGroupsRequest::default().with_groups_names(self.named_groups())
    }
}

fn is_offset(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(left, _)| left.contains('-'))
}

/// `t-0=5`.
pub(super) fn offset(word: &str) -> (String, i32, i64) {
    let (partition, offset) = word.split_once('=').expect("topic-partition=offset");
    let (topic, partition) = partition.split_once('-').expect("topic-partition");
    (
        topic.to_owned(),
        partition.parse().expect("a partition"),
        offset.parse().expect("an offset"),
    )
}

/// A version 0 subscription to topics separated by commas; `junk` is none.
fn subscription(topics: &str) -> Bytes {
    if topics == "junk" {
        return Bytes::from_static(b"junk");
    }
    let topics: Vec<&str> = topics.split(',').collect();
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(i32::try_from(topics.len()).expect("fits"));
    for topic in topics {
        bytes.put_i16(i16::try_from(topic.len()).expect("fits"));
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

pub(super) fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

/// The response as a script writes it: the verb, Kafka's name of the error or what was answered.
pub(super) fn write_response(response: &ResponseKind, version: i16) -> String {
    match response {
        ResponseKind::JoinGroup(r) if r.error_code != 0 => {
            format!("join {} {}", error(r.error_code), r.member_id)
        }
        ResponseKind::JoinGroup(r) => {
            let members: Vec<&str> = r.members.iter().map(|m| m.member_id.as_str()).collect();
            let skip = if r.skip_assignment {
                " skip-assignment"
            } else {
                ""
            };
            format!(
                "join {} gen={} protocol={} leader={} members=[{}]{skip}",
                r.member_id,
                r.generation_id,
                r.protocol_name.as_deref().unwrap_or("null"),
                r.leader,
                members.join(" "),
            )
        }
        ResponseKind::SyncGroup(r) if r.error_code != 0 => format!("sync {}", error(r.error_code)),
        ResponseKind::SyncGroup(r) => {
            format!("sync [{}]", String::from_utf8_lossy(&r.assignment))
        }
        ResponseKind::Heartbeat(r) => format!("heartbeat {}", error(r.error_code)),
        ResponseKind::LeaveGroup(r) => {
            let mut line = format!("leave {}", error(r.error_code));
            for member in &r.members {
                let instance = member.group_instance_id.as_deref().unwrap_or_default();
                let code = error(member.error_code);
                line += &format!(" ({}/{instance} {code})", member.member_id);
            }
            line
        }
        ResponseKind::OffsetCommit(r) => {
            let mut line = "commit".to_owned();
            for topic in &r.topics {
                for p in &topic.partitions {
                    let code = error(p.error_code);
                    line += &format!(" {}-{} {code}", topic.name.as_str(), p.partition_index);
                }
            }
            line
        }
        ResponseKind::OffsetFetch(r) => write_fetched(r, version),
        ResponseKind::DescribeGroups(r) => {
            let described = r.groups.iter().map(|g| {
                let members: Vec<String> = g
                    .members
                    .iter()
                    .map(|m| {
                        let assignment = String::from_utf8_lossy(&m.member_assignment).into_owned();
                        format!(
                            "{}@{}{}:{assignment}",
                            m.member_id, m.client_id, m.client_host
                        )
                    })
                    .collect();
                format!(
                    "{} {} state={} type={} protocol={} members=[{}]",
                    g.group_id.as_str(),
                    error(g.error_code),
                    g.group_state,
                    g.protocol_type,
                    g.protocol_data,
                    members.join(" "),
                )
            });
            format!("describe {}", described.collect::<Vec<_>>().join("; "))
        }
        ResponseKind::ListGroups(r) => {
            let listed = r.groups.iter().map(|g| {
                format!(
                    "{}:{}:{}",
                    g.group_id.as_str(),
                    g.protocol_type,
                    g.group_state
                )
            });
            format!("list [{}]", listed.collect::<Vec<_>>().join(" "))
        }
        ResponseKind::DeleteGroups(r) => {
            let deleted = r.results.iter();
            let deleted =
                deleted.map(|g| format!("{} {}", g.group_id.as_str(), error(g.error_code)));
            format!("delete {}", deleted.collect::<Vec<_>>().join("; "))
        }
        other => script_consumers::write_response(other),
    }
}

fn write_fetched(response: &kafka_protocol::messages::OffsetFetchResponse, version: i16) -> String {
    let mut line = "fetch".to_owned();
    if version < 8 {
        if response.error_code != 0 {
            line += &format!(" {}", error(response.error_code));
        }
        for topic in &response.topics {
            for p in &topic.partitions {
                let at = (topic.name.as_str(), p.partition_index);
                line += &written_offset(at, p.committed_offset, p.error_code);
            }
        }
    }
    for group in &response.groups {
        line += &format!(" {}:", group.group_id.as_str());
        if group.error_code != 0 {
            line += &format!(" {}", error(group.error_code));
        }
        for topic in &group.topics {
            for p in &topic.partitions {
                let at = (topic.name.as_str(), p.partition_index);
                line += &written_offset(at, p.committed_offset, p.error_code);
            }
        }
    }
    line
}

fn written_offset((topic, partition): (&str, i32), offset: i64, code: i16) -> String {
    if code == 0 {
        format!(" {topic}-{partition}={offset}")
    } else {
        format!(" {topic}-{partition} {}", error(code))
    }
}

/// Kafka's name of an error code.
pub(super) fn error(code: i16) -> String {
    let Some(error) = ResponseError::try_from_code(code) else {
        return "NONE".to_owned();
    };
    let mut name = String::new();
    for letter in format!("{error:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
