//! The target assignment: when it is made, and of what (`TargetAssignmentBuilder.java`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::context::Context;
use super::super::groups::Groups;
use super::super::record::GroupRecord;
use super::consumer_group::ConsumerGroup;
use super::server_assignor::{Candidate, PartitionCounts, ServerAssignor};

impl Groups {
    /// Makes the target of the present group epoch, unless the last one was made less than
    /// `group.consumer.assignment.interval.ms` ago (KIP-1263): many members that join together cost
    /// one assignment, which the first heartbeat after that time makes.
    pub(super) fn update_target(&mut self, cx: &mut Context<'_>, id: &str) {
        let Some(group) = self.consumer.get(id) else {
            return;
        };
        let interval = Duration::from_millis(cx.settings.group_consumer_assignment_interval_ms);
        let is_too_early = group
            .assigned_at
            .is_some_and(|at| cx.now.monotonic < at + interval);
        if group.epoch <= group.assignment_epoch || is_too_early {
            return;
        }
        let assignor = group.preferred_assignor();
        let counts: PartitionCounts = group.topics.values().copied().collect();
        let target = assignor.assign(&group.candidates(), &counts);
        let record = GroupRecord::ConsumerGroupTarget {
            group: id.to_owned(),
            epoch: group.epoch,
            assignor,
            target,
        };
        self.record(cx, record);
        if let Some(group) = self.consumer.get_mut(id) {
            group.assigned_at = Some(cx.now.monotonic);
        }
    }
}

impl ConsumerGroup {
    /// The assignor that most members name, the default if none does.
    fn preferred_assignor(&self) -> ServerAssignor {
        let mut votes: BTreeMap<ServerAssignor, usize> = BTreeMap::new();
        let named = self
            .members
            .values()
            .filter_map(|member| member.server_assignor.as_deref());
        for assignor in named.filter_map(ServerAssignor::from_name) {
            *votes.entry(assignor).or_default() += 1;
        }
        // The last of the largest wins, so that a tie goes to the default.
        let most = votes.into_iter().rev().max_by_key(|(_, votes)| *votes);
        most.map_or_else(ServerAssignor::default, |(assignor, _)| assignor)
    }

    fn candidates(&self) -> Vec<Candidate> {
        let candidates = self.members.values().map(|member| {
            let ids = member
                .topics
                .iter()
                .filter_map(|name| self.topics.get(name));
            Candidate {
                member_id: member.member_id.clone(),
                instance_id: member.instance_id.clone(),
                topics: ids.map(|(id, _)| *id).collect(),
                target: self.target_of(&member.member_id),
            }
        });
        candidates.collect()
    }
}
