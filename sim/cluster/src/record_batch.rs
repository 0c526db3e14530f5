//! The v2 record batch: validated at append, kept as the bytes the producer sent.

mod filtered;
mod records;
mod validation;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
pub(crate) use records::RecordView;

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
const DELETE_HORIZON_FLAG: i16 = 0x40;

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
    /// Whether each record needs a key, because the topic is compacted.
    pub keys_required: bool,
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
        validation::validate(&bytes, rules)?;
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
            put_i16(&mut bytes, ATTRIBUTES, attributes);
            put_i64(&mut bytes, MAX_TIMESTAMP, log_append_time_ms);
            put_crc(&mut bytes);
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

    /// Whether its records are compressed, and so closed to this cluster.
    pub(crate) fn is_compressed(&self) -> bool {
        get_i16(&self.bytes, ATTRIBUTES) & COMPRESSION_MASK != 0
    }

    /// Whether it holds a control record, not a user's.
    pub(crate) fn is_control(&self) -> bool {
        get_i16(&self.bytes, ATTRIBUTES) & CONTROL_FLAG != 0
    }

    /// Whether it is a marker that commits (true) or aborts (false) its producer's transaction;
    /// `None` if it is no marker.
    pub fn ends_transaction(&self) -> Option<bool> {
        if !self.is_control() {
            return None;
        }
        control_batch::is_commit(self.records().next()?.key?)
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
        if self.is_compressed() {
            let base_timestamp = get_i64(&self.bytes, BASE_TIMESTAMP);
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
        let mut records = self.records().map(|record| TimestampAndOffset {
            timestamp_ms: record.timestamp_ms,
            offset: record.offset,
        });
        Ok(records
            .find(|record| record.timestamp_ms >= timestamp_ms && record.offset >= starting_offset))
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

fn put_i16(bytes: &mut [u8], at: usize, value: i16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn put_i32(bytes: &mut [u8], at: usize, value: i32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn put_i64(bytes: &mut [u8], at: usize, value: i64) {
    bytes[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

/// Puts the CRC of what a batch holds now.
fn put_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES..]);
    put_i32(batch, CRC, crc as i32);
}

#[cfg(test)]
mod tests;
