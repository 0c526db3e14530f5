//! What the log's cleaner leaves of a batch (`MemoryRecords.filterTo`).

use bytes::{BufMut, BytesMut};

use super::records::RecordView;
use super::{
    ATTRIBUTES, BASE_TIMESTAMP, BATCH_LENGTH, DELETE_HORIZON_FLAG, LOG_OVERHEAD, MAX_TIMESTAMP,
    RECORD_BATCH_OVERHEAD, RECORD_COUNT, RecordBatch, TIMESTAMP_TYPE_FLAG, get_i16, get_i64,
    put_crc, put_i16, put_i32, put_i64,
};

impl RecordBatch {
    /// When its tombstones, or the marker that it is, may go (KIP-534): milliseconds of the broker's
    /// wall clock. None before the cleaner has seen it once.
    pub(crate) fn delete_horizon_ms(&self) -> Option<i64> {
        let is_set = get_i16(&self.bytes, ATTRIBUTES) & DELETE_HORIZON_FLAG != 0;
        is_set.then(|| get_i64(&self.bytes, BASE_TIMESTAMP))
    }

    /// The batch with these of its records only. It keeps its first and last offset and its producer's
    /// sequence numbers, so that neither a reader's position nor a retry notices.
    ///
    /// A delete horizon takes the place of the base timestamp, from which records count theirs.
    pub(crate) fn with_records(
        &self,
        records: &[RecordView<'_>],
        delete_horizon_ms: Option<i64>,
    ) -> Self {
        let base_timestamp =
            delete_horizon_ms.unwrap_or_else(|| get_i64(&self.bytes, BASE_TIMESTAMP));
        let mut bytes = BytesMut::with_capacity(self.bytes.len() + records.len());
        bytes.extend_from_slice(&self.bytes[..RECORD_BATCH_OVERHEAD]);
        for record in records {
            put_record(&mut bytes, record, base_timestamp);
        }
        let mut attributes = get_i16(&bytes, ATTRIBUTES);
        if delete_horizon_ms.is_some() {
            attributes |= DELETE_HORIZON_FLAG;
            put_i16(&mut bytes, ATTRIBUTES, attributes);
            put_i64(&mut bytes, BASE_TIMESTAMP, base_timestamp);
        }
        let max_timestamp = match records.iter().map(|record| record.timestamp_ms).max() {
            Some(largest) if attributes & TIMESTAMP_TYPE_FLAG == 0 => largest,
            // The time at which it was appended; and an empty batch keeps the time that it had.
            _ => self.max_timestamp,
        };
        put_i64(&mut bytes, MAX_TIMESTAMP, max_timestamp);
        put_i32(&mut bytes, RECORD_COUNT, records.len() as i32);
        let length = bytes.len() - LOG_OVERHEAD;
        put_i32(&mut bytes, BATCH_LENGTH, length as i32);
        put_crc(&mut bytes);
        Self {
            bytes: bytes.freeze(),
            max_timestamp,
            ..*self
        }
    }
}

fn put_record(out: &mut BytesMut, record: &RecordView<'_>, base_timestamp: i64) {
    let mut head = Vec::with_capacity(11);
    head.push(record.attributes);
    put_varint(
        &mut head,
        record.timestamp_ms.saturating_sub(base_timestamp),
    );
    put_varint(out, (head.len() + record.after_timestamp.len()) as i64);
    out.extend_from_slice(&head);
    out.extend_from_slice(record.after_timestamp);
}

/// A zigzag varint.
fn put_varint(out: &mut impl BufMut, value: i64) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.put_u8(left as u8 | 0x80);
        left >>= 7;
    }
    out.put_u8(left as u8);
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::RecordBatchDecoder;

    use super::*;
    use crate::record_batch::ValidBatch;
    use crate::testing::{APPEND_RULES, Sender, keyed_batch};

    fn placed() -> RecordBatch {
        let bytes = keyed_batch(
            &Sender::default(),
            &[
                (1_000, "a", Some("1")),
                (5_000, "b", None),
                (3_000, "a", Some("2")),
            ],
        );
        ValidBatch::check(bytes, &APPEND_RULES)
            .unwrap()
            .place(40, 7)
    }

    /// Offset, timestamp, key and value, by a decoder of another's.
    fn decoded(batch: &RecordBatch) -> Vec<(i64, i64, String, Option<String>)> {
        let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let set = RecordBatchDecoder::decode(&mut batch.bytes().clone()).unwrap();
        let records = set.records.into_iter();
        records
            .map(|r| {
                (
                    r.offset,
                    r.timestamp,
                    text(r.key.unwrap()),
                    r.value.map(text),
                )
            })
            .collect()
    }

    #[test]
    fn records_are_seen_as_they_were_sent() {
        let batch = placed();
        let seen: Vec<_> = batch
            .records()
            .map(|r| (r.offset, r.key, r.has_value))
            .collect();
        let key = |key: &'static str| Some(key.as_bytes());
        assert_eq!(
            seen,
            [
                (40, key("a"), true),
                (41, key("b"), false),
                (42, key("a"), true)
            ]
        );
    }

    #[test]
    fn what_is_left_keeps_its_offsets_and_timestamps() {
        let batch = placed();
        let kept: Vec<_> = batch.records().skip(1).collect();
        let left = batch.with_records(&kept, None);
        let (b, a) = (String::from("b"), String::from("a"));
        let expected = vec![(41, 5_000, b, None), (42, 3_000, a, Some("2".to_owned()))];
        assert_eq!(decoded(&left), expected);
        assert_eq!((left.base_offset(), left.last_offset()), (40, 42));
        assert_eq!((left.max_timestamp(), left.leader_epoch()), (5_000, 7));
        assert_eq!(left.delete_horizon_ms(), None);

        let with_horizon = batch.with_records(&kept, Some(9_999));
        assert_eq!(decoded(&with_horizon), expected);
        assert_eq!(with_horizon.delete_horizon_ms(), Some(9_999));
        // A later pass takes more, and leaves the horizon.
        let last: Vec<_> = with_horizon.records().skip(1).collect();
        let again = with_horizon.with_records(&last, None);
        assert_eq!(decoded(&again), expected[1..]);
        assert_eq!(again.delete_horizon_ms(), Some(9_999));
        assert_eq!(again.max_timestamp(), 3_000);
    }

    #[test]
    fn an_empty_batch_is_still_a_batch() {
        let empty = placed().with_records(&[], None);
        assert_eq!(empty.bytes().len(), RECORD_BATCH_OVERHEAD);
        assert_eq!((empty.record_count(), empty.last_offset()), (0, 42));
        assert_eq!(empty.max_timestamp(), 5_000);
        assert!(decoded(&empty).is_empty());
    }
}
