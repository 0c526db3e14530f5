//! One record as the loader sends it.

/// A row of a source, before anything is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The message id, if one can be read.
    pub id: Option<String>,
    /// The key, if one can be read.
    pub key: Option<String>,
    /// The JSON text.
    pub payload: Vec<u8>,
}

/// A record of the load, in the order of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRecord {
    /// Counts from 0 over the whole load; stays the same when others are left out.
    pub index: u64,
    /// When it is sent, in milliseconds since the begin of the safety phase.
    pub at_ms: u64,
    /// The message id; none for a malformed row without a readable one.
    pub id: Option<String>,
    /// The key; it decides the partition.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub payload: Vec<u8>,
    /// How it is sent.
    pub sending: Sending,
    /// What it is.
    pub what: What,
    /// Whether it has the hot key instead of its own.
    pub hot: bool,
}

impl LoadRecord {
    /// The partition that it is sent to; none where the key decides.
    #[must_use]
    pub fn partition(&self, partitions: i32) -> Option<i32> {
        matches!(self.sending, Sending::OtherPartition { .. }).then(|| {
            let of_key = partition_of_key(self.key.as_deref(), partitions);
            self.sending.partition(of_key, partitions)
        })
    }
}

/// How a record is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// Once, to the partition of its key.
    Once,
    /// Twice in a row, as a producer does whose retry was not needed.
    Twice,
    /// Once, to another partition than its key's; see [`Sending::partition`].
    OtherPartition {
        /// How many partitions further, from 1; wraps around without hitting the key's own.
        further: u32,
    },
}

impl Sending {
    /// How many times it is sent.
    #[must_use]
    pub fn copies(self) -> u32 {
        match self {
            Self::Once | Self::OtherPartition { .. } => 1,
            Self::Twice => 2,
        }
    }

    /// The partition to send to, given the one of the key. Only a topic of one partition has no
    /// other to offer.
    #[must_use]
    pub fn partition(self, of_key: i32, partitions: i32) -> i32 {
        match self {
            Self::OtherPartition { further } if partitions > 1 => {
                let others = i64::from(partitions) - 1;
                let step = 1 + (i64::from(further) - 1).rem_euclid(others);
                ((i64::from(of_key) + step) % i64::from(partitions)) as i32
            }
            Self::Once | Self::Twice | Self::OtherPartition { .. } => of_key,
        }
    }
}

/// Where librdkafka's `consistent_random` puts a key: CRC-32 modulo the partitions (rdkafka_msg.c).
#[must_use]
pub fn partition_of_key(key: Option<&[u8]>, partitions: i32) -> i32 {
    let mut crc = flate2::Crc::new();
    crc.update(key.unwrap_or_default());
    i32::try_from(crc.sum() % partitions.unsigned_abs()).unwrap_or_default()
}

/// What a record is, as the harness knows that made or moved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Sent for the first time, at its place.
    Fresh,
    /// Sent for the first time, after a near neighbour that belongs behind it.
    OutOfOrder,
    /// Sent for the first time, after much later ones.
    Late,
    /// A repetition of the record with this index: same id, same content.
    DuplicateOf(u64),
    /// A row that no processor can read.
    Malformed(Malformed),
}

/// What is wrong with a malformed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Malformed {
    /// Not JSON at all.
    NotJson,
    /// JSON that ends in the middle.
    Truncated,
    /// A required field is not there.
    MissingField,
    /// A field is of another type.
    WrongType,
    /// A number with more digits than a decimal can hold.
    HugeDecimal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_partition_is_never_the_same_one() {
        for partitions in 2..6 {
            for of_key in 0..partitions {
                for further in 1..20 {
                    let other = Sending::OtherPartition { further }.partition(of_key, partitions);
                    assert_ne!(other, of_key);
                    assert!((0..partitions).contains(&other));
                }
            }
        }
        assert_eq!(Sending::OtherPartition { further: 3 }.partition(0, 1), 0);
        assert_eq!(Sending::Twice.partition(4, 8), 4);
    }
}
