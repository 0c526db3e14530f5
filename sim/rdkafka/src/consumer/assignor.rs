//! Assignors: which member of a group gets which partitions. Pure functions, run by the group's
//! leader.

mod cooperative_sticky;
mod range;
mod round_robin;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::topic_partition::TopicPartition;

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) topics: BTreeSet<Arc<str>>,
    /// What the member says it owns (KIP-429), and the generation it was assigned that in
    /// (KIP-792); -1 if it doesn't say.
    pub(crate) owned: Vec<TopicPartition>,
    pub(crate) generation: i32,
}

impl Member {
    /// What members are sorted by: the instance id of static members, else the member id.
    fn sort_key(&self) -> (&str, &str) {
        (
            self.group_instance_id.as_deref().unwrap_or(&self.id),
            &self.id,
        )
    }
}

/// The partitions of each member, by member id.
pub(crate) type Assignments = BTreeMap<String, Vec<TopicPartition>>;

/// The assignors that a client can be configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssignorKind {
    Range,
    RoundRobin,
    CooperativeSticky,
}

impl AssignorKind {
    /// The assignor of this name in `partition.assignment.strategy`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "range" => Some(Self::Range),
            "roundrobin" => Some(Self::RoundRobin),
            "cooperative-sticky" => Some(Self::CooperativeSticky),
            _ => None,
        }
    }

    /// Its name in the protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// Whether partitions are handed over in two rebalances, without stopping the others.
    pub(crate) fn is_cooperative(self) -> bool {
        self == Self::CooperativeSticky
    }

    /// Assigns every partition of the topics that somebody subscribes to.
    ///
    /// `partition_counts` holds the topics that exist.
    pub(crate) fn assign(
        self,
        members: &[Member],
        partition_counts: &BTreeMap<Arc<str>, i32>,
    ) -> Assignments {
        let mut members: Vec<&Member> = members.iter().collect();
        members.sort_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        let mut assignments: Assignments = members
            .iter()
            .map(|member| (member.id.clone(), Vec::new()))
            .collect();
        match self {
            Self::Range => range::assign(&members, partition_counts, &mut assignments),
            Self::RoundRobin => round_robin::assign(&members, partition_counts, &mut assignments),
            Self::CooperativeSticky => {
                cooperative_sticky::assign(&members, partition_counts, &mut assignments);
            }
        }
        for partitions in assignments.values_mut() {
            partitions.sort();
        }
        assignments
    }
}

/// Gives a partition to a member.
fn give(assignments: &mut Assignments, member: &Member, topic: &Arc<str>, partition: i32) {
    assignments
        .entry(member.id.clone())
        .or_default()
        .push(TopicPartition::new(Arc::clone(topic), partition));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(subscriptions: &[Vec<usize>]) -> Vec<Member> {
        subscriptions
            .iter()
            .enumerate()
            .map(|(index, topics)| Member {
                id: format!("m{index}"),
                group_instance_id: None,
                topics: topics.iter().map(|t| Arc::from(format!("t{t}"))).collect(),
                owned: Vec::new(),
                generation: -1,
            })
            .collect()
    }

    fn counts(partitions: &[i32]) -> BTreeMap<Arc<str>, i32> {
        partitions
            .iter()
            .enumerate()
            .map(|(topic, count)| (Arc::from(format!("t{topic}")), *count))
            .collect()
    }

    prop_compose! {
        fn a_group()(
            partitions in prop::collection::vec(0..9_i32, 1..4),
            subscriptions in prop::collection::vec(prop::collection::vec(0..3_usize, 0..4), 1..6),
        ) -> (Vec<Member>, BTreeMap<Arc<str>, i32>) {
            (members(&subscriptions), counts(&partitions))
        }
    }

    /// Every partition of a topic with a subscriber goes to exactly one of its subscribers.
    fn assert_complete(
        members: &[Member],
        counts: &BTreeMap<Arc<str>, i32>,
        assignments: &Assignments,
    ) {
        for (topic, count) in counts {
            let subscribed = members.iter().any(|member| member.topics.contains(topic));
            for partition in 0..*count {
                let wanted = TopicPartition::new(Arc::clone(topic), partition);
                let owners: Vec<_> = members
                    .iter()
                    .filter(|member| assignments[&member.id].contains(&wanted))
                    .collect();
                assert_eq!(owners.len(), usize::from(subscribed), "{wanted}");
                assert!(owners.iter().all(|owner| owner.topics.contains(topic)));
            }
        }
        let total: usize = assignments.values().map(Vec::len).sum();
        let known: i32 = counts
            .iter()
            .filter(|(topic, _)| members.iter().any(|member| member.topics.contains(*topic)))
            .map(|(_, count)| count)
            .sum();
        assert_eq!(total as i32, known);
    }

    proptest! {
        #[test]
        fn every_partition_goes_to_exactly_one_subscriber((members, counts) in a_group()) {
            for kind in [
                AssignorKind::Range,
                AssignorKind::RoundRobin,
                AssignorKind::CooperativeSticky,
            ] {
                assert_complete(&members, &counts, &kind.assign(&members, &counts));
            }
        }

        #[test]
        fn equal_subscribers_get_equal_shares(size in 1..7_usize, partitions in 0..20_i32) {
            let members = members(&vec![vec![0]; size]);
            let counts = counts(&[partitions]);
            for kind in [
                AssignorKind::Range,
                AssignorKind::RoundRobin,
                AssignorKind::CooperativeSticky,
            ] {
                let shares: Vec<usize> = kind
                    .assign(&members, &counts)
                    .values()
                    .map(Vec::len)
                    .collect();
                let most = shares.iter().max().copied().unwrap_or(0);
                let least = shares.iter().min().copied().unwrap_or(0);
                prop_assert!(most - least <= 1, "{kind:?}: {shares:?}");
            }
        }
    }

    #[test]
    fn range_gives_the_first_members_the_remainder() {
        let assignments =
            AssignorKind::Range.assign(&members(&[vec![0], vec![0], vec![0]]), &counts(&[8]));
        let shown: Vec<String> = assignments.values().map(TopicPartition::shown).collect();
        assert_eq!(shown, ["t0-0,t0-1,t0-2", "t0-3,t0-4,t0-5", "t0-6,t0-7"]);
    }

    #[test]
    fn round_robin_deals_partitions_like_cards() {
        let assignments =
            AssignorKind::RoundRobin.assign(&members(&[vec![0, 1], vec![0, 1]]), &counts(&[3, 2]));
        let shown: Vec<String> = assignments.values().map(TopicPartition::shown).collect();
        assert_eq!(shown, ["t0-0,t0-2,t1-1", "t0-1,t1-0"]);
    }
}
