//! The assignors of the coordinator (`group.consumer.assignors`), and what they work on.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::assignment::Assignment;
use super::{range, uniform, uniform_mixed};

/// An assignor by its `group.remote.assignor` name. The first is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerAssignor {
    /// As even as can be, moving as little as possible.
    #[default]
    Uniform,
    /// Consecutive partitions of each topic, the same for topics of the same size.
    Range,
}

/// One member as an assignor sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidate {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) topics: BTreeSet<Uuid>,
    /// The present target.
    pub(super) target: Assignment,
}

/// How many partitions each subscribed topic has.
pub(super) type PartitionCounts = BTreeMap<Uuid, i32>;

impl ServerAssignor {
    pub(super) const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    pub(in crate::group) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// What each member is to have. Every partition of `counts` that anybody subscribes to goes to
    /// one of its subscribers.
    pub(super) fn assign(
        self,
        members: &[Candidate],
        counts: &PartitionCounts,
    ) -> BTreeMap<String, Assignment> {
        let alike = members
            .windows(2)
            .all(|pair| pair[0].topics == pair[1].topics);
        match self {
            Self::Range => range::assign(members, counts),
            Self::Uniform if alike => uniform::assign(members, counts),
            Self::Uniform => uniform_mixed::assign(members, counts),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(place: u8) -> Uuid {
        Uuid::from_u128(u128::from(place))
    }

    /// Members that subscribe to some of three topics, as bits.
    fn members(subscriptions: &[u8]) -> Vec<Candidate> {
        let members = (0..)
            .zip(subscriptions)
            .map(|(number, bits): (u32, _)| Candidate {
                member_id: format!("{number:02}"),
                instance_id: (number % 3 == 0).then(|| format!("i{number}")),
                topics: (0..3)
                    .filter(|bit| bits >> bit & 1 != 0)
                    .map(topic)
                    .collect(),
                target: Assignment::default(),
            });
        members.collect()
    }

    fn check(
        assigned: &BTreeMap<String, Assignment>,
        members: &[Candidate],
        counts: &PartitionCounts,
    ) {
        let mut owned = BTreeSet::new();
        for member in members {
            for (topic, partition) in assigned[&member.member_id].iter() {
                assert!(member.topics.contains(&topic), "not subscribed to");
                assert!(partition < counts[&topic], "not there");
                assert!(owned.insert((topic, partition)), "assigned twice");
            }
        }
        let wanted = counts
            .iter()
            .filter(|(topic, _)| members.iter().any(|member| member.topics.contains(topic)));
        assert_eq!(
            owned.len(),
            wanted.map(|(_, count)| *count as usize).sum::<usize>()
        );
    }

    proptest! {
        #[test]
        fn every_partition_goes_to_one_subscriber_and_stays_there(
            subscriptions in prop::collection::vec(0_u8..8, 1..8),
            later in prop::collection::vec(0_u8..8, 1..8),
            sizes in prop::collection::vec(1_i32..9, 3),
        ) {
            let counts: PartitionCounts = (0..).map(topic).zip(sizes).collect();
            for assignor in ServerAssignor::ALL {
                let mut group = members(&subscriptions);
                let first = assignor.assign(&group, &counts);
                check(&first, &group, &counts);
                for member in &mut group {
                    member.target = first[&member.member_id].clone();
                }
                prop_assert_eq!(&assignor.assign(&group, &counts), &first);
                let mut changed = members(&later);
                for member in &mut changed {
                    member.target = first.get(&member.member_id).cloned().unwrap_or_default();
                }
                check(&assignor.assign(&changed, &counts), &changed, &counts);
            }
        }

        #[test]
        fn uniform_is_even_where_all_subscribe_alike(
            count in 1_usize..9,
            left in 1_usize..9,
            sizes in prop::collection::vec(1_i32..9, 3),
        ) {
            let counts: PartitionCounts = (0..).map(topic).zip(sizes).collect();
            let mut target = BTreeMap::new();
            for size in [count, left] {
                let mut group = members(&vec![7; size]);
                for member in &mut group {
                    member.target = target.get(&member.member_id).cloned().unwrap_or_default();
                }
                target = ServerAssignor::Uniform.assign(&group, &counts);
                let sizes = target.values().map(Assignment::len);
                let (most, least) = (sizes.clone().max(), sizes.min());
                prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
            }
        }
    }
}
