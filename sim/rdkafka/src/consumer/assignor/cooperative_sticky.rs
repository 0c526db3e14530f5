//! `cooperative-sticky` (KIP-54, KIP-429): balanced, moving as few partitions as possible, and
//! never giving a partition to a new owner before the old one has given it up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Assignments, Member};
use crate::topic_partition::TopicPartition;

pub(super) fn assign(
    members: &[&Member],
    partition_counts: &BTreeMap<Arc<str>, i32>,
    assignments: &mut Assignments,
) {
    let previous = previous_owners(members, partition_counts);
    let mut shares = Shares::new(members, partition_counts, &previous);
    shares.place_unowned();
    shares.balance(&previous);
    for (partition, owner) in shares.owners {
        // A partition that changes hands is left out this time: its old owner, told that it is
        // gone, revokes it and joins again, and only then the new owner gets it (KIP-429).
        if previous
            .get(&partition)
            .is_none_or(|before| *before == owner)
        {
            assignments
                .entry(members[owner].id.clone())
                .or_default()
                .push(partition);
        }
    }
}

/// Who owns what, by index of the member. A partition claimed twice belongs to the claim of the
/// younger generation, and to nobody if both are of the same (KIP-792).
fn previous_owners(
    members: &[&Member],
    partition_counts: &BTreeMap<Arc<str>, i32>,
) -> BTreeMap<TopicPartition, usize> {
    let mut claims: BTreeMap<TopicPartition, (i32, Option<usize>)> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        for partition in &member.owned {
            let exists = partition_counts
                .get(&partition.topic)
                .is_some_and(|count| partition.partition < *count);
            if !exists || !member.topics.contains(&partition.topic) {
                continue;
            }
            let claim = (member.generation, Some(index));
            claims
                .entry(partition.clone())
                .and_modify(|held| match held.0.cmp(&member.generation) {
                    std::cmp::Ordering::Less => *held = claim,
                    std::cmp::Ordering::Equal => held.1 = None,
                    std::cmp::Ordering::Greater => {}
                })
                .or_insert(claim);
        }
    }
    claims
        .into_iter()
        .filter_map(|(partition, (_, owner))| owner.map(|owner| (partition, owner)))
        .collect()
}

/// The assignment in the making.
struct Shares<'a> {
    members: &'a [&'a Member],
    owners: BTreeMap<TopicPartition, usize>,
    sizes: Vec<usize>,
    unowned: BTreeSet<TopicPartition>,
}

