//! Who may commit and fetch offsets in a consumer group (`validateOffsetCommit` and
//! `validateOffsetFetch` in `ConsumerGroup.java`).

use kafka_protocol::ResponseError;
use uuid::Uuid;

use super::consumer_group::ConsumerGroup;
use super::consumer_member::ConsumerMember;

/// From this version on OffsetCommit names a member epoch.
const MEMBER_EPOCH_SINCE: i16 = 9;

/// The member that a request names, and the epoch it believes to be in; -1 if it is none.
#[derive(Debug, Clone, Copy)]
pub(in crate::group) struct MemberEpoch<'a> {
    pub(in crate::group) member_id: &'a str,
    pub(in crate::group) epoch: i32,
}

impl ConsumerGroup {
    /// Whether the commit of these partitions is taken, all or none. A present epoch is not asked
    /// what it owns; an older one may commit what the member has had since then.
    pub(in crate::group) fn validate_commit(
        &self,
        committer: MemberEpoch<'_>,
        api_version: i16,
        mut partitions: impl Iterator<Item = (Uuid, i32)>,
    ) -> Result<(), ResponseError> {
        if committer.epoch < 0 && self.is_empty() {
            return Ok(());
        }
        let member = self.member(committer.member_id)?;
        if api_version < MEMBER_EPOCH_SINCE {
            return Err(ResponseError::UnsupportedVersion);
        }
        let may = |(topic, partition)| member.held_at(committer.epoch, topic, partition);
        if committer.epoch == member.epoch || partitions.all(may) {
            Ok(())
        } else {
            Err(ResponseError::StaleMemberEpoch)
        }
    }

    /// The same for a commit within a transaction, which may be a simple consumer's
    /// (`validateTransactionalOffsetCommit` in `OffsetMetadataManager.java`).
    pub(in crate::group) fn validate_transactional_commit(
        &self,
        committer: MemberEpoch<'_>,
        partitions: impl Iterator<Item = (Uuid, i32)>,
    ) -> Result<(), ResponseError> {
        if committer.epoch < 0 && committer.member_id.is_empty() {
            return Ok(());
        }
        match self.validate_commit(committer, i16::MAX, partitions) {
            Err(ResponseError::StaleMemberEpoch) => Err(ResponseError::IllegalGeneration),
            outcome => outcome,
        }
    }

    /// Whether the member may fetch offsets; `None` is not asked.
    pub(in crate::group) fn validate_fetch(
        &self,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ResponseError> {
        let Some(member_id) = member_id else {
            return if epoch < 0 {
                Ok(())
            } else {
                Err(ResponseError::UnknownMemberId)
            };
        };
        if self.member(member_id)?.epoch == epoch {
            Ok(())
        } else {
            Err(ResponseError::StaleMemberEpoch)
        }
    }
}

impl ConsumerMember {
    /// Whether the member has had the partition ever since that epoch of its.
    fn held_at(&self, epoch: i32, topic: Uuid, partition: i32) -> bool {
        let assigned = self.assigned.since(topic, partition);
        let since = assigned.or_else(|| self.pending_revocation.since(topic, partition));
        since.is_some_and(|since| since <= epoch) && epoch < self.epoch
    }
}
