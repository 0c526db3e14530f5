//! The coordinator of one broker: routes requests and runs timers.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatResponse, HeartbeatResponse, LeaveGroupResponse, ResponseKind,
    SyncGroupResponse,
};

use super::context::Context;
use super::groups::Groups;
use super::join;
use super::member_id::MemberIds;
use super::offsets::CommittedOffset;
use super::record::GroupRecord;
use super::request::{GroupOutput, GroupRequest};
use super::timers::{TimerKey, Timers};
use crate::config::BrokerSettings;
use crate::event::Event;
use crate::group_state::GroupState;
use crate::now::Now;
use crate::requester::Requester;
use crate::topic_catalog::TopicCatalog;

/// One broker's group coordinator.
///
/// It answers for the groups whose `__consumer_offsets` partition the broker leads, as the
/// [`TopicCatalog`] says. Outputs are to be acted on in their order, before the next call.
#[derive(Debug)]
pub struct GroupCoordinator {
    settings: BrokerSettings,
    pub(super) groups: Groups,
    pub(super) timers: Timers,
    member_ids: MemberIds,
}

impl GroupCoordinator {
    /// A coordinator without groups; [`load`](Self::load) brings them.
    pub fn new(settings: &BrokerSettings) -> Self {
        Self {
            settings: settings.clone(),
            groups: Groups::default(),
            timers: Timers::default(),
            member_ids: MemberIds::default(),
        }
    }

    /// Answers a request, at once or, for a parked JoinGroup or SyncGroup, in the outputs of a
    /// later call.
    pub fn handle(
        &mut self,
        now: Now,
        from: Requester,
        request: GroupRequest,
        topics: &dyn TopicCatalog,
    ) -> Vec<GroupOutput> {
        self.with_context(now, |groups, cx| {
            if let Some(refusal) = not_coordinator(&from, &request, topics) {
                return cx.respond(from, refusal);
            }
            match request {
                GroupRequest::JoinGroup(request) => groups.join_group(cx, from, request),
                GroupRequest::SyncGroup(request) => groups.sync_group(cx, from, request),
                GroupRequest::Heartbeat(request) => groups.heartbeat(cx, from, request),
                GroupRequest::LeaveGroup(request) => groups.leave_group(cx, from, request),
                GroupRequest::OffsetCommit(request) => {
                    groups.commit_offsets(cx, from, request, topics);
                }
                GroupRequest::TxnOffsetCommit(request) => {
                    groups.commit_transactional_offsets(cx, from, request, topics);
                }
                GroupRequest::OffsetFetch(request) => {
                    groups.fetch_offsets(cx, from, request, topics);
                }
                GroupRequest::DescribeGroups(request) => {
                    groups.describe_groups(cx, from, request, topics);
                }
                GroupRequest::ListGroups(request) => groups.list_groups(cx, from, &request),
                GroupRequest::DeleteGroups(request) => {
                    groups.delete_groups(cx, from, request, topics);
                }
                GroupRequest::OffsetDelete(request) => {
                    groups.delete_offsets(cx, from, request, topics);
                }
                GroupRequest::ConsumerGroupHeartbeat(request) => {
                    groups.consumer_group_heartbeat(cx, from, request, topics);
                }
                GroupRequest::ConsumerGroupDescribe(request) => {
                    groups.describe_consumer_groups(cx, from, request, topics);
                }
            }
        })
    }

    /// Runs every timer that is due.
    pub fn tick(&mut self, now: Now) -> Vec<GroupOutput> {
        self.with_context(now, |groups, cx| {
            while let Some(timer) = cx.timers.pop_due(now.monotonic) {
                groups.run_timer(cx, timer);
            }
        })
    }