impl<'a> Shares<'a> {
    fn new(
        members: &'a [&'a Member],
        partition_counts: &BTreeMap<Arc<str>, i32>,
        previous: &BTreeMap<TopicPartition, usize>,
    ) -> Self {
        let mut sizes = vec![0; members.len()];
        for owner in previous.values() {
            sizes[*owner] += 1;
        }
        let unowned = partition_counts
            .iter()
            .filter(|(topic, _)| members.iter().any(|member| member.topics.contains(*topic)))
            .flat_map(|(topic, count)| {
                (0..*count).map(|partition| TopicPartition::new(Arc::clone(topic), partition))
            })
            .filter(|partition| !previous.contains_key(partition))
            .collect();
        Self {
            members,
            owners: previous.clone(),
            sizes,
            unowned,
        }
    }

    /// The subscriber of the partition's topic with the smallest share.
    fn poorest(&self, partition: &TopicPartition) -> Option<usize> {
        (0..self.members.len())
            .filter(|index| self.members[*index].topics.contains(&partition.topic))
            .min_by_key(|index| self.sizes[*index])
    }

    fn place_unowned(&mut self) {
        for partition in std::mem::take(&mut self.unowned) {
            if let Some(owner) = self.poorest(&partition) {
                self.sizes[owner] += 1;
                self.owners.insert(partition, owner);
            }
        }
    }

    /// Moves partitions from larger shares to smaller ones while that makes two shares more
    /// equal. Each move lowers the sum of the squares, so this ends.
    fn balance(&mut self, previous: &BTreeMap<TopicPartition, usize>) {
        while let Some((partition, to)) = self.next_move(previous) {
            if let Some(from) = self.owners.insert(partition, to) {
                self.sizes[from] -= 1;
            }
            self.sizes[to] += 1;
        }
    }

    /// A move from the largest share that can give something; partitions that were not owned
    /// before go first, as moving them costs nobody anything.
    fn next_move(
        &self,
        previous: &BTreeMap<TopicPartition, usize>,
    ) -> Option<(TopicPartition, usize)> {
        self.owners
            .iter()
            .filter_map(|(partition, from)| {
                let to = self.poorest(partition)?;
                let gains = self.sizes[to] + 1 < self.sizes[*from];
                gains.then_some((partition, *from, to))
            })
            .min_by_key(|(partition, from, _)| {
                let stays = previous.get(*partition) == Some(from);
                (
                    std::cmp::Reverse(self.sizes[*from]),
                    stays,
                    (*partition).clone(),
                )
            })
            .map(|(partition, _, to)| (partition.clone(), to))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::AssignorKind;
    use super::*;

    const KIND: AssignorKind = AssignorKind::CooperativeSticky;

    fn member(index: usize, owned: Vec<TopicPartition>, generation: i32) -> Member {
        Member {
            id: format!("m{index}"),
            group_instance_id: None,
            topics: BTreeSet::from([Arc::from("t")]),
            owned,
            generation,
        }
    }

    fn counts(partitions: i32) -> BTreeMap<Arc<str>, i32> {
        BTreeMap::from([(Arc::from("t"), partitions)])
    }

    /// The members as they come back to the next rebalance.
    fn rejoined(members: &[Member], assignments: &Assignments, generation: i32) -> Vec<Member> {
        members
            .iter()
            .map(|member| Member {
                owned: assignments.get(&member.id).cloned().unwrap_or_default(),
                generation,
                ..member.clone()
            })
            .collect()
    }

    #[test]
    fn a_newcomer_gets_its_share_in_two_steps() {
        let counts = counts(4);
        let alone = [member(0, Vec::new(), -1)];
        let first = KIND.assign(&alone, &counts);
        assert_eq!(first["m0"].len(), 4);

        let mut both = rejoined(&alone, &first, 1);
        both.push(member(1, Vec::new(), -1));
        let second = KIND.assign(&both, &counts);
        assert_eq!(second["m0"].len(), 2);
        assert!(second["m1"].is_empty(), "not before m0 has revoked");

        let third = KIND.assign(&rejoined(&both, &second, 2), &counts);
        assert_eq!(third["m0"], second["m0"]);
        assert_eq!(third["m1"].len(), 2);
    }

    #[test]
    fn of_two_claims_the_younger_generation_wins() {
        let partition = TopicPartition::new("t", 0);
        let members = [
            member(0, vec![partition.clone()], 3),
            member(1, vec![partition.clone()], 4),
        ];
        assert_eq!(KIND.assign(&members, &counts(1))["m1"].len(), 1);
        let tied = [
            member(0, vec![partition.clone()], 4),
            member(1, vec![partition.clone()], 4),
        ];
        let owners: usize = KIND.assign(&tied, &counts(1)).values().map(Vec::len).sum();
        assert_eq!(owners, 1, "a disputed partition is free to be given");
    }

    proptest! {
        /// Members come and go; two rebalances later the group is balanced, and nobody who
        /// stayed lost more than balance asked for.
        #[test]
        fn it_settles_in_two_steps_and_moves_little(
            partitions in 1..16_i32,
            before in 1..6_usize,
            after in 1..6_usize,
        ) {
            let counts = counts(partitions);
            let old: Vec<_> = (0..before).map(|index| member(index, Vec::new(), -1)).collect();
            let settled = KIND.assign(&old, &counts);
            let all: Vec<_> = (0..after)
                .map(|index| {
                    let owned = settled.get(&format!("m{index}")).cloned().unwrap_or_default();
                    member(index, owned, 1)
                })
                .collect();
            let step = KIND.assign(&all, &counts);
            for member in &all {
                for partition in &step[&member.id] {
                    let stolen = all
                        .iter()
                        .any(|other| other.id != member.id && other.owned.contains(partition));
                    prop_assert!(!stolen, "{partition} is still owned by another");
                }
            }
            let done = KIND.assign(&rejoined(&all, &step, 2), &counts);
            let sizes: Vec<usize> = done.values().map(Vec::len).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), partitions as usize);
            let ceiling = (partitions as usize).div_ceil(after);
            prop_assert!(sizes.iter().all(|size| *size <= ceiling));
            for member in &all {
                let kept = done[&member.id]
                    .iter()
                    .filter(|partition| member.owned.contains(partition))
                    .count();
                let floor = partitions as usize / after;
                prop_assert!(kept >= member.owned.len().min(floor), "{} lost too much", member.id);
            }
        }
    }
}
