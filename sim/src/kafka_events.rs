//! What a cluster reports, as events of the trace.

use std::collections::BTreeMap;

use whitewater_cluster::Event;

use crate::trace;

/// Records the cluster's events under the names that checkers and reports read.
///
/// `client` names the process whose request made the cluster act; empty where none did. An offset
/// commit is its committer's, even if another request made the cluster come to it.
pub(crate) fn record_events(
    events: Vec<Event>,
    client: &str,
    committers: &BTreeMap<String, String>,
) {
    for event in events {
        let committer = match &event {
            Event::OffsetCommitted { member_id, .. } | Event::CommitRefused { member_id, .. } => {
                committers.get(member_id).map(String::as_str)
            }
            _ => None,
        };
        record(event, committer.unwrap_or(client));
    }
}

fn record(event: Event, client: &str) {
    match event {
        Event::RecordsAppended {
            broker,
            topic,
            partition,
            base_offset,
            records,
            bytes: _,
        } => trace::event_owned(
            "append",
            vec![
                ("broker", broker.into()),
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("base_offset", base_offset.into()),
                ("records", records.into()),
            ],
        ),
        Event::GroupStateChanged {
            group,
            from: _,
            to,
            generation,
            reason,
        } => trace::event_owned(
            "group_state",
            vec![
                ("group", group.into()),
                ("state", to.name().into()),
                ("generation", generation.into()),
                ("reason", reason.into()),
            ],
        ),
        Event::OffsetCommitted {
            group,
            topic,
            partition,
            offset,
            member_id: _,
            client_id,
            generation,
        } => trace::event_owned(
            "offset_commit",
            vec![
                ("group", group.into()),
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("offset", offset.into()),
                ("client_id", client_id.into()),
                ("client", client.into()),
                ("generation", generation.into()),
            ],
        ),
        Event::CommitRefused {
            group,
            topic,
            partition,
            offset,
            member_id: _,
            client_id,
            generation,
            error,
        } => trace::event_owned(
            "offset_commit_refused",
            vec![
                ("group", group.into()),
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("offset", offset.into()),
                ("client_id", client_id.into()),
                ("client", client.into()),
                ("generation", generation.into()),
                ("error", format!("{error:?}").into()),
            ],
        ),
        Event::MemberJoined {
            group,
            member_id,
            client_id,
            generation,
        } => trace::event_owned(
            "member_joined",
            vec![
                ("group", group.into()),
                ("member_id", member_id.into()),
                ("client_id", client_id.into()),
                ("client", client.into()),
                ("generation", generation.into()),
            ],
        ),
        Event::MemberLeft {
            group,
            member_id,
            client_id,
            generation,
            reason,
        } => trace::event_owned(
            "member_left",
            vec![
                ("group", group.into()),
                ("member_id", member_id.into()),
                ("client_id", client_id.into()),
                ("client", client.into()),
                ("generation", generation.into()),
                ("reason", reason.into()),
            ],
        ),
        Event::MemberExpired {
            group,
            member_id,
            client_id,
            generation,
            reason,
        } => trace::event_owned(
            "member_expired",
            vec![
                ("group", group.into()),
                ("member_id", member_id.into()),
                ("client_id", client_id.into()),
                ("client", client.into()),
                ("generation", generation.into()),
                ("reason", reason.into()),
            ],
        ),
        // Processes record their own starts and ends; topics are in the plan.
        Event::TopicCreated { .. }
        | Event::TopicDeleted { .. }
        | Event::BrokerStopped { .. }
        | Event::BrokerStarted { .. }
        | Event::ConnectionRefused { .. } => {}
    }
}
