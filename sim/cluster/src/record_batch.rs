//! The v2 record batch: validated at append, kept as the bytes the producer sent.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use crate::timestamp_type::TimestampType;

/// Bytes before the first record (`DefaultRecordBatch.RECORD_BATCH_OVERHEAD`).
pub const RECORD_BATCH_OVERHEAD: usize = 61;

/// `baseOffset` and `batchLength`, which `batchLength` does not count (`Records.LOG_OVERHEAD`).
const LOG_OVERHEAD: usize = 12;

const BASE_OFFSET: usize = 0;
const BATCH_LENGTH: usize = 8;
const PARTITION_LEADER_EPOCH: usize = 12;
const MAGIC: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;
const RECORD_COUNT: usize = 57;

const COMPRESSION_MASK: i16 = 0x07;
const TIMESTAMP_TYPE_FLAG: i16 = 0x08;
const TRANSACTIONAL_FLAG: i16 = 0x10;
const CONTROL_FLAG: i16 = 0x20;

/// What decides whether a batch may be appended, and how.
#[derive(Debug, Clone, Copy)]
pub struct AppendRules {
    /// The topic's `max.message.bytes`.
    pub max_message_bytes: i32,
    /// The topic's `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// The broker's wall clock.
    pub wall_ms: i64,
}

/// Why a batch was refused. The texts follow Kafka's meaning, not its wording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordBatchError {
    /// Shorter than its header or its stated length, or its CRC does not match.
    #[error("the record batch is corrupt: {0}")]
    Corrupt(&'static str),
    /// Well-formed, but not what a producer may send.
    #[error("invalid record batch: {0}")]
    Invalid(&'static str),
    /// Larger than `max.message.bytes`.
    #[error("the record batch of {bytes} bytes exceeds max.message.bytes = {max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: i32,
    },
    /// A CreateTime too far ahead of the broker's clock.
    #[error("timestamp {timestamp_ms} is more than {after_max_ms} ms ahead of the broker's clock")]
    TimestampAhead {
        /// The batch's largest timestamp.
        timestamp_ms: i64,
        /// The limit.
        after_max_ms: i64,
    },
    /// A format before v2.
    #[error("record format v{0} is no longer accepted, only v2")]
    OldFormat(i8),
    /// Part of a transaction that was never begun.
    #[error("a transactional batch outside a transaction")]
    NotInTransaction,
    /// From an idempotent producer, whose sequence numbers this cluster does not keep.
    #[error("idempotent producers are not supported by this cluster")]
    Idempotent,
}

impl RecordBatchError {
    /// The error code that Produce answers.
    pub fn response_error(self) -> ResponseError {
        match self {
            Self::Corrupt(_) => ResponseError::CorruptMessage,
            Self::Invalid(_) => ResponseError::InvalidRecord,
            Self::TooLarge { .. } => ResponseError::MessageTooLarge,
            Self::TimestampAhead { .. } => ResponseError::InvalidTimestamp,
            Self::OldFormat(_) | Self::Idempotent => ResponseError::UnsupportedForMessageFormat,
            Self::NotInTransaction => ResponseError::InvalidTxnState,
        }
    }
}

/// A validated batch that has its place in a log.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    bytes: Bytes,
    base_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
}

impl RecordBatch {
    /// Checks a batch as `LogValidator` and `UnifiedLog.append` do, then stamps it with its place
    /// in the log. The record bytes are not copied if nobody else holds them.
    pub fn place(
        bytes: Bytes,
        rules: &AppendRules,
        base_offset: i64,
        leader_epoch: i32,
    ) -> Result<Self, RecordBatchError> {
        validate(&bytes, rules)?;
        let mut bytes = bytes
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        put_i64(&mut bytes, BASE_OFFSET, base_offset);
        put_i32(&mut bytes, PARTITION_LEADER_EPOCH, leader_epoch);
        if rules.timestamp_type == TimestampType::LogAppendTime {
            let attributes = get_i16(&bytes, ATTRIBUTES) | TIMESTAMP_TYPE_FLAG;
            bytes[ATTRIBUTES..ATTRIBUTES + 2].copy_from_slice(&attributes.to_be_bytes());
            put_i64(&mut bytes, MAX_TIMESTAMP, rules.wall_ms);
            let crc = crc32c::crc32c(&bytes[ATTRIBUTES..]);
            bytes[CRC..CRC + 4].copy_from_slice(&crc.to_be_bytes());
        }
        let bytes = bytes.freeze();
        Ok(Self {
            base_offset,
            last_offset: base_offset + i64::from(get_i32(&bytes, LAST_OFFSET_DELTA)),
            max_timestamp: get_i64(&bytes, MAX_TIMESTAMP),
            bytes,
        })
    }

