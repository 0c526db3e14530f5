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
