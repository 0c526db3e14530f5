//! LeaveGroup (`classicGroupLeaveToClassicGroup` in `GroupMetadataManager.java`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse, ResponseKind};
use kafka_protocol::protocol::StrBytes;

use super::classic_group::Group;
use super::context::Context;
use super::groups::Groups;
use crate::event::Event;
use crate::group_state::GroupState;
use crate::requester::Requester;

/// From this version on a request names any number of members (KIP-345).
const BATCH_SINCE: i16 = 3;

impl Groups {
    pub(super) fn leave_group(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: LeaveGroupRequest,
    ) {
        if request.group_id.is_empty() {
            let code = ResponseError::InvalidGroupId.code();
            let response = LeaveGroupResponse::default().with_error_code(code);
            return cx.respond(from, ResponseKind::LeaveGroup(response));
        }
        let leavers = if from.api_version >= BATCH_SINCE {
            request.members
        } else {
            vec![MemberIdentity::default().with_member_id(request.member_id)]
        };
        let id = request.group_id.as_str();
        let outcomes = match self.by_id.get_mut(id) {
            Some(group) => group.leave(cx, &leavers),
            None if self.consumer.contains_key(id) => leavers
                .iter()
                .map(|leaver| self.remove_named_consumer(cx, id, leaver))
                .collect(),
            None => vec![Err(ResponseError::UnknownMemberId); leavers.len()],
        };
        let response = response(from.api_version, leavers, outcomes);
        cx.respond(from, response);
    }

    /// An administrator removes a member of a consumer group, by its id or its instance id.
    fn remove_named_consumer(
        &mut self,
        cx: &mut Context<'_>,
        id: &str,
        leaver: &MemberIdentity,
    ) -> Result<(), ResponseError> {
        let group = self.consumer.get(id);
        let group = group.ok_or(ResponseError::UnknownMemberId)?;
        let instance = leaver.group_instance_id.as_ref().map(StrBytes::as_str);
        let member_id = group.leaver_id(&leaver.member_id, instance)?;
        self.let_consumer_go(cx, id, &member_id, leaver.reason.as_deref().unwrap_or(""));
        Ok(())
    }
}

impl Group {
    fn leave(
        &mut self,
        cx: &mut Context<'_>,
        leavers: &[MemberIdentity],
    ) -> Vec<Result<(), ResponseError>> {
        let mut outcomes = Vec::with_capacity(leavers.len());
        let mut gone = Vec::new();
        for leaver in leavers {
            let found = self.leaver_id(leaver);
            if let Ok(member_id) = &found {
                self.let_go(cx, member_id, leaver.reason.as_deref());
                gone.push(member_id.clone());
            }
            outcomes.push(found.map(|_| ()));
        }
        if !gone.is_empty() {
            let verb = if gone.len() == 1 { "leaves" } else { "leave" };
            let reason = format!("{} {verb}", gone.join(", "));
            match self.state {
                GroupState::Stable | GroupState::CompletingRebalance => {
                    self.prepare_rebalance(cx, reason);
                }
                _ => self.maybe_complete_join_phase(cx),
            }
        }
        outcomes
    }

    /// Who is meant: an administrator names a static member by its instance id alone.
    fn leaver_id(&self, leaver: &MemberIdentity) -> Result<String, ResponseError> {
        let member_id = leaver.member_id.as_str();
        let instance = leaver.group_instance_id.as_ref().map(StrBytes::as_str);
        if member_id.is_empty() {
            let by_instance = instance.and_then(|instance| self.static_members.get(instance));
            by_instance.cloned().ok_or(ResponseError::UnknownMemberId)
        } else if self.pending_join.contains(member_id) {
            Ok(member_id.to_owned())
        } else {
            self.validate_member(member_id, instance)?;
            Ok(member_id.to_owned())
        }
    }

    fn let_go(&mut self, cx: &mut Context<'_>, member_id: &str, reason: Option<&str>) {
        if let Some(member) = self.take_out(cx, member_id) {
            cx.event(Event::MemberLeft {
                group: self.id.clone(),
                member_id: member.id,
                client_id: member.client_id,
                generation: self.generation,
                reason: reason.unwrap_or_default().to_owned(),
            });
        }
    }
}

/// Before version 3 the one member's error is the response's.
fn response(
    api_version: i16,
    leavers: Vec<MemberIdentity>,
    outcomes: Vec<Result<(), ResponseError>>,
) -> ResponseKind {
    let code = |outcome: &Result<(), ResponseError>| outcome.map_or_else(|e| e.code(), |()| 0);
    let response = LeaveGroupResponse::default();
    ResponseKind::LeaveGroup(if api_version < BATCH_SINCE {
        response.with_error_code(outcomes.first().map_or(0, code))
    } else {
        let members = leavers.into_iter().zip(&outcomes).map(|(leaver, outcome)| {
            MemberResponse::default()
                .with_member_id(leaver.member_id)
                .with_group_instance_id(leaver.group_instance_id)
                .with_error_code(code(outcome))
        });
        response.with_members(members.collect())
    })
}
