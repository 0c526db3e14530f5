//! From a group to its partition of `__consumer_offsets`.

/// The partition that holds a group: `Utils.abs(groupId.hashCode()) % partitionCount`
/// (`GroupCoordinatorService.partitionFor`).
pub fn partition_for(group: &str, partition_count: i32) -> i32 {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // Kafka's abs of the smallest integer is 0.
    hash.checked_abs().unwrap_or(0) % partition_count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_javas_hash() {
        // "hello".hashCode() == 99162322, "polygenelubricants".hashCode() == Integer.MIN_VALUE
        assert_eq!(partition_for("hello", 50), 99_162_322 % 50);
        assert_eq!(partition_for("polygenelubricants", 50), 0);
        assert_eq!(partition_for("", 50), 0);
    }
}
