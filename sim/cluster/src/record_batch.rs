//! The v2 record batch: validated at append, kept as the bytes the producer sent.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use crate::control_batch::{self, EndTransactionMarker};
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
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 53;
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
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `segment.bytes`.
    pub segment_bytes: i32,
    /// `segment.ms`.
    pub segment_ms: i64,
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
    /// A CreateTime too far behind the broker's clock.
    #[error("timestamp {timestamp_ms} is more than {before_max_ms} ms behind the broker's clock")]
    TimestampBehind {
        /// The timestamp.
        timestamp_ms: i64,
        /// The limit.
        before_max_ms: i64,
    },
    /// Larger than a whole segment may be.
    #[error("the record batch of {bytes} bytes exceeds segment.bytes = {max}")]
    LargerThanSegment {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: i32,
    },
    /// A format before v2.
    #[error("record format v{0} is no longer accepted, only v2")]
    OldFormat(i8),
}

impl RecordBatchError {
    /// The error code that Produce answers.
    pub fn response_error(self) -> ResponseError {
        match self {
            Self::Corrupt(_) => ResponseError::CorruptMessage,
            Self::Invalid(_) => ResponseError::InvalidRecord,
            Self::TooLarge { .. } => ResponseError::MessageTooLarge,
            Self::TimestampAhead { .. } | Self::TimestampBehind { .. } => {
                ResponseError::InvalidTimestamp
            }
            Self::LargerThanSegment { .. } => ResponseError::RecordListTooLarge,
            Self::OldFormat(_) => ResponseError::UnsupportedForMessageFormat,
        }
    }
}

/// The producer of a batch, and the batch's place among those it sent (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchProducer {
    /// The producer id.
    pub id: i64,
    /// The producer's epoch.
    pub epoch: i16,
    /// Sequence number of the first record.
    pub first_sequence: i32,
    /// Sequence number of the last record.
    pub last_sequence: i32,
    /// Whether the batch is part of a transaction.
    pub transactional: bool,
}

impl BatchProducer {
    fn of(batch: &[u8]) -> Option<Self> {
        let id = get_i64(batch, PRODUCER_ID);
        let first_sequence = get_i32(batch, BASE_SEQUENCE);
        (id >= 0).then(|| Self {
            id,
            epoch: get_i16(batch, PRODUCER_EPOCH),
            first_sequence,
            last_sequence: add_to_sequence(first_sequence, get_i32(batch, LAST_OFFSET_DELTA)),
            transactional: get_i16(batch, ATTRIBUTES) & TRANSACTIONAL_FLAG != 0,
        })
    }
}

/// Sequence numbers go from 0 to the largest integer and start again at 0
/// (`DefaultRecordBatch.incrementSequence`).
pub fn add_to_sequence(sequence: i32, count: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(count);
    (sum % (i64::from(i32::MAX) + 1)) as i32
}

/// A batch that may be appended.
#[derive(Debug, Clone)]
pub struct ValidBatch {
    bytes: Bytes,
    log_append_time_ms: Option<i64>,
}

impl ValidBatch {
    /// Checks a batch as `LogValidator` and `UnifiedLog.append` do.
    pub fn check(bytes: Bytes, rules: &AppendRules) -> Result<Self, RecordBatchError> {
        validate(&bytes, rules)?;
        Ok(Self {
            bytes,
            log_append_time_ms: match rules.timestamp_type {
                TimestampType::CreateTime => None,
                TimestampType::LogAppendTime => Some(rules.wall_ms),
            },
        })
    }

    /// A marker that the cluster itself writes.
    pub(crate) fn marker(marker: &EndTransactionMarker) -> Result<Self, ResponseError> {
        Ok(Self {
            bytes: marker.encode()?,
            log_append_time_ms: None,
        })
    }

    /// The idempotent producer that sent it, if one did.
    pub fn producer(&self) -> Option<BatchProducer> {
        BatchProducer::of(&self.bytes)
    }

