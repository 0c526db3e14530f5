//! librdkafka's partitioners: which partition a message without one goes to.

use std::time::Duration;

/// The partitioners of the property `partitioner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartitionerKind {
    Random,
    Consistent,
    ConsistentRandom,
    Murmur2,
    Murmur2Random,
    Fnv1a,
    Fnv1aRandom,
}

/// Where a key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// To this partition.
    Partition(i32),
    /// To the present sticky partition.
    Sticky,
    /// Anywhere.
    Random,
}

impl PartitionerKind {
    /// The partitioner of this name.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "random" => Self::Random,
            "consistent" => Self::Consistent,
            "murmur2" => Self::Murmur2,
            "murmur2_random" => Self::Murmur2Random,
            "fnv1a" => Self::Fnv1a,
            "fnv1a_random" => Self::Fnv1aRandom,
            _ => Self::ConsistentRandom,
        }
    }

    /// Whether keyless messages stick to one partition for a while.
    pub(crate) fn is_sticky(self, sticky_linger: Duration) -> bool {
        !sticky_linger.is_zero() && !matches!(self, Self::Consistent | Self::Murmur2 | Self::Fnv1a)
    }

    /// Where a key leads among `count` partitions (rdkafka_msg.c).
    pub(crate) fn choose(self, key: Option<&[u8]>, count: i32, sticky: bool) -> Choice {
        let empty = key.is_some_and(<[u8]>::is_empty);
        if sticky && (key.is_none() || (empty && self == Self::ConsistentRandom)) {
            return Choice::Sticky;
        }
        let bytes = key.unwrap_or_default();
        let hash = match self {
            Self::Random => return Choice::Random,
            Self::ConsistentRandom if bytes.is_empty() => return Choice::Random,
            Self::Murmur2Random | Self::Fnv1aRandom if key.is_none() => return Choice::Random,
            Self::Consistent | Self::ConsistentRandom => crc32(bytes),
            Self::Murmur2 | Self::Murmur2Random => murmur2(bytes) & 0x7fff_ffff,
            Self::Fnv1a | Self::Fnv1aRandom => fnv1a(bytes),
        };
        Choice::Partition((hash % count.unsigned_abs()) as i32)
    }
}

/// CRC-32 (IEEE), bit by bit: keys are short.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// Murmur2 as Kafka's Java client has it.
fn murmur2(bytes: &[u8]) -> u32 {
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let words = bytes.chunks_exact(4);
    let tail = words.remainder();
    for word in words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(MULTIPLIER);
        k ^= k >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ k.wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// FNV-1a, made positive as Sarama does.
fn fnv1a(bytes: &[u8]) -> u32 {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    hash.cast_signed().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of librdkafka's own unit tests and of the algorithms' published check values.
    #[test]
    fn hashes_are_the_published_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(murmur2(b"kafka"), 0xd067_cf64);
        assert_eq!(murmur2(b"1234"), 0x9fc9_7b14);
        assert_eq!(murmur2(b""), 0x106e_08d9);
        assert_eq!(fnv1a(b"kafka"), 0x0d33_c4e1);
    }

    #[test]
    fn a_key_always_leads_to_the_same_partition_and_none_sticks() {
        let kind = PartitionerKind::ConsistentRandom;
        assert_eq!(
            kind.choose(Some(b"BTC"), 8, true),
            Choice::Partition((crc32(b"BTC") % 8) as i32)
        );
        assert_eq!(kind.choose(None, 8, true), Choice::Sticky);
        assert_eq!(kind.choose(Some(b""), 8, true), Choice::Sticky);
        assert_eq!(kind.choose(None, 8, false), Choice::Random);
        let murmur = PartitionerKind::Murmur2Random;
        assert!(matches!(
            murmur.choose(Some(b""), 8, true),
            Choice::Partition(_)
        ));
        assert_eq!(
            PartitionerKind::Random.choose(Some(b"k"), 8, true),
            Choice::Random
        );
        let consistent = PartitionerKind::Consistent;
        assert_eq!(
            consistent.choose(None, 8, false),
            consistent.choose(Some(b""), 8, false)
        );
        assert!(!consistent.is_sticky(Duration::from_millis(10)));
        assert!(!kind.is_sticky(Duration::ZERO));
    }
}
