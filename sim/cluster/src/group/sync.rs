//! SyncGroup (`classicGroupSyncToClassicGroup` in `GroupMetadataManager.java`).

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ResponseKind, SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;

use super::classic_group::Group;
use super::context::Context;
use super::groups::Groups;
use crate::group_state::GroupState;
use crate::requester::Requester;

impl Groups {
    pub(super) fn sync_group(
        &mut self,
        cx: &mut Context<'_>,
        from: Requester,
        request: SyncGroupRequest,
    ) {
        if request.group_id.is_empty() {
            return refuse(cx, from, ResponseError::InvalidGroupId);
        }
        match self.by_id.get_mut(request.group_id.as_str()) {
            Some(group) if !group.is(GroupState::Empty) => group.sync(cx, from, request),
            _ => refuse(cx, from, ResponseError::UnknownMemberId),
        }
    }
}

impl Group {
    fn sync(&mut self, cx: &mut Context<'_>, from: Requester, request: SyncGroupRequest) {
        if let Err(error) = self.validate_sync(&request) {
            return refuse(cx, from, error);
        }
        let member_id = request.member_id.as_str();
        match self.state {
            GroupState::PreparingRebalance => {
                refuse(cx, from, ResponseError::RebalanceInProgress);
            }
            GroupState::CompletingRebalance => {
                if let Some(member) = self.members.get_mut(member_id) {
                    member.awaiting_sync = Some(from);
                }
                self.has_synced(cx, member_id);
                if self.is_leader(member_id) {
                    self.assign(cx, &request);
                }
            }
            GroupState::Stable => {
                self.has_synced(cx, member_id);
                let response = self.assignment_of(member_id);
                cx.respond(from, response);
            }
            _ => {
                refuse(cx, from, ResponseError::UnknownMemberId);
            }
        }
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ResponseError> {
        let instance = request.group_instance_id.as_ref().map(StrBytes::as_str);
        self.validate_member(&request.member_id, instance)?;
        if request.generation_id != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        // Since version 5 the member says what it believes was agreed on (KIP-559).
        let differs = |said: &Option<StrBytes>, agreed: &Option<String>| match (said, agreed) {
            (Some(said), Some(agreed)) => said.as_str() != agreed,
            _ => false,
        };
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn has_synced(&mut self, cx: &mut Context<'_>, member_id: &str) {
        self.pending_sync.remove(member_id);
        if self.pending_sync.is_empty() {
            cx.timers.cancel(&self.sync_key());
        }
    }

    /// The leader's assignment is here: record it and hand it out. Members that it forgot get an
    /// empty one.
    fn assign(&mut self, cx: &mut Context<'_>, request: &SyncGroupRequest) {
        let mut assigned: BTreeMap<&str, Bytes> = request
            .assignments
            .iter()
            .map(|entry| (entry.member_id.as_str(), entry.assignment.clone()))
            .collect();
        for member in self.members.values_mut() {
            member.assignment = assigned.remove(member.id.as_str()).unwrap_or_default();
        }
        cx.append(self.to_record());
        let reason = format!("leader {} has assigned", request.member_id);
        self.transition_to(cx, GroupState::Stable, reason);
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in ids {
            self.answer_parked_sync(cx, &member_id, Ok(()));
        }
    }

    /// Answers the member's SyncGroup, if it has one parked, which starts its session anew.
    pub(super) fn answer_parked_sync(
        &mut self,
        cx: &mut Context<'_>,
        member_id: &str,
        outcome: Result<(), ResponseError>,
    ) {
        let Some(requester) = self
            .members
            .get_mut(member_id)
            .and_then(|member| member.awaiting_sync.take())
        else {
            return;
        };
        match outcome {
            Ok(()) => {
                let response = self.assignment_of(member_id);
                cx.respond(requester, response);
            }
            Err(error) => refuse(cx, requester, error),
        }
        self.renew_session(cx, member_id);
    }

    fn assignment_of(&self, member_id: &str) -> ResponseKind {
        let member = self.members.get(member_id);
        let response = SyncGroupResponse::default()
            .with_protocol_type(self.protocol_type.clone().map(StrBytes::from_string))
            .with_protocol_name(self.protocol_name.clone().map(StrBytes::from_string))
            .with_assignment(member.map(|m| m.assignment.clone()).unwrap_or_default());
        ResponseKind::SyncGroup(response)
    }

    /// The time to sync is over: members that did not are out, and the rest rebalances.
    pub(super) fn expire_sync(&mut self, cx: &mut Context<'_>) {
        let in_generation = matches!(
            self.state,
            GroupState::CompletingRebalance | GroupState::Stable
        );
        if !in_generation || self.pending_sync.is_empty() {
            return;
        }
        let silent: Vec<String> = self.pending_sync.iter().cloned().collect();
        let reason = format!("sync timeout: {} did not sync", silent.join(", "));
        for member_id in &silent {
            self.expel(cx, member_id, format!("{member_id} did not sync in time"));
        }
        self.prepare_rebalance(cx, reason);
    }
}

fn refuse(cx: &mut Context<'_>, from: Requester, error: ResponseError) {
    let response = SyncGroupResponse::default().with_error_code(error.code());
    cx.respond(from, ResponseKind::SyncGroup(response));
}
