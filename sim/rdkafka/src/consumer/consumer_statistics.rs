//! What a consumer adds to statistics: the offsets and the lag of its partitions, and its group
//! (`rd_kafka_stats_emit_toppar`, `rd_kafka_stats_emit_all`).

use std::collections::BTreeSet;
use std::sync::Arc;

use whitewater_sim::time;

use super::core::{ConsumerCore, State};
use super::group_membership::{Group, JoinState};
use super::op_queue::OpQueue;
use super::partition::{FetchState, Partition};
use crate::client::client_statistics::topic;
use crate::config::IsolationLevel;
use crate::statistics::{self, ConsumerGroup, Statistics};
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::OFFSET_INVALID;

impl ConsumerCore {
    pub(super) fn add_consumer_statistics(&self, statistics: &mut Statistics) {
        let state = self.lock();
        "consumer".clone_into(&mut statistics.client_type);
        statistics.name = format!("{}#consumer-{}", statistics.client_id, statistics.name);
        statistics.replyq = state.queue.size().0 as i64;
        let partitions = state.partitions.keys();
        let topics: BTreeSet<Arc<str>> = partitions
            .map(|partition| Arc::clone(&partition.topic))
            .chain(state.named_topics.iter().cloned())
            .collect();
        for name in topics {
            let mut topic = topic(&self.client, &name);
            for (partition, entry) in &state.partitions {
                if *partition.topic == *name {
                    let number = partition.partition;
                    let known = topic.partitions.contains_key(&number);
                    let shown = topic
                        .partitions
                        .entry(number)
                        .or_insert_with(|| statistics::Partition::unknown(number));
                    shown.unknown = !known;
                    self.fill(shown, &state, partition, entry);
                }
            }
            statistics.topics.insert(name.to_string(), topic);
        }
        if self.settings().group_id.is_some() {
            statistics.cgrp = Some(group(&state.group));
        }
    }

    fn fill(
        &self,
        shown: &mut statistics::Partition,
        state: &State,
        partition: &TopicPartition,
        entry: &Partition,
    ) {
        let isolation_level: IsolationLevel = self.settings().isolation_level;
        let or_invalid = |offset: Option<i64>| offset.unwrap_or(OFFSET_INVALID);
        let end = entry.watermarks.end(isolation_level);
        let lag = |offset: Option<i64>| match (offset, end) {
            (Some(offset), Some(end)) if offset <= end => end - offset,
            _ => -1,
        };
        shown.desired = entry.assigned;
        fetch_state(entry).clone_into(&mut shown.fetch_state);
        shown.query_offset = entry.query_offset;
        shown.next_offset = entry.fetch_offset;
        shown.app_offset = or_invalid(entry.app_offset);
        shown.stored_offset = or_invalid(entry.stored);
        shown.committed_offset = or_invalid(entry.committed);
        shown.eof_offset = or_invalid(entry.shown_end);
        shown.lo_offset = entry.watermarks.low;
        shown.hi_offset = entry.watermarks.high;
        shown.ls_offset = entry.watermarks.effective_last_stable(isolation_level);
        shown.consumer_lag = lag(entry.committed);
        shown.consumer_lag_stored = lag(entry.stored);
        shown.rxmsgs = entry.received_messages;
        shown.rxbytes = entry.received_bytes;
        shown.msgs = entry.received_messages;
        if entry.assigned {
            // A partition's queue is the consumer's, unless it was split off.
            let queue = state.split.get(partition).unwrap_or(&state.queue);
            let (count, bytes) = OpQueue::size(queue);
            shown.fetchq_cnt = count as i64;
            shown.fetchq_size = bytes;
        }
    }
}

/// `rd_kafka_fetch_states`.
fn fetch_state(entry: &Partition) -> &'static str {
    match entry.fetch {
        FetchState::Stopped if entry.was_started => "stopped",
        FetchState::Stopped | FetchState::Failed => "none",
        FetchState::OffsetQuery => "offset-query",
        FetchState::Active => "active",
    }
}

fn group(group: &Group) -> ConsumerGroup {
    // `rd_kafka_cgrp_state_names`.
    let state = match (&group.coordinator, group.finding_coordinator) {
        _ if group.terminated => "term",
        (Some(_), _) if group.coordinator_usable => "up",
        (_, true) => "wait-coord",
        (Some(_), false) => "wait-broker-transport",
        (None, false) => "query-coord",
    };
    // `rd_kafka_cgrp_join_state_names`.
    let join_state = match group.join_state {
        JoinState::Init => "init",
        JoinState::WaitJoin => "wait-join",
        JoinState::WaitMetadata => "wait-metadata",
        JoinState::WaitSync => "wait-sync",
        JoinState::WaitAssignCall => "wait-assign-call",
        JoinState::WaitUnassignCall => "wait-unassign-call",
        JoinState::WaitUnassignToComplete => "wait-unassign-to-complete",
        JoinState::WaitIncrementalUnassignToComplete => "wait-incr-unassign-to-complete",
        JoinState::Steady => "steady",
    };
    let rebalanced_at = group.rebalanced_at;
    ConsumerGroup {
        state: state.to_owned(),
        join_state: join_state.to_owned(),
        rebalance_age: rebalanced_at.map_or(0, |at| (time::now() - at).as_millis() as i64),
        rebalance_cnt: group.rebalances,
        rebalance_reason: group.rebalance_reason.clone(),
        assignment_size: group
            .group_assignment
            .as_ref()
            .map_or(0, |all| all.len() as i32),
        ..ConsumerGroup::default()
    }
}