    /// Its size on the wire and on disk.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Stamps the batch with its place in the log. The record bytes are not copied if nobody
    /// else holds them.
    pub fn place(self, base_offset: i64, leader_epoch: i32) -> RecordBatch {
        let mut bytes = self
            .bytes
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        put_i64(&mut bytes, BASE_OFFSET, base_offset);
        put_i32(&mut bytes, PARTITION_LEADER_EPOCH, leader_epoch);
        if let Some(log_append_time_ms) = self.log_append_time_ms {
            let attributes = get_i16(&bytes, ATTRIBUTES) | TIMESTAMP_TYPE_FLAG;
            bytes[ATTRIBUTES..ATTRIBUTES + 2].copy_from_slice(&attributes.to_be_bytes());
            put_i64(&mut bytes, MAX_TIMESTAMP, log_append_time_ms);
            let crc = crc32c::crc32c(&bytes[ATTRIBUTES..]);
            bytes[CRC..CRC + 4].copy_from_slice(&crc.to_be_bytes());
        }
        let bytes = bytes.freeze();
        RecordBatch {
            base_offset,
            last_offset: base_offset + i64::from(get_i32(&bytes, LAST_OFFSET_DELTA)),
            max_timestamp: get_i64(&bytes, MAX_TIMESTAMP),
            bytes,
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

    /// The idempotent producer that sent it, if one did.
    pub fn producer(&self) -> Option<BatchProducer> {
        BatchProducer::of(&self.bytes)
    }

    /// Whether it is a marker that commits (true) or aborts (false) its producer's transaction;
    /// `None` if it is no marker.
    pub fn ends_transaction(&self) -> Option<bool> {
        if get_i16(&self.bytes, ATTRIBUTES) & CONTROL_FLAG == 0 {
            return None;
        }
        control_batch::is_commit(record_key(&self.bytes[RECORD_BATCH_OVERHEAD..])?)
    }

    /// Offset and timestamp of the first record from `starting_offset` on whose timestamp is at
    /// least `timestamp_ms`.
    ///
    /// Fails with UNSUPPORTED_COMPRESSION_TYPE where the answer lies within a compressed batch:
    /// this cluster keeps such batches closed.
    pub fn first_at_or_after(
        &self,
        timestamp_ms: i64,
        starting_offset: i64,
    ) -> Result<Option<TimestampAndOffset>, ResponseError> {
        if self.max_timestamp < timestamp_ms || self.last_offset < starting_offset {
            return Ok(None);
        }
        let attributes = get_i16(&self.bytes, ATTRIBUTES);
        if attributes & TIMESTAMP_TYPE_FLAG != 0 {
            return Ok(Some(TimestampAndOffset {
                timestamp_ms: self.max_timestamp,
                offset: self.base_offset.max(starting_offset),
            }));
        }
        let base_timestamp = get_i64(&self.bytes, BASE_TIMESTAMP);
        if attributes & COMPRESSION_MASK != 0 {
            // All records are as young as the batch's base: the first is the answer.
            let first = TimestampAndOffset {
                timestamp_ms: base_timestamp,
                offset: self.base_offset,
            };
            return if base_timestamp >= timestamp_ms && self.base_offset >= starting_offset {
                Ok(Some(first))
            } else {
                Err(ResponseError::UnsupportedCompressionType)
            };
        }
        let mut records = &self.bytes[RECORD_BATCH_OVERHEAD..];
        while let Some((timestamp_delta, offset_delta, rest)) = record_head(records) {
            let found = TimestampAndOffset {
                timestamp_ms: base_timestamp + timestamp_delta,
                offset: self.base_offset + offset_delta,
            };
            if found.timestamp_ms >= timestamp_ms && found.offset >= starting_offset {
                return Ok(Some(found));
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
    if get_i64(bytes, PRODUCER_ID) >= 0 {
        if get_i32(bytes, BASE_SEQUENCE) < 0 {
            return Err(Invalid("a producer id without a sequence number"));
        }
    } else if attributes & TRANSACTIONAL_FLAG != 0 {
        return Err(Invalid("a transactional batch without a producer id"));
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
        let oldest_allowed = rules.wall_ms.saturating_sub(rules.timestamp_before_max_ms);
        // Without a limit, as by default, no record is looked at.
        if rules.timestamp_before_max_ms < i64::MAX
            && let Some(timestamp_ms) = smallest_timestamp(bytes)
            && timestamp_ms < oldest_allowed
        {
            return Err(RecordBatchError::TimestampBehind {
                timestamp_ms,
                before_max_ms: rules.timestamp_before_max_ms,
            });
        }
    }
    if bytes.len() as i64 > i64::from(rules.segment_bytes) {
        return Err(RecordBatchError::LargerThanSegment {
            bytes: bytes.len(),
            max: rules.segment_bytes,
        });
    }
    Ok(())
}

/// The smallest timestamp of the records that have one; of a compressed batch, which stays closed
/// here, that of its first record.
fn smallest_timestamp(bytes: &[u8]) -> Option<i64> {
    let base_timestamp = get_i64(bytes, BASE_TIMESTAMP);
    if get_i16(bytes, ATTRIBUTES) & COMPRESSION_MASK != 0 {
        return Some(base_timestamp).filter(|ms| *ms >= 0);
    }
    let mut records = &bytes[RECORD_BATCH_OVERHEAD..];
    let timestamps = std::iter::from_fn(|| {
        let (timestamp_delta, _, rest) = record_head(records)?;
        records = rest;
        Some(base_timestamp.saturating_add(timestamp_delta))
    });
    timestamps.filter(|ms| *ms >= 0).min()
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

/// The key of the first record.
fn record_key(records: &[u8]) -> Option<&[u8]> {
    let (_, body) = varint(records)?;
    let (_, after) = varint(body.get(1..)?)?;
    let (_, after) = varint(after)?;
    let (length, after) = varint(after)?;
    after.get(..usize::try_from(length).ok()?)
}

/// Whether bytes that should be a batch call themselves transactional.
pub(crate) fn is_transactional(batch: &[u8]) -> bool {
    batch.len() >= RECORD_BATCH_OVERHEAD && get_i16(batch, ATTRIBUTES) & TRANSACTIONAL_FLAG != 0
}

/// The batches that begin below `end_offset`: a whole number of them, from the front.
pub(crate) fn batches_below(batches: &Bytes, end_offset: i64) -> Bytes {
    let mut at = 0;
    while let Some(batch) = batches
        .get(at..)
        .filter(|rest| rest.len() >= RECORD_BATCH_OVERHEAD)
    {
        if get_i64(batch, BASE_OFFSET) >= end_offset {
            break;
        }
        at += LOG_OVERHEAD + get_i32(batch, BATCH_LENGTH) as usize;
    }
    batches.slice(..at)
}

/// The offset after the last of these batches; `None` if there are none.
pub(crate) fn end_offset(batches: &[u8]) -> Option<i64> {
    let mut at = 0;
    let mut end = None;
    while let Some(batch) = batches
        .get(at..)
        .filter(|rest| rest.len() >= RECORD_BATCH_OVERHEAD)
    {
        let last = i64::from(get_i32(batch, LAST_OFFSET_DELTA));
        end = Some(get_i64(batch, BASE_OFFSET) + last + 1);
        at += LOG_OVERHEAD + get_i32(batch, BATCH_LENGTH) as usize;
    }
    end
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
        Ok(ValidBatch::check(bytes, rules)?.place(40, 7))
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
        let found = batch.first_at_or_after(3000, 0).unwrap().unwrap();
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
    fn a_record_may_not_be_older_than_the_limit_says() {
        let rules = AppendRules {
            timestamp_before_max_ms: 1000,
            wall_ms: 3000,
            ..APPEND_RULES
        };
        assert!(place(record_batch(&[(2000, "a"), (-1, "b")]), &rules).is_ok());
        let refused = place(record_batch(&[(2500, "a"), (1999, "b")]), &rules).unwrap_err();
        assert_eq!(refused.response_error(), ResponseError::InvalidTimestamp);
        let by_broker = AppendRules {
            timestamp_type: TimestampType::LogAppendTime,
            ..rules
        };
        assert!(place(record_batch(&[(0, "a")]), &by_broker).is_ok());
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
            ResponseError::InvalidRecord
        );
        let mut unnumbered = [0; 14];
        unnumbered[BASE_SEQUENCE - PRODUCER_ID..].copy_from_slice(&(-1i32).to_be_bytes());
        assert_eq!(
            refused(patched(PRODUCER_ID, &unnumbered, true)),
            ResponseError::InvalidRecord
        );
        let old_format = ResponseError::UnsupportedForMessageFormat;
        assert_eq!(refused(patched(MAGIC, &[1], false)), old_format);
    }

    #[test]
    fn sequence_numbers_wrap_to_0() {
        assert_eq!(add_to_sequence(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(add_to_sequence(i32::MAX, 1), 0);
        assert_eq!(add_to_sequence(i32::MAX - 1, 5), 3);
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
    fn batches_are_cut_where_they_begin() {
        let log: Vec<u8> = [0, 2, 4]
            .iter()
            .flat_map(|offset| {
                let batch = record_batch(&[(1000, "a"), (2000, "b")]);
                let batch = ValidBatch::check(batch, &APPEND_RULES).unwrap();
                batch.place(*offset, 0).bytes().to_vec()
            })
            .collect();
        let log = Bytes::from(log);
        for (end, kept) in [
            (-1, None),
            (0, None),
            (1, Some(2)),
            (2, Some(2)),
            (4, Some(4)),
            (9, Some(6)),
        ] {
            assert_eq!(end_offset(&batches_below(&log, end)), kept, "{end}");
        }
    }

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        for committed in [true, false] {
            let marker = EndTransactionMarker {
                producer_id: 5,
                producer_epoch: 2,
                committed,
                coordinator_epoch: 3,
                timestamp_ms: 1000,
            };
            let batch = ValidBatch::marker(&marker).unwrap().place(7, 0);
            assert_eq!(batch.ends_transaction(), Some(committed));
            let producer = batch.producer().unwrap();
            assert_eq!(
                (producer.id, producer.epoch, producer.transactional),
                (5, 2, true)
            );
            assert_eq!((batch.last_offset(), batch.max_timestamp()), (7, 1000));
        }
        let records = place(record_batch(&[(1, "a")]), &APPEND_RULES).unwrap();
        assert_eq!(records.ends_transaction(), None);
    }

    #[test]
    fn a_timestamp_is_found_within_the_batch() {
        let records = [(1000, "a"), (3000, "b"), (2000, "c")];
        let batch = place(record_batch(&records), &APPEND_RULES).unwrap();
        let find = |timestamp_ms| {
            let found = batch.first_at_or_after(timestamp_ms, 0).unwrap();
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
        let first = batch.first_at_or_after(1000, 0).unwrap().unwrap();
        assert_eq!((first.timestamp_ms, first.offset), (1000, 40));
        let within = batch.first_at_or_after(1500, 0);
        assert_eq!(within, Err(ResponseError::UnsupportedCompressionType));
        assert_eq!(batch.first_at_or_after(2001, 0), Ok(None));
    }
}
