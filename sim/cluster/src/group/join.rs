//! JoinGroup (`classicGroupJoinToClassicGroup` in `GroupMetadataManager.java`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse, ResponseKind};
use kafka_protocol::protocol::StrBytes;

use super::classic_group::Group;
use super::context::Context;
use super::groups::Groups;
use super::member::{Member, Protocol};
use crate::event::Event;
use crate::group_state::GroupState;
use crate::requester::Requester;

/// How long a new member's JoinGroup may stay parked: it can't heartbeat yet
/// (`CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`).
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1000;

/// From this version on a dynamic member must know its id before it joins (KIP-394).
const MEMBER_ID_REQUIRED_SINCE: i16 = 4;

/// From this version on a static leader that comes back may be told that it still leads, since it
/// can be told not to assign (KIP-814).
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

impl Groups {
    pub(super) fn join_group(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        mut request: JoinGroupRequest,
    ) {
        if from.api_version == 0 {
            // Version 0 has no rebalance timeout.
            request.rebalance_timeout_ms = request.session_timeout_ms;
        }
        let member_id = request.member_id.to_string();
        if let Err(error) = validate(cx, &request) {
            return refuse(cx, from, &member_id, error);
        }
        if let Err(error) = self.make_way_for_classic(cx, &request.group_id, &member_id) {
            return refuse(cx, from, "", error);
        }
        let group = match self.by_id.contains_key(request.group_id.as_str()) {
            false if !member_id.is_empty() => {
                return refuse(cx, from, &member_id, ResponseError::UnknownMemberId);
            }
            false => self.create(cx, request.group_id.to_string()),
            true => self.by_id.get_mut(request.group_id.as_str()),
        };
        if let Some(group) = group {
            group.join(cx, from, &request);
        }
    }

    /// Creates the group and its record, as it must outlive this broker even before it has a
    /// generation.
    fn create(&mut self, cx: &mut Context<'_>, id: String) -> Option<&mut Group> {
        let group = Group::new(id.clone(), cx.now.wall_ms);
        cx.append(group.to_record());
        Some(self.by_id.entry(id).or_insert(group))
    }
}

fn validate(cx: &Context<'_>, request: &JoinGroupRequest) -> Result<(), ResponseError> {
    let allowed =
        cx.settings.group_min_session_timeout_ms..=cx.settings.group_max_session_timeout_ms;
    if request.group_id.is_empty() {
        Err(ResponseError::InvalidGroupId)
    } else if !allowed.contains(&request.session_timeout_ms) {
        Err(ResponseError::InvalidSessionTimeout)
    } else {
        Ok(())
    }
}

fn refuse(cx: &mut Context<'_>, from: Requester, member_id: &str, error: ResponseError) {
    let response = error_response(from.api_version, member_id, error);
    cx.respond(from, response);
}

impl Group {
    fn join(&mut self, cx: &mut Context<'_>, from: Requester, request: &JoinGroupRequest) {
        let member_id = request.member_id.as_str();
        let protocols = Protocol::of_request(request);
        if !self.accepts_joining(cx, member_id) {
            self.expel(
                cx,
                member_id,
                format!("no room for {member_id}: the group is full"),
            );
            refuse(cx, from, "", ResponseError::GroupMaxSizeReached);
        } else if !self.supports_protocols(&request.protocol_type, &protocols) {
            refuse(
                cx,
                from,
                member_id,
                ResponseError::InconsistentGroupProtocol,
            );
        } else if member_id.is_empty() {
            self.join_new(cx, from, request);
        } else if self.pending_join.contains(member_id) {
            self.add_and_rebalance(cx, from, request, member_id.to_owned());
        } else {
            let instance = request.group_instance_id.as_ref().map(StrBytes::as_str);
            match self.validate_member(member_id, instance) {
                Err(error) => refuse(cx, from, member_id, error),
                Ok(()) => self.rejoin(cx, from, request, protocols),
            }
        }
    }

