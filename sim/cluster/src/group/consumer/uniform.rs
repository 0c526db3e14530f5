//! The `uniform` assignor where all members subscribe to the same topics
//! (`UniformHomogeneousAssignmentBuilder.java`).

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::assignment::Assignment;
use super::server_assignor::{Candidate, PartitionCounts};

/// Every member keeps of its target what its share allows; what is over goes to those that have
/// less. Kafka goes through members and topics in hash order, here both are in the order of their
/// ids.
pub(super) fn assign(
    members: &[Candidate],
    counts: &PartitionCounts,
) -> BTreeMap<String, Assignment> {
    let topics = members.first().map(|member| &member.topics);
    let all: BTreeSet<(Uuid, i32)> = counts
        .iter()
        .filter(|(topic, _)| topics.is_some_and(|topics| topics.contains(topic)))
        .flat_map(|(topic, count)| (0..*count).map(|partition| (*topic, partition)))
        .collect();
    if members.is_empty() {
        return BTreeMap::new();
    }
    let (share, extra) = (all.len() / members.len(), all.len() % members.len());
    let quota = |place: usize| share + usize::from(place < extra);

    let mut assigned: BTreeMap<String, Assignment> = BTreeMap::new();
    let mut over = all.clone();
    for (place, member) in members.iter().enumerate() {
        let wanted = member.target.iter().filter(|held| over.contains(held));
        let kept: Assignment = wanted.take(quota(place)).collect();
        for partition in kept.iter() {
            over.remove(&partition);
        }
        assigned.insert(member.member_id.clone(), kept);
    }
    let mut over = over.into_iter();
    for (place, member) in members.iter().enumerate() {
        let own = assigned.entry(member.member_id.clone()).or_default();
        let missing = quota(place) - own.len();
        for (topic, partition) in over.by_ref().take(missing) {
            own.insert(topic, partition);
        }
    }
    assigned
}
