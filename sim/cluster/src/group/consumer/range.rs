//! The `range` assignor (`RangeAssignor.java`).

use std::collections::BTreeMap;

use uuid::Uuid;

use super::assignment::Assignment;
use super::server_assignor::{Candidate, PartitionCounts};

/// Each topic is cut into ranges, one for each subscriber: static members first, by instance id,
/// then the others by member id. The first ones get one partition more if it does not come out even.
pub(super) fn assign(
    members: &[Candidate],
    counts: &PartitionCounts,
) -> BTreeMap<String, Assignment> {
    let mut ordered: Vec<&Candidate> = members.iter().collect();
    ordered.sort_by_key(|member| {
        let instance = member.instance_id.as_deref();
        (instance.is_none(), instance, member.member_id.as_str())
    });
    let mut assigned: BTreeMap<String, Assignment> = members
        .iter()
        .map(|member| (member.member_id.clone(), Assignment::default()))
        .collect();
    for (topic, count) in counts {
        let subscribers = ordered
            .iter()
            .filter(|member| member.topics.contains(topic));
        let ids: Vec<&String> = subscribers.map(|member| &member.member_id).collect();
        cut(*topic, *count, &ids, &mut assigned);
    }
    assigned
}

fn cut(topic: Uuid, count: i32, ids: &[&String], assigned: &mut BTreeMap<String, Assignment>) {
    let members = i32::try_from(ids.len()).unwrap_or(i32::MAX);
    let mut next = 0;
    for (place, id) in (0..).zip(ids) {
        let quota = count / members + i32::from(place < count % members);
        for partition in next..next + quota {
            assigned
                .entry((*id).clone())
                .or_default()
                .insert(topic, partition);
        }
        next += quota;
    }
}