    /// A member that is already waiting or in the generation keeps its place in a full group.
    fn accepts_joining(&self, cx: &Context<'_>, member_id: &str) -> bool {
        let max = usize::try_from(cx.settings.group_max_size).unwrap_or(0);
        let member = self.members.get(member_id);
        match self.state {
            GroupState::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some())
                    || self.awaiting_join() < max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                member.is_some() || self.members.len() < max
            }
            // Empty or Dead: a classic group has no other states.
            _ => true,
        }
    }

    fn join_new(&mut self, cx: &mut Context<'_>, from: Requester, request: &JoinGroupRequest) {
        let instance = request.group_instance_id.as_ref().map(StrBytes::as_str);
        let member_id = cx
            .member_ids
            .next(&self.id, instance.unwrap_or(&from.client_id));
        match instance {
            Some(instance) => match self.static_members.get(instance).cloned() {
                Some(old_id) => self.replace_static(cx, from, request, &old_id, member_id),
                None => self.add_and_rebalance(cx, from, request, member_id),
            },
            None if from.api_version >= MEMBER_ID_REQUIRED_SINCE => {
                cx.schedule_in_ms(self.session_key(&member_id), request.session_timeout_ms);
                refuse(cx, from, &member_id, ResponseError::MemberIdRequired);
                self.pending_join.insert(member_id);
            }
            None => self.add_and_rebalance(cx, from, request, member_id),
        }
    }

    fn add_and_rebalance(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: &JoinGroupRequest,
        member_id: String,
    ) {
        let mut member = Member::of_request(member_id.clone(), &from, request);
        cx.event(Event::MemberJoined {
            group: self.id.clone(),
            member_id: member_id.clone(),
            client_id: from.client_id.clone(),
            generation: self.generation,
        });
        if self.is(GroupState::PreparingRebalance) && self.previous_state == GroupState::Empty {
            self.new_member_added = true;
        }
        member.awaiting_join = Some(from);
        self.add(member, &request.protocol_type);
        cx.schedule_in_ms(self.session_key(&member_id), NEW_MEMBER_JOIN_TIMEOUT_MS);
        let reason = because(format!("{member_id} joins"), request);
        self.prepare_rebalance_or_complete_join(cx, reason);
    }

    /// A member of the group joins again.
    fn rejoin(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: &JoinGroupRequest,
        protocols: Vec<Protocol>,
    ) {
        let member_id = request.member_id.as_str();
        let unchanged = self
            .members
            .get(member_id)
            .is_some_and(|member| member.protocols == protocols);
        let leads = self.is_leader(member_id);
        let reason = match self.state {
            GroupState::PreparingRebalance => format!("{member_id} rejoins"),
            // It may not have got the answer to its first JoinGroup.
            GroupState::CompletingRebalance if unchanged => {
                return self.current_generation(member_id).send(cx, from);
            }
            // A leader's rejoin means that something outside the group changed, such as topics.
            GroupState::Stable if leads => format!("leader {member_id} rejoins"),
            GroupState::Stable if unchanged => {
                return self.current_generation(member_id).send(cx, from);
            }
            GroupState::Stable | GroupState::CompletingRebalance => {
                format!("metadata of {member_id} changed")
            }
            _ => {
                return refuse(cx, from, member_id, ResponseError::UnknownMemberId);
            }
        };
        self.update_and_park(from, request, protocols, member_id);
        self.prepare_rebalance_or_complete_join(cx, because(reason, request));
    }

    fn update_and_park(
        &mut self,
        from: Requester,
        request: &JoinGroupRequest,
        protocols: Vec<Protocol>,
        member_id: &str,
    ) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.protocols = protocols;
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
            member.session_timeout_ms = request.session_timeout_ms;
            member.awaiting_join = Some(from);
        }
    }

    /// A static member comes back without its id: it gets a new one, and the old one is fenced
    /// (`updateStaticMemberThenRebalanceOrCompleteJoin`). In a stable group nothing else changes.
    fn replace_static(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: &JoinGroupRequest,
        old_id: &str,
        new_id: String,
    ) {
        let old_leader = self.leader.clone().unwrap_or_default();
        self.fence_and_replace(cx, old_id, &new_id);
        self.renew_session(cx, &new_id);
        self.update_and_park(from, request, Protocol::of_request(request), &new_id);
        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol_name => {
                cx.append(self.to_record());
                self.answer_replaced(cx, &new_id, old_leader);
            }
            GroupState::Stable => {
                let reason = format!("protocol changes as static member {new_id} joins");
                self.prepare_rebalance(cx, because(reason, request));
            }
            // The leader may already be assigning to the old id.
            GroupState::CompletingRebalance => {
                let reason = format!("static member {new_id} joins in place of {old_id}");
                self.prepare_rebalance(cx, because(reason, request));
            }
            _ => self.maybe_complete_join_phase(cx),
        }
    }

    /// An old id that had not synced yet is still waited for, so that the group rebalances when
    /// the time to sync is over; Kafka does the same.
    fn fence_and_replace(&mut self, cx: &mut Context<'_>, old_id: &str, new_id: &str) {
        let Some(index) = self.members.get_index_of(old_id) else {
            return;
        };
        self.answer_parked_sync(cx, old_id, Err(ResponseError::FencedInstanceId));
        let Some(mut member) = self.members.shift_remove(old_id) else {
            return;
        };
        if let Some(parked) = member.awaiting_join.take() {
            refuse(cx, parked, old_id, ResponseError::FencedInstanceId);
        }
        cx.event(Event::MemberExpired {
            group: self.id.clone(),
            member_id: old_id.to_owned(),
            client_id: member.client_id.clone(),
            generation: self.generation,
            reason: format!("{new_id} took its place under the same group.instance.id"),
        });
        cx.event(Event::MemberJoined {
            group: self.id.clone(),
            member_id: new_id.to_owned(),
            client_id: member.client_id.clone(),
            generation: self.generation,
        });
        cx.timers.cancel(&self.session_key(old_id));
        if let Some(instance) = &member.group_instance_id {
            self.static_members
                .insert(instance.clone(), new_id.to_owned());
        }
        if self.is_leader(old_id) {
            self.leader = Some(new_id.to_owned());
        }
        member.id = new_id.to_owned();
        member.is_new = false;
        self.members.shift_insert(index, new_id.to_owned(), member);
    }

    /// Before version 9 a static leader must not learn that it leads, or it would assign
    /// partitions that nobody takes: it is told its old id.
    fn answer_replaced(&mut self, cx: &mut Context<'_>, member_id: &str, old_leader: String) {
        let mut answer = self.current_generation(member_id);
        let Some(requester) = self
            .members
            .get_mut(member_id)
            .and_then(|member| member.awaiting_join.take())
        else {
            return;
        };
        if requester.api_version >= SKIP_ASSIGNMENT_SINCE {
            answer.skip_assignment = self.is_leader(member_id);
        } else {
            answer.leader = old_leader;
            answer.members.clear();
        }
        answer.send(cx, requester);
    }

    pub(super) fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        self.members
            .values()
            .map(|member| {
                JoinGroupResponseMember::default()
                    .with_member_id(StrBytes::from_string(member.id.clone()))
                    .with_group_instance_id(
                        member.group_instance_id.clone().map(StrBytes::from_string),
                    )
                    .with_metadata(member.metadata(protocol))
            })
            .collect()
    }
}

