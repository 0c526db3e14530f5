//! What a broker checks of a batch before it appends it (`LogValidator.java`).

use super::records;
use super::{
    ATTRIBUTES, AppendRules, BASE_SEQUENCE, BASE_TIMESTAMP, BATCH_LENGTH, COMPRESSION_MASK,
    CONTROL_FLAG, CRC, LAST_OFFSET_DELTA, LOG_OVERHEAD, MAGIC, MAX_TIMESTAMP, PRODUCER_ID,
    RECORD_BATCH_OVERHEAD, RECORD_COUNT, RecordBatchError, TIMESTAMP_TYPE_FLAG, TRANSACTIONAL_FLAG,
    get_i16, get_i32, get_i64,
};
use crate::timestamp_type::TimestampType;

pub(super) fn validate(bytes: &[u8], rules: &AppendRules) -> Result<(), RecordBatchError> {
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
    if rules.keys_required && attributes & COMPRESSION_MASK == 0 && !every_record_has_a_key(bytes) {
        return Err(Invalid("a compacted topic takes no record without a key"));
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
    let timestamps = records::all_of(bytes).map(|record| record.timestamp_ms);
    timestamps.filter(|ms| *ms >= 0).min()
}

/// As `LogValidator.validateKey` asks for.
fn every_record_has_a_key(bytes: &[u8]) -> bool {
    records::all_of(bytes).all(|record| record.key.is_some())
}
