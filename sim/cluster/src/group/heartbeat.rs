//! Heartbeat, and what its absence does (`classicGroupHeartbeat` and
//! `expireClassicGroupMemberHeartbeat` in `GroupMetadataManager.java`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse, ResponseKind};
use kafka_protocol::protocol::StrBytes;

use super::classic_group::Group;
use super::context::Context;
use super::groups::Groups;
use crate::group_state::GroupState;
use crate::requester::Requester;

impl Groups {
    pub(super) fn heartbeat(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: HeartbeatRequest,
    ) {
        let outcome = match self.by_id.get_mut(request.group_id.as_str()) {
            _ if request.group_id.is_empty() => Err(ResponseError::InvalidGroupId),
            Some(group) => group.heartbeat(cx, &request),
            None => Err(ResponseError::UnknownMemberId),
        };
        let code = outcome.map_or_else(|error| error.code(), |()| 0);
        let response = HeartbeatResponse::default().with_error_code(code);
        cx.respond(from, ResponseKind::Heartbeat(response));
    }
}

impl Group {
    fn heartbeat(
        &mut self,
        cx: &mut Context<'_>,
        request: &HeartbeatRequest,
    ) -> Result<(), ResponseError> {
        let instance = request.group_instance_id.as_ref().map(StrBytes::as_str);
        self.validate_member(&request.member_id, instance)?;
        if request.generation_id != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        match self.state {
            GroupState::PreparingRebalance => {
                self.renew_session(cx, &request.member_id);
                Err(ResponseError::RebalanceInProgress)
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.renew_session(cx, &request.member_id);
                Ok(())
            }
            _ => Err(ResponseError::UnknownMemberId),
        }
    }

    /// A session is over: a pending member's id is forgotten, a member is removed.
    pub(super) fn expire_session(&mut self, cx: &mut Context<'_>, member_id: &str) {
        if self.pending_join.contains(member_id) {
            self.remove(member_id);
            self.complete_join_without(cx);
            return;
        }
        let Some(member) = self.members.get(member_id) else {
            return;
        };
        if member.has_satisfied_heartbeat() {
            return;
        }
        let reason = if member.is_new {
            format!("{member_id} waited too long for its first generation")
        } else {
            format!("session of {member_id} expired")
        };
        self.expel_and_rebalance(cx, member_id, reason);
    }
}
