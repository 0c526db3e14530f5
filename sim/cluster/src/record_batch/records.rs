//! The records within a batch that is not compressed.

use super::{BASE_OFFSET, BASE_TIMESTAMP, RECORD_BATCH_OVERHEAD, RecordBatch, get_i64, varint};

/// A record, as far as a broker looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordView<'a> {
    pub(super) attributes: u8,
    pub(crate) timestamp_ms: i64,
    pub(crate) offset: i64,
    pub(crate) key: Option<&'a [u8]>,
    /// False for a tombstone.
    pub(crate) has_value: bool,
    /// Its bytes from the offset delta on.
    pub(super) after_timestamp: &'a [u8],
}

impl RecordBatch {
    /// Its records in order. Those that the cleaner took out are not there any more.
    ///
    /// Ends early where the bytes are no records: nobody has looked at them before.
    pub(crate) fn records(&self) -> impl Iterator<Item = RecordView<'_>> {
        all_of(&self.bytes)
    }
}

/// The records of these bytes, which are those of a batch.
pub(super) fn all_of(batch: &[u8]) -> impl Iterator<Item = RecordView<'_>> {
    let mut left = &batch[RECORD_BATCH_OVERHEAD..];
    let base = (get_i64(batch, BASE_TIMESTAMP), get_i64(batch, BASE_OFFSET));
    std::iter::from_fn(move || {
        let (record, rest) = read(left, base)?;
        left = rest;
        Some(record)
    })
}

/// The first record and what follows it; its deltas are to this timestamp and offset.
fn read(
    records: &[u8],
    (base_timestamp, base_offset): (i64, i64),
) -> Option<(RecordView<'_>, &[u8])> {
    let (length, body_and_rest) = varint(records)?;
    let (body, rest) = body_and_rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (attributes, after) = body.split_first()?;
    let (timestamp_delta, after_timestamp) = varint(after)?;
    let (offset_delta, after) = varint(after_timestamp)?;
    let (key, after) = sized(after)?;
    let (value_length, _) = varint(after)?;
    let record = RecordView {
        attributes: *attributes,
        timestamp_ms: base_timestamp.saturating_add(timestamp_delta),
        offset: base_offset + offset_delta,
        key,
        has_value: value_length >= 0,
        after_timestamp,
    };
    Some((record, rest))
}

/// Bytes behind their length, which is -1 for none.
fn sized(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, after) = varint(bytes)?;
    if length < 0 {
        return Some((None, after));
    }
    let (sized, rest) = after.split_at_checked(usize::try_from(length).ok()?)?;
    Some((Some(sized), rest))
}
