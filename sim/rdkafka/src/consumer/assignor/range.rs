//! `range`: each topic's partitions in consecutive runs, the first members taking the remainder.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Assignments, Member, give};

pub(super) fn assign(
    members: &[&Member],
    partition_counts: &BTreeMap<Arc<str>, i32>,
    assignments: &mut Assignments,
) {
    for (topic, &count) in partition_counts {
        let subscribers: Vec<_> = members
            .iter()
            .filter(|member| member.topics.contains(topic))
            .collect();
        let Ok(size) = i32::try_from(subscribers.len()) else {
            continue;
        };
        let mut next = 0;
        for (index, member) in (0..size).zip(&subscribers) {
            let share = count / size + i32::from(index < count % size);
            for partition in next..next + share {
                give(assignments, member, topic, partition);
            }
            next += share;
        }
    }
}
