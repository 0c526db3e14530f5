//! What a cluster reports, as events of the trace.

use std::collections::BTreeMap;

use whitewater_cluster::group::MemberState;
use whitewater_cluster::{BrokerId, Event};

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
            committed,
        } => {
            let mut fields = vec![
                ("broker", broker.into()),
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("base_offset", base_offset.into()),
                ("records", records.into()),
            ];
            if !committed {
                fields.push(("committed", false.into()));
            }
            trace::event_owned("append", fields);
        }
        Event::HighWatermarkMoved {
            topic,
            partition,
            high_watermark,
        } => trace::event_owned(
            "high_watermark",
            vec![
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("offset", high_watermark.into()),
            ],
        ),
        Event::LogStartOffsetMoved {
            broker,
            topic,
            partition,
            from,
            to,
            reason,
        } => trace::event_owned(
            "log_start_moved",
            vec![
                ("broker", broker.into()),
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("from", from.into()),
                ("to", to.into()),
                ("reason", reason.into()),
            ],
        ),
        Event::LogDirFailed { broker, log_dir } => trace::event_owned(
            "log_dir_failed",
            vec![
                ("broker", broker.into()),
                ("log_dir", i64::try_from(log_dir).unwrap_or(-1).into()),
            ],
        ),
        Event::LeaderElected {
            topic,
            partition,
            leader,
            leader_epoch,
            unclean,
        } => {
            trace::event_owned(
                "leader_elected",
                vec![
                    ("topic", topic.into()),
                    ("partition", partition.into()),
                    ("leader", leader.into()),
                    ("leader_epoch", leader_epoch.into()),
                    ("unclean", unclean.into()),
                ],
            );
            if leader >= 0 {
                trace::probe("broker.leader_elected");
            }
        }
        Event::InSyncReplicasChanged {
            topic,
            partition,
            in_sync,
        } => trace::event_owned(
            "in_sync_replicas",
            vec![
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("brokers", list(&in_sync).into()),
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
        Event::MemberReconciled {
            group,
            member_id,
            client_id,
            member_epoch,
            state,
            assigned,
            pending_revocation,
        } => {
            trace::event_owned(
                "member_reconciled",
                vec![
                    ("group", group.into()),
                    ("member_id", member_id.into()),
                    ("client_id", client_id.into()),
                    ("client", client.into()),
                    ("member_epoch", member_epoch.into()),
                    ("assigned", partitions(&assigned).into()),
                    ("pending_revocation", partitions(&pending_revocation).into()),
                ],
            );
            trace::probe(match state {
                MemberState::Stable => "broker.member_reconciled",
                MemberState::UnrevokedPartitions => "broker.member_revokes",
                MemberState::UnreleasedPartitions => "broker.member_waits",
            });
        }
        Event::OffsetCommitted {
            group,
            topic,
            partition,
            offset,
            member_id,
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
                ("member_id", member_id.into()),
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
        Event::TransactionStateChanged {
            transactional_id,
            from: _,
            to,
            producer_id,
            producer_epoch,
            reason,
        } => trace::event_owned(
            "transaction_state",
            vec![
                ("transactional_id", transactional_id.into()),
                ("state", to.name().into()),
                ("producer_id", producer_id.into()),
                ("producer_epoch", i64::from(producer_epoch).into()),
                ("client", client.into()),
                ("reason", reason.into()),
            ],
        ),
        Event::TransactionMarkerAppended {
            broker,
            transactional_id,
            topic,
            partition,
            offset,
            producer_id: _,
            committed,
        } => trace::event_owned(
            "transaction_marker",
            vec![
                ("broker", broker.into()),
                ("transactional_id", transactional_id.into()),
                ("topic", topic.into()),
                ("partition", partition.into()),
                ("offset", offset.into()),
                ("committed", committed.into()),
            ],
        ),
        // Processes record their own starts and ends; topics are in the plan; whose handle it is
        // keeps what was deleted.
        Event::TopicCreated { .. }
        | Event::SegmentsDeleted { .. }
        | Event::LogCompacted { .. }
        | Event::PartitionsCreated { .. }
        | Event::TopicDeleted { .. }
        | Event::BrokerStopped { .. }
        | Event::BrokerHalted { .. }
        | Event::BrokerStarted { .. }
        | Event::ConnectionRefused { .. } => {}
    }
}

/// `trades-0,trades-3`
fn partitions(of: &[(String, i32)]) -> String {
    let names = of.iter().map(|(topic, index)| format!("{topic}-{index}"));
    names.collect::<Vec<_>>().join(",")
}

fn list(brokers: &[BrokerId]) -> String {
    let brokers: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    brokers.join(",")
}