    /// The batch as it goes over the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Offset of the first record.
    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.last_offset
    }

    /// Largest timestamp of its records.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Number of records.
    pub fn record_count(&self) -> i32 {
        get_i32(&self.bytes, RECORD_COUNT)
    }

    /// Epoch of the leader that appended it.
    pub fn leader_epoch(&self) -> i32 {
        get_i32(&self.bytes, PARTITION_LEADER_EPOCH)
    }

    /// Offset and timestamp of the first record whose timestamp is at least `timestamp_ms`.
    ///
    /// Fails with UNSUPPORTED_COMPRESSION_TYPE where the answer lies within a compressed batch:
    /// this cluster keeps such batches closed.
    pub fn first_at_or_after(
        &self,
        timestamp_ms: i64,
    ) -> Result<Option<TimestampAndOffset>, ResponseError> {
        if self.max_timestamp < timestamp_ms {
            return Ok(None);
        }
        let attributes = get_i16(&self.bytes, ATTRIBUTES);
        if attributes & TIMESTAMP_TYPE_FLAG != 0 {
            return Ok(Some(TimestampAndOffset {
                timestamp_ms: self.max_timestamp,
                offset: self.base_offset,
            }));
        }
        let base_timestamp = get_i64(&self.bytes, BASE_TIMESTAMP);
        if attributes & COMPRESSION_MASK != 0 {
            // All records are as young as the batch's base: the first is the answer.
            let first = TimestampAndOffset {
                timestamp_ms: base_timestamp,
                offset: self.base_offset,
            };
            return if base_timestamp >= timestamp_ms {
                Ok(Some(first))
            } else {
                Err(ResponseError::UnsupportedCompressionType)
            };
        }
        let mut records = &self.bytes[RECORD_BATCH_OVERHEAD..];
        while let Some((timestamp_delta, offset_delta, rest)) = record_head(records) {
            if base_timestamp + timestamp_delta >= timestamp_ms {
                return Ok(Some(TimestampAndOffset {
                    timestamp_ms: base_timestamp + timestamp_delta,
                    offset: self.base_offset + offset_delta,
                }));
            }
            records = rest;
        }
        Ok(None)
    }
}

/// A record's timestamp and offset, as ListOffsets answers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// The timestamp.
    pub timestamp_ms: i64,
    /// The offset.
    pub offset: i64,
}

fn validate(bytes: &[u8], rules: &AppendRules) -> Result<(), RecordBatchError> {
    use RecordBatchError::{Corrupt, Invalid};
    if bytes.len() <= MAGIC {
        return Err(Corrupt("shorter than a batch header"));
    }
    let magic = bytes[MAGIC] as i8;
    if (0..2).contains(&magic) {
        return Err(RecordBatchError::OldFormat(magic));
    }
    if magic != 2 {
        return Err(Corrupt("unknown magic"));
    }
    if bytes.len() < RECORD_BATCH_OVERHEAD {
        return Err(Corrupt("shorter than a batch header"));
    }
    let length = i64::from(get_i32(bytes, BATCH_LENGTH)) + LOG_OVERHEAD as i64;
    if length < RECORD_BATCH_OVERHEAD as i64 || length > bytes.len() as i64 {
        return Err(Corrupt("its length field does not fit"));
    }
    if length < bytes.len() as i64 {
        return Err(Invalid("more than one batch for a partition"));
    }
    if bytes.len() as i64 > i64::from(rules.max_message_bytes) {
        return Err(RecordBatchError::TooLarge {
            bytes: bytes.len(),
            max: rules.max_message_bytes,
        });
    }
    if crc32c::crc32c(&bytes[ATTRIBUTES..]) != get_i32(bytes, CRC) as u32 {
        return Err(Corrupt("CRC-32C mismatch"));
    }
    validate_contents(bytes, rules)
}

