//! Member ids: `client.id` or `group.instance.id`, a dash, a UUID (`ClassicGroup.generateMemberId`).

use crate::now::Now;

/// Makes ids that look like Kafka's and depend on nothing random.
///
/// An id is a hash of the group, a counter, and when this coordinator last loaded and how much it
/// had then loaded in all; so a restarted broker does not give an id out again, not even one that
/// never reached a record.
#[derive(Debug, Default)]
pub(super) struct MemberIds {
    records_loaded: u64,
    loaded_at_ns: u128,
    loaded_at_wall_ms: i64,
    given: u64,
}

impl MemberIds {
    pub(super) fn loaded(&mut self, now: Now, records: u64) {
        self.records_loaded += records;
        self.loaded_at_ns = now.monotonic.as_nanos();
        self.loaded_at_wall_ms = now.wall_ms;
    }

    pub(super) fn next(&mut self, group: &str, prefix: &str) -> String {
        self.given += 1;
        let mut hash = fnv1a(FNV_OFFSET_BASIS, group.as_bytes());
        hash = fnv1a(hash, &self.given.to_be_bytes());
        hash = fnv1a(hash, &self.records_loaded.to_be_bytes());
        hash = fnv1a(hash, &self.loaded_at_ns.to_be_bytes());
        hash = fnv1a(hash, &self.loaded_at_wall_ms.to_be_bytes());
        format!("{prefix}-{}", uuid(hash))
    }
}

const FNV_OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// 128-bit FNV-1a, continued from `hash`.
fn fnv1a(hash: u128, bytes: &[u8]) -> u128 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}

/// Written as a version 4 UUID, which Kafka's are.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        bits >> 96,
        (bits >> 80) & 0xffff,
        (bits >> 64) & 0xffff,
        (bits >> 48) & 0xffff,
        bits & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            monotonic: Duration::from_secs(seconds),
            wall_ms: 0,
        }
    }

    #[test]
    fn an_id_is_the_prefix_and_a_version_4_uuid() {
        let id = MemberIds::default().next("g", "worker-1");
        let uuid = id.strip_prefix("worker-1-").unwrap();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]));
        assert!(uuid.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
    }

    #[test]
    fn ids_differ_between_requests_groups_and_restarts() {
        let mut seen = BTreeSet::new();
        for restart in 0..20 {
            let mut ids = MemberIds::default();
            ids.loaded(at(restart), 0);
            for group in ["a", "b"] {
                for _ in 0..50 {
                    assert!(seen.insert(ids.next(group, "c")));
                }
            }
        }
    }

    #[test]
    fn the_same_history_gives_the_same_ids() {
        let history = || {
            let mut ids = MemberIds::default();
            ids.loaded(at(3), 7);
            [ids.next("g", "a"), ids.next("g", "b")]
        };
        assert_eq!(history(), history());
    }
}
