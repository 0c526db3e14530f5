//! The `uniform` assignor where members subscribe to different topics
//! (`UniformHeterogeneousAssignmentBuilder.java`: as even as the subscriptions allow, and sticky).
//!
//! Kafka's own choice among equally even assignments depends on hash order; this one is the first
//! in the order of ids.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::assignment::Assignment;
use super::server_assignor::{Candidate, PartitionCounts};

/// Members keep what they may; the rest goes to whoever has least; then partitions move as long as
/// that makes two members more even.
pub(super) fn assign(
    members: &[Candidate],
    counts: &PartitionCounts,
) -> BTreeMap<String, Assignment> {
    let mut shares = Shares::keeping(members, counts);
    for (topic, count) in counts {
        for partition in 0..*count {
            if !shares.owner.contains_key(&(*topic, partition)) {
                shares.give_to_least(*topic, partition);
            }
        }
    }
    while shares.move_one() {}
    shares.assigned
}

struct Shares<'a> {
    members: &'a [Candidate],
    assigned: BTreeMap<String, Assignment>,
    owner: BTreeMap<(Uuid, i32), String>,
}

impl<'a> Shares<'a> {
    /// What of the present target may stay.
    fn keeping(members: &'a [Candidate], counts: &PartitionCounts) -> Self {
        let mut shares = Self {
            members,
            assigned: BTreeMap::new(),
            owner: BTreeMap::new(),
        };
        for member in members {
            shares
                .assigned
                .insert(member.member_id.clone(), Assignment::default());
            for (topic, partition) in member.target.iter() {
                let exists = counts.get(&topic).is_some_and(|count| partition < *count);
                let is_free = !shares.owner.contains_key(&(topic, partition));
                if exists && is_free && member.topics.contains(&topic) {
                    shares.give(&member.member_id, topic, partition);
                }
            }
        }
        shares
    }

    fn size(&self, member_id: &str) -> usize {
        self.assigned.get(member_id).map_or(0, Assignment::len)
    }

    fn give(&mut self, member_id: &str, topic: Uuid, partition: i32) {
        let before = self.owner.insert((topic, partition), member_id.to_owned());
        if let Some(own) = before.and_then(|before| self.assigned.get_mut(&before)) {
            own.remove(topic, partition);
        }
        let own = self.assigned.entry(member_id.to_owned()).or_default();
        own.insert(topic, partition);
    }

    fn least(&self, topic: Uuid) -> Option<&'a Candidate> {
        let subscribers = self
            .members
            .iter()
            .filter(|member| member.topics.contains(&topic));
        subscribers.min_by_key(|member| self.size(&member.member_id))
    }

    fn give_to_least(&mut self, topic: Uuid, partition: i32) {
        if let Some(member) = self.least(topic) {
            self.give(&member.member_id, topic, partition);
        }
    }

    /// Moves one partition to a subscriber that has at least two fewer. Each move makes the squares
    /// of the sizes sum to less, so that this comes to an end.
    fn move_one(&mut self) -> bool {
        let found = self.owner.iter().find_map(|(&(topic, partition), owner)| {
            let least = self.least(topic)?;
            let uneven = self.size(&least.member_id) + 2 <= self.size(owner);
            uneven.then_some((least, topic, partition))
        });
        if let Some((least, topic, partition)) = found {
            self.give(&least.member_id, topic, partition);
        }
        found.is_some()
    }
}