fn validate_contents(bytes: &[u8], rules: &AppendRules) -> Result<(), RecordBatchError> {
    use RecordBatchError::Invalid;
    let attributes = get_i16(bytes, ATTRIBUTES);
    if attributes & CONTROL_FLAG != 0 {
        return Err(Invalid("clients may not write control records"));
    }
    if attributes & COMPRESSION_MASK > 4 {
        return Err(Invalid("unknown compression"));
    }
    let record_count = get_i32(bytes, RECORD_COUNT);
    if record_count <= 0 {
        return Err(Invalid("no records"));
    }
    if get_i32(bytes, LAST_OFFSET_DELTA) != record_count - 1 {
        return Err(Invalid(
            "its last offset delta does not match its record count",
        ));
    }
    if attributes & TRANSACTIONAL_FLAG != 0 {
        return Err(RecordBatchError::NotInTransaction);
    }
    if get_i64(bytes, PRODUCER_ID) >= 0 {
        return Err(RecordBatchError::Idempotent);
    }
    if rules.timestamp_type == TimestampType::CreateTime {
        if attributes & TIMESTAMP_TYPE_FLAG != 0 {
            return Err(Invalid("LogAppendTime set by the producer"));
        }
        let timestamp_ms = get_i64(bytes, MAX_TIMESTAMP);
        if timestamp_ms.saturating_sub(rules.wall_ms) > rules.timestamp_after_max_ms {
            return Err(RecordBatchError::TimestampAhead {
                timestamp_ms,
                after_max_ms: rules.timestamp_after_max_ms,
            });
        }
    }
    Ok(())
}

/// Timestamp delta and offset delta of the first record, and what follows it.
fn record_head(records: &[u8]) -> Option<(i64, i64, &[u8])> {
    let (length, body_and_rest) = varint(records)?;
    let (body, rest) = body_and_rest.split_at_checked(usize::try_from(length).ok()?)?;
    let attributes_skipped = body.get(1..)?;
    let (timestamp_delta, after) = varint(attributes_skipped)?;
    let (offset_delta, _) = varint(after)?;
    Some((timestamp_delta, offset_delta, rest))
}

/// A zigzag varint and what follows it.
fn varint(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let decoded = (value >> 1) as i64 ^ -((value & 1) as i64);
            return Some((decoded, &bytes[i + 1..]));
        }
    }
    None
}

fn get_i16(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn get_i32(bytes: &[u8], at: usize) -> i32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    i32::from_be_bytes(field)
}

fn get_i64(bytes: &[u8], at: usize) -> i64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    i64::from_be_bytes(field)
}

