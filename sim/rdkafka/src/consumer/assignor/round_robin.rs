//! `roundrobin`: all partitions of all topics dealt to the members in turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Assignments, Member, give};

pub(super) fn assign(
    members: &[&Member],
    partition_counts: &BTreeMap<Arc<str>, i32>,
    assignments: &mut Assignments,
) {
    let mut turn = members.iter().cycle();
    for (topic, &count) in partition_counts {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for partition in 0..count {
            let member = turn
                .find(|member| member.topics.contains(topic))
                .expect("the cycle is endless and somebody subscribes");
            give(assignments, member, topic, partition);
        }
    }
}
