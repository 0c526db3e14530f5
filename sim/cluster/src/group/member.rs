//! A member of a classic group (`ClassicGroupMember.java`).

use bytes::Bytes;
use kafka_protocol::messages::JoinGroupRequest;

use super::record::MemberMetadata;
use crate::requester::Requester;

/// One of the protocols (assignors) that a member offers, in its order of preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) name: String,
    pub(super) metadata: Bytes,
}

impl Protocol {
    pub(super) fn of_request(request: &JoinGroupRequest) -> Vec<Self> {
        request
            .protocols
            .iter()
            .map(|protocol| Self {
                name: protocol.name.to_string(),
                metadata: protocol.metadata.clone(),
            })
            .collect()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) group_instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// The parked JoinGroup.
    pub(super) awaiting_join: Option<Requester>,
    /// The parked SyncGroup.
    pub(super) awaiting_sync: Option<Requester>,
    /// Has not seen its first generation yet.
    pub(super) is_new: bool,
}

impl Member {
    pub(super) fn of_request(id: String, from: &Requester, request: &JoinGroupRequest) -> Self {
        Self {
            id,
            group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
            client_id: from.client_id.clone(),
            client_host: from.client_host.clone(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: Protocol::of_request(request),
            assignment: Bytes::new(),
            awaiting_join: None,
            awaiting_sync: None,
            is_new: true,
        }
    }

    pub(super) fn of_record(member: MemberMetadata, protocol: &str) -> Self {
        let rebalance_timeout_ms = if member.rebalance_timeout_ms == -1 {
            member.session_timeout_ms
        } else {
            member.rebalance_timeout_ms
        };
        Self {
            id: member.member_id,
            group_instance_id: member.group_instance_id,
            client_id: member.client_id,
            client_host: member.client_host,
            rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            protocols: vec![Protocol {
                name: protocol.to_owned(),
                metadata: member.subscription,
            }],
            assignment: member.assignment,
            awaiting_join: None,
            awaiting_sync: None,
            is_new: false,
        }
    }

    pub(super) fn is_static(&self) -> bool {
        self.group_instance_id.is_some()
    }

    /// Whether silence is no sign of death: a parked request keeps a member alive, except a new
    /// one, which can't heartbeat and whose connection can't be seen closing.
    pub(super) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|own| own.name == protocol)
    }

    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|own| own.name == protocol)
            .map(|own| own.metadata.clone())
            .unwrap_or_default()
    }

    /// The first of its protocols that is a candidate.
    pub(super) fn vote(&self, candidates: &[&str]) -> Option<&str> {
        self.protocols
            .iter()
            .map(|protocol| protocol.name.as_str())
            .find(|name| candidates.contains(name))
    }

    pub(super) fn to_record(&self, protocol: &str) -> MemberMetadata {
        MemberMetadata {
            member_id: self.id.clone(),
            group_instance_id: self.group_instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            subscription: self.metadata(protocol),
            assignment: self.assignment.clone(),
        }
    }
}
