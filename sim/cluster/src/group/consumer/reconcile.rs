//! One step of a member towards its target: give up, wait, take over
//! (`CurrentAssignmentBuilder.java`).

use std::collections::BTreeSet;

use uuid::Uuid;

use super::assignment::{Assignment, HeldPartitions};
use super::consumer_group::ConsumerGroup;
use super::consumer_member::{ConsumerMember, MemberState};

/// Where a member is to go, and what it says it has.
pub(super) struct Reconciliation<'a> {
    pub(super) group: &'a ConsumerGroup,
    pub(super) target: Assignment,
    pub(super) target_epoch: i32,
    /// The partitions the member owns; `None` if its heartbeat does not say.
    pub(super) owned: Option<Assignment>,
    /// The ids of the topics it subscribes to.
    pub(super) subscribed: BTreeSet<Uuid>,
    /// Its subscription has just changed.
    pub(super) has_new_subscription: bool,
}

impl Reconciliation<'_> {
    /// The member after this heartbeat.
    pub(super) fn step(&self, member: &ConsumerMember) -> ConsumerMember {
        match member.state {
            MemberState::Stable if member.epoch != self.target_epoch => {
                self.next_assignment(member, member.epoch)
            }
            MemberState::Stable if self.has_new_subscription => {
                self.next_assignment(member, member.epoch)
            }
            MemberState::Stable => member.clone(),
            MemberState::UnrevokedPartitions if self.owns_any_of(&member.pending_revocation) => {
                self.give_up_unsubscribed(member)
            }
            MemberState::UnrevokedPartitions => self.next_assignment(member, member.epoch + 1),
            MemberState::UnreleasedPartitions => self.next_assignment(member, member.epoch),
        }
    }

    /// A member that does not say what it owns may own all of it.
    fn owns_any_of(&self, given_up: &HeldPartitions) -> bool {
        match &self.owned {
            None => true,
            Some(owned) => owned
                .iter()
                .any(|(topic, index)| given_up.contains(topic, index)),
        }
    }

    /// What is no longer subscribed to has to go even before there is a target without it.
    fn is_wanted(&self, topic: Uuid, partition: i32) -> bool {
        self.subscribed.contains(&topic) && self.target.contains(topic, partition)
    }

    /// Revocation goes before everything: only then the member comes to the target's epoch, with
    /// what nobody else holds.
    fn next_assignment(&self, member: &ConsumerMember, epoch: i32) -> ConsumerMember {
        let mut next = member.clone();
        let (kept, given_up) = self.split(&member.assigned);
        if !given_up.0.is_empty() && self.owns_any_of(&given_up) {
            next.state = MemberState::UnrevokedPartitions;
            next.go_to_epoch(epoch);
            next.assigned = kept;
            next.pending_revocation = given_up;
            return next;
        }
        next.go_to_epoch(self.target_epoch);
        next.pending_revocation = HeldPartitions::default();
        next.assigned = kept;
        next.state = MemberState::Stable;
        for (topic, partition) in self.target.iter() {
            if !self.is_wanted(topic, partition) || next.assigned.contains(topic, partition) {
                continue;
            }
            if self.group.is_held(topic, partition) {
                next.state = MemberState::UnreleasedPartitions;
            } else {
                next.assigned
                    .0
                    .insert((topic, partition), self.target_epoch);
            }
        }
        next
    }

    /// While it still revokes, a new subscription adds to what has to go.
    fn give_up_unsubscribed(&self, member: &ConsumerMember) -> ConsumerMember {
        let mut next = member.clone();
        if self.has_new_subscription {
            let unwanted = |(topic, _): &(Uuid, i32)| !self.subscribed.contains(topic);
            let gone = next.assigned.0.extract_if(.., |key, _| unwanted(key));
            next.pending_revocation.0.extend(gone);
        }
        next
    }

    fn split(&self, held: &HeldPartitions) -> (HeldPartitions, HeldPartitions) {
        let (kept, given_up) = held
            .0
            .iter()
            .map(|(partition, epoch)| (*partition, *epoch))
            .partition(|((topic, partition), _)| self.is_wanted(*topic, *partition));
        (HeldPartitions(kept), HeldPartitions(given_up))
    }
}