    /// The monotonic time at which [`tick`](Self::tick) has something to do.
    pub fn next_timer(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// Takes over a `__consumer_offsets` partition whose records these are, oldest first. A group
    /// with members comes back stable, and their sessions start anew.
    pub fn load(
        &mut self,
        now: Now,
        records: impl IntoIterator<Item = GroupRecord>,
    ) -> Vec<GroupOutput> {
        let mut loaded = BTreeSet::new();
        let mut count = 0;
        for record in records {
            count += 1;
            loaded.insert(record.group().to_owned());
            self.groups.replay(record);
        }
        self.member_ids.loaded(now, count);
        self.with_context(now, |groups, cx| {
            for group in loaded {
                groups.start_loaded(cx, &group);
                groups.start_loaded_consumers(cx, &group);
            }
        })
    }

    /// Gives up every group; parked requests are answered NOT_COORDINATOR.
    pub fn unload(&mut self, now: Now) -> Vec<GroupOutput> {
        let outputs = self.with_context(now, |groups, cx| {
            for group in groups.by_id.values_mut() {
                for member_id in group.members.keys().cloned().collect::<Vec<_>>() {
                    let error = ResponseError::NotCoordinator;
                    group.answer_parked_sync(cx, &member_id, Err(error));
                    if let Some(parked) = group.take_parked_join(&member_id) {
                        let answer = join::error_response(parked.api_version, &member_id, error);
                        cx.respond(parked, answer);
                    }
                }
            }
        });
        self.groups = Groups::default();
        self.timers.clear();
        outputs
    }

    /// The topic is gone, and so are its committed offsets.
    pub fn topic_deleted(&mut self, now: Now, topic: &str) -> Vec<GroupOutput> {
        self.with_context(now, |groups, cx| groups.delete_topic(cx, topic))
    }

    /// An administrator sets a committed offset, whatever the state of the group. (Kafka's own
    /// tool waits until a group is inactive; any member can do this at any time.)
    pub fn rewind_committed(
        &mut self,
        now: Now,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Vec<GroupOutput> {
        self.with_context(now, |groups, cx| {
            let committed = CommittedOffset {
                offset,
                leader_epoch: -1,
                metadata: String::new(),
                commit_timestamp_ms: now.wall_ms,
                expire_timestamp_ms: None,
            };
            groups.store(cx, group, topic, partition, committed);
            cx.event(Event::OffsetCommitted {
                group: group.to_owned(),
                topic: topic.to_owned(),
                partition,
                offset,
                member_id: String::new(),
                client_id: "admin".to_owned(),
                generation: -1,
            });
        })
    }

    pub(super) fn with_context(
        &mut self,
        now: Now,
        act: impl FnOnce(&mut Groups, &mut Context<'_>),
    ) -> Vec<GroupOutput> {
        let mut out = Vec::new();
        let mut cx = Context {
            now,
            settings: &self.settings,
            timers: &mut self.timers,
            member_ids: &mut self.member_ids,
            out: &mut out,
        };
        act(&mut self.groups, &mut cx);
        self.groups.schedule_expiry(&mut cx);
        out
    }
}

impl Groups {
    fn run_timer(&mut self, cx: &mut Context<'_>, timer: TimerKey) {
        match timer {
            TimerKey::Session { group, member_id } => {
                if let Some(group) = self.by_id.get_mut(&group) {
                    group.expire_session(cx, &member_id);
                } else {
                    self.expire_consumer_session(cx, &group, &member_id);
                }
            }
            TimerKey::Join { group } => {
                if let Some(group) = self.by_id.get_mut(&group) {
                    group.expire_join(cx);
                }
            }
            TimerKey::Sync { group } => {
                if let Some(group) = self.by_id.get_mut(&group) {
                    group.expire_sync(cx);
                }
            }
            TimerKey::Revocation { group, member_id } => {
                self.expire_revocation(cx, &group, &member_id);
            }
            TimerKey::Expiry => self.expire_offsets_and_groups(cx),
        }
    }

    /// A loaded group's members get a full session; one that has become too large rebalances
    /// (`onLoaded` in `GroupMetadataManager.java`).
    fn start_loaded(&mut self, cx: &mut Context<'_>, id: &str) {
        let Some(group) = self.by_id.get_mut(id) else {
            return;
        };
        cx.event(Event::GroupStateChanged {
            group: group.id.clone(),
            from: GroupState::Dead,
            to: group.state,
            generation: group.generation,
            reason: format!("loaded, members: {}", group.members.len()),
        });
        for member_id in group.members.keys().cloned().collect::<Vec<_>>() {
            group.renew_session(cx, &member_id);
        }
        let max = usize::try_from(cx.settings.group_max_size).unwrap_or(0);
        if group.members.len() > max {
            let reason = format!("loaded, members: {}, allowed: {max}", group.members.len());
            group.prepare_rebalance(cx, reason);
        }
    }
}

/// The refusal of a request for one group of another coordinator. Requests for several groups,
/// and commits, are refused group by group or partition by partition where they are handled.
fn not_coordinator(
    from: &Requester,
    request: &GroupRequest,
    topics: &dyn TopicCatalog,
) -> Option<ResponseKind> {
    let group = match request {
        GroupRequest::JoinGroup(request) => &request.group_id,
        GroupRequest::SyncGroup(request) => &request.group_id,
        GroupRequest::Heartbeat(request) => &request.group_id,
        GroupRequest::LeaveGroup(request) => &request.group_id,
        GroupRequest::ConsumerGroupHeartbeat(request) => &request.group_id,
        _ => return None,
    };
    if group.is_empty() || topics.is_coordinator_of(group) {
        return None;
    }
    let error = ResponseError::NotCoordinator;
    let code = error.code();
    Some(match request {
        GroupRequest::JoinGroup(request) => {
            join::error_response(from.api_version, &request.member_id, error)
        }
        GroupRequest::SyncGroup(_) => {
            ResponseKind::SyncGroup(SyncGroupResponse::default().with_error_code(code))
        }
        GroupRequest::Heartbeat(_) => {
            ResponseKind::Heartbeat(HeartbeatResponse::default().with_error_code(code))
        }
        GroupRequest::ConsumerGroupHeartbeat(_) => ResponseKind::ConsumerGroupHeartbeat(
            ConsumerGroupHeartbeatResponse::default().with_error_code(code),
        ),
        _ => ResponseKind::LeaveGroup(LeaveGroupResponse::default().with_error_code(code)),
    })
}