/// Adds the client's own reason (KIP-800), if it gave one.
fn because(what: String, request: &JoinGroupRequest) -> String {
    match request.reason.as_deref() {
        None | Some("") => what,
        Some(reason) => format!("{what}: {reason}"),
    }
}

/// The content of a JoinGroup response, before it has the shape of a version.
#[derive(Debug, Clone)]
pub(super) struct JoinAnswer {
    pub(super) error: Option<ResponseError>,
    pub(super) member_id: String,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol_name: Option<String>,
    pub(super) leader: String,
    pub(super) skip_assignment: bool,
    pub(super) members: Vec<JoinGroupResponseMember>,
}

impl JoinAnswer {
    pub(super) fn send(self, cx: &mut Context<'_>, to: Requester) {
        let response = self.into_response(to.api_version);
        cx.respond(to, response);
    }

    /// Before version 7 a protocol name can't be null.
    fn into_response(self, api_version: i16) -> ResponseKind {
        let protocol_name = match self.protocol_name {
            None if api_version < 7 => Some(String::new()),
            name => name,
        };
        let response = JoinGroupResponse::default()
            .with_error_code(self.error.map_or(0, |error| error.code()))
            .with_generation_id(self.generation)
            .with_protocol_type(self.protocol_type.map(StrBytes::from_string))
            .with_protocol_name(protocol_name.map(StrBytes::from_string))
            .with_leader(StrBytes::from_string(self.leader))
            .with_skip_assignment(self.skip_assignment)
            .with_member_id(StrBytes::from_string(self.member_id))
            .with_members(self.members);
        ResponseKind::JoinGroup(response)
    }
}

pub(super) fn error_response(
    api_version: i16,
    member_id: &str,
    error: ResponseError,
) -> ResponseKind {
    let answer = JoinAnswer {
        error: Some(error),
        member_id: member_id.to_owned(),
        generation: -1,
        protocol_type: None,
        protocol_name: None,
        leader: String::new(),
        skip_assignment: false,
        members: Vec::new(),
    };
    answer.into_response(api_version)
}