fn put_i32(bytes: &mut [u8], at: usize, value: i32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn put_i64(bytes: &mut [u8], at: usize, value: i64) {
    bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{APPEND_RULES, record_batch};

    fn place(bytes: Bytes, rules: &AppendRules) -> Result<RecordBatch, RecordBatchError> {
        RecordBatch::place(bytes, rules, 40, 7)
    }

    /// The batch with a field changed and, if it still should be valid, a new CRC.
    fn patched(at: usize, value: &[u8], fix_crc: bool) -> Bytes {
        let mut bytes = record_batch(&[(1000, "a"), (2000, "b")]).to_vec();
        bytes[at..at + value.len()].copy_from_slice(value);
        if fix_crc {
            let crc = crc32c::crc32c(&bytes[ATTRIBUTES..]);
            bytes[CRC..CRC + 4].copy_from_slice(&crc.to_be_bytes());
        }
        bytes.into()
    }

    fn refused(bytes: Bytes) -> ResponseError {
        place(bytes, &APPEND_RULES).unwrap_err().response_error()
    }

    #[test]
    fn placing_rewrites_offset_and_epoch_and_leaves_the_crc_right() {
        let batch = place(record_batch(&[(1000, "a"), (2000, "b")]), &APPEND_RULES).unwrap();
        assert_eq!((batch.base_offset(), batch.last_offset()), (40, 41));
        assert_eq!((batch.leader_epoch(), batch.record_count()), (7, 2));
        assert_eq!(batch.max_timestamp(), 2000);
        let crc = crc32c::crc32c(&batch.bytes()[ATTRIBUTES..]);
        assert_eq!(crc, get_i32(batch.bytes(), CRC) as u32);
    }

    #[test]
    fn bytes_that_nobody_else_holds_are_not_copied() {
        let bytes = record_batch(&[(1000, "a")]);
        let address = bytes.as_ptr();
        let batch = place(bytes, &APPEND_RULES).unwrap();
        assert_eq!(batch.bytes().as_ptr(), address);
    }

    #[test]
    fn log_append_time_replaces_the_timestamps() {
        let rules = AppendRules {
            timestamp_type: TimestampType::LogAppendTime,
            wall_ms: 5000,
            ..APPEND_RULES
        };
        let batch = place(record_batch(&[(1000, "a"), (2000, "b")]), &rules).unwrap();
        assert_eq!(batch.max_timestamp(), 5000);
        let crc = crc32c::crc32c(&batch.bytes()[ATTRIBUTES..]);
        assert_eq!(crc, get_i32(batch.bytes(), CRC) as u32);
        let found = batch.first_at_or_after(3000).unwrap().unwrap();
        assert_eq!((found.timestamp_ms, found.offset), (5000, 40));
    }

    #[test]
    fn damage_is_corrupt() {
        let whole = record_batch(&[(1000, "a")]);
        let corrupt = ResponseError::CorruptMessage;
        assert_eq!(refused(Bytes::new()), corrupt);
        assert_eq!(refused(whole.slice(..whole.len() - 1)), corrupt);
        assert_eq!(refused(whole.slice(..30)), corrupt);
        assert_eq!(
            refused(patched(RECORD_BATCH_OVERHEAD + 3, b"z", false)),
            corrupt
        );
        assert_eq!(refused(patched(MAGIC, &[3], false)), corrupt);
        assert_eq!(
            refused(patched(BATCH_LENGTH, &(-5i32).to_be_bytes(), false)),
            corrupt
        );
    }

    #[test]
    fn what_a_producer_may_not_send_is_refused_by_kafkas_names() {
        let whole = record_batch(&[(1000, "a")]);
        let twice = Bytes::from([&whole[..], &whole[..]].concat());
        assert_eq!(refused(twice), ResponseError::InvalidRecord);
        let count = 3i32.to_be_bytes();
        assert_eq!(
            refused(patched(RECORD_COUNT, &count, true)),
            ResponseError::InvalidRecord
        );
        assert_eq!(
            refused(patched(RECORD_COUNT, &[0; 4], true)),
            ResponseError::InvalidRecord
        );
        let control = CONTROL_FLAG.to_be_bytes();
        assert_eq!(
            refused(patched(ATTRIBUTES, &control, true)),
            ResponseError::InvalidRecord
        );
        let stamped = TIMESTAMP_TYPE_FLAG.to_be_bytes();
        assert_eq!(
            refused(patched(ATTRIBUTES, &stamped, true)),
            ResponseError::InvalidRecord
        );
        let transactional = TRANSACTIONAL_FLAG.to_be_bytes();
        assert_eq!(
            refused(patched(ATTRIBUTES, &transactional, true)),
            ResponseError::InvalidTxnState
        );
        let producer = 5i64.to_be_bytes();
        let old_format = ResponseError::UnsupportedForMessageFormat;
        assert_eq!(refused(patched(PRODUCER_ID, &producer, true)), old_format);
        assert_eq!(refused(patched(MAGIC, &[1], false)), old_format);
    }

    #[test]
    fn size_and_time_have_limits() {
        let batch = || record_batch(&[(1000, "a"), (2000, "b")]);
        let size = batch().len() as i32;
        let sized = |max_message_bytes| AppendRules {
            max_message_bytes,
            ..APPEND_RULES
        };
        assert!(place(batch(), &sized(size)).is_ok());
        let error = place(batch(), &sized(size - 1)).unwrap_err();
        assert_eq!(error.response_error(), ResponseError::MessageTooLarge);
        let ahead = |timestamp_after_max_ms| AppendRules {
            timestamp_after_max_ms,
            wall_ms: 500,
            ..APPEND_RULES
        };
        assert!(place(batch(), &ahead(1500)).is_ok());
        let error = place(batch(), &ahead(1499)).unwrap_err();
        assert_eq!(error.response_error(), ResponseError::InvalidTimestamp);
    }

    #[test]
    fn a_timestamp_is_found_within_the_batch() {
        let records = [(1000, "a"), (3000, "b"), (2000, "c")];
        let batch = place(record_batch(&records), &APPEND_RULES).unwrap();
        let find = |timestamp_ms| {
            let found = batch.first_at_or_after(timestamp_ms).unwrap();
            found.map(|found| (found.timestamp_ms, found.offset))
        };
        assert_eq!(find(0), Some((1000, 40)));
        assert_eq!(find(1001), Some((3000, 41)));
        assert_eq!(find(3000), Some((3000, 41)));
        assert_eq!(find(3001), None);
    }

    #[test]
    fn a_compressed_batch_answers_only_for_its_beginning() {
        let gzip = patched(ATTRIBUTES, &1i16.to_be_bytes(), true);
        let batch = place(gzip, &APPEND_RULES).unwrap();
        let first = batch.first_at_or_after(1000).unwrap().unwrap();
        assert_eq!((first.timestamp_ms, first.offset), (1000, 40));
        let within = batch.first_at_or_after(1500);
        assert_eq!(within, Err(ResponseError::UnsupportedCompressionType));
        assert_eq!(batch.first_at_or_after(2001), Ok(None));
    }
}
