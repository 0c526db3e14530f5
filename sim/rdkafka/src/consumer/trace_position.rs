//! What the trace says of a position: which record, and whether the group gave the partition.

use whitewater_sim::trace::Value;

use super::core::State;
use crate::topic_partition::TopicPartition;

/// Topic, partition and offset; and `by_hand` where the consumer assigns partitions itself, so that
/// nobody takes what it reads for the group's progress.
pub(super) fn fields_at(
    state: &State,
    partition: &TopicPartition,
    offset: i64,
) -> Vec<(&'static str, Value)> {
    let mut fields = vec![
        ("topic", (*partition.topic).into()),
        ("partition", partition.partition.into()),
        ("offset", offset.into()),
    ];
    if state.group.subscription.is_none() {
        fields.push(("by_hand", true.into()));
    }
    fields
}
