//! Groups of the consumer protocol (KIP-848), as their coordinators tell of them.
//!
//! No generation is common to such a group: each member has an epoch of its own, and comes to the
//! next one when it has given up what it had to. A member has a partition from the step that gives
//! it until its coordinator takes note that it was given up, or until the member is out of the group;
//! nobody else may be given it meanwhile. What a coordinator has told of holds after it was down,
//! since its memory is its log.

use std::collections::BTreeMap;

use super::scan::{Commit, Reconciliation};
use crate::trace::Event;

/// The members of each group that works so.
#[derive(Default)]
pub(super) struct ConsumerGroups<'o> {
    by_id: BTreeMap<&'o str, Members<'o>>,
}

type Members<'o> = BTreeMap<&'o str, Standing<'o>>;

/// Where a member stands.
#[derive(Default)]
struct Standing<'o> {
    epoch: i64,
    /// What it has, what it was told to give up included.
    has: BTreeMap<usize, Had<'o>>,
}

/// Since when a member has a partition.
#[derive(Clone, Copy)]
struct Had<'o> {
    epoch: i64,
    event: &'o Event,
}

/// A partition that a step gave to a member.
pub(super) struct Given<'o> {
    pub(super) partition: usize,
    /// The step that gave it to another one, who has it still.
    pub(super) owner: Option<&'o Event>,
}

/// What a coordinator should not have taken, or a member not have asked.
pub(super) enum Wrong<'o> {
    /// The member has left this epoch, or is out of the group.
    Stale { current: Option<i64> },
    /// Another member has the partition, by this step.
    Unowned { owner: &'o Event },
}

impl<'o> ConsumerGroups<'o> {
    /// Whether the group works by the consumer protocol.
    pub(super) fn contains(&self, group: &str) -> bool {
        self.by_id.contains_key(group)
    }

    /// Whether the coordinator counts it among its group's members.
    pub(super) fn is_member(&self, group: &str, member_id: &str) -> bool {
        let members = self.by_id.get(group);
        members.is_some_and(|members| members.contains_key(member_id))
    }

    /// A member's step; says what it was given by it.
    pub(super) fn step(&mut self, event: &'o Event, step: &Reconciliation<'o>) -> Vec<Given<'o>> {
        let members = self.by_id.entry(step.group).or_default();
        let mut standing = members.remove(step.member_id).unwrap_or_default();
        standing.epoch = step.epoch;
        let gives_up = &step.pending_revocation;
        standing.has.retain(|partition, _| {
            step.assigned.contains(partition) || gives_up.contains(partition)
        });
        let mut given = Vec::new();
        for &partition in step.assigned.iter().chain(gives_up) {
            if standing.has.contains_key(&partition) {
                continue;
            }
            let mut others = members.values();
            given.push(Given {
                partition,
                owner: others.find_map(|other| Some(other.has.get(&partition)?.event)),
            });
            let epoch = step.epoch;
            standing.has.insert(partition, Had { epoch, event });
        }
        members.insert(step.member_id, standing);
        given
    }

    /// The member is out of the group, with what it had.
    pub(super) fn gone(&mut self, group: &str, member_id: &str) {
        if let Some(members) = self.by_id.get_mut(group) {
            members.remove(member_id);
        }
    }

    /// The group is no more, or goes on by the other protocol.
    pub(super) fn forget(&mut self, group: &str) {
        self.by_id.remove(group);
    }

    /// What was wrong about an offset commit that a group of this protocol took. Its member must be in
    /// the epoch that it names, or have had the partition since then (`validateOffsetCommit` in
    /// `ConsumerGroup.java`). Kafka takes a commit in the present epoch for what another one has.
    pub(super) fn judge(&self, commit: &Commit<'o>) -> Vec<Wrong<'o>> {
        let Some(members) = self.by_id.get(commit.group) else {
            return Vec::new();
        };
        let Some(member) = members.get(commit.member_id) else {
            return vec![Wrong::Stale { current: None }];
        };
        let partition = commit.place.partition;
        let had = member.has.get(&partition);
        let is_late = had
            .is_some_and(|had| had.epoch <= commit.generation && commit.generation < member.epoch);
        let mut wrong = Vec::new();
        if commit.generation != member.epoch && !is_late {
            let current = Some(member.epoch);
            wrong.push(Wrong::Stale { current });
        }
        let mut others = members.values();
        if had.is_none()
            && let Some(owner) = others.find_map(|other| other.has.get(&partition))
        {
            let owner = owner.event;
            wrong.push(Wrong::Unowned { owner });
        }
        wrong
    }
}

#[cfg(test)]
#[path = "consumer_groups_tests.rs"]
mod tests;
