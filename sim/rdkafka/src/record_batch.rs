//! Record batches, format v2 (magic 2), as they stand in Produce and Fetch.
//!
//! Own code rather than `kafka_protocol::records`, whose headers are a map: Kafka allows a header
//! key more than once.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::message::{BorrowedHeaders, Timestamp};

/// Bytes before the length field's end.
const PREFIX: usize = 8 + 4;
/// Bytes of a batch before its first record.
const HEADER: usize = PREFIX + 4 + 1 + 4 + 2 + 4 + 8 + 8 + 8 + 2 + 4 + 4;
/// Where the checksummed part starts.
const CHECKED_FROM: usize = PREFIX + 4 + 1 + 4;

const ATTRIBUTE_COMPRESSION: i16 = 0b111;
const ATTRIBUTE_LOG_APPEND_TIME: i16 = 1 << 3;
const ATTRIBUTE_TRANSACTIONAL: i16 = 1 << 4;
const ATTRIBUTE_CONTROL: i16 = 1 << 5;

/// Key of the control record that aborts its producer's transaction: version 0, type 0.
const ABORT_MARKER: &[u8] = &[0, 0, 0, 0];

/// What one record holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordContent {
    /// Milliseconds since the Unix epoch.
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: BorrowedHeaders,
}

/// Who writes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchWriter {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    /// Sequence number of the first record.
    pub(crate) base_sequence: i32,
    pub(crate) transactional: bool,
}

impl BatchWriter {
    /// A producer that is not idempotent.
    pub(crate) const PLAIN: Self = Self {
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        transactional: false,
    };
}

/// A record read from a batch.
#[derive(Debug, Clone)]
pub(crate) struct FetchedRecord {
    pub(crate) offset: i64,
    pub(crate) timestamp: Timestamp,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Option<BorrowedHeaders>,
}

/// The records of a fetch response.
#[derive(Debug, Default)]
pub(crate) struct FetchedRecords {
    pub(crate) records: Vec<FetchedRecord>,
    /// The offset after the last complete batch, control batches included.
    pub(crate) next_offset: Option<i64>,
}

/// A batch that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BatchError {
    /// The bytes are no batch of format v2.
    Malformed,
    /// The batch is compressed, which no simulated producer does.
    Compressed,
}

/// The bytes a record takes in a batch, at most; librdkafka's estimate of its overhead.
pub(crate) fn size_estimate(content: &RecordContent) -> usize {
    let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers: usize = content
        .headers
        .0
        .iter()
        .map(|(key, value)| key.len() + length(value) + 10)
        .sum();
    36 + length(&content.key) + length(&content.value) + headers
}

/// The aborted transactions that a fetch response names: the offsets at which they begin, by
/// producer.
#[derive(Debug, Default)]
pub(crate) struct AbortedTransactions {
    first_offsets: BTreeMap<i64, VecDeque<i64>>,
}

impl AbortedTransactions {
    /// From pairs of producer id and first offset.
    pub(crate) fn new(transactions: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut all: Vec<_> = transactions.into_iter().collect();
        all.sort_unstable();
        let mut aborted = Self::default();
        for (producer_id, first_offset) in all {
            let of_producer = aborted.first_offsets.entry(producer_id).or_default();
            of_producer.push_back(first_offset);
        }
        aborted
    }

    /// Whether a producer's transaction that covers this offset was aborted.
    fn covers(&self, producer_id: i64, offset: i64) -> bool {
        let first = self.first_offsets.get(&producer_id);
        first
            .and_then(VecDeque::front)
            .is_some_and(|first| *first <= offset)
    }

    /// A marker that aborts: what its producer writes from here on is another transaction's. One whose
    /// transaction wrote nothing here ends none of these (rdkafka_msgset_reader.c).
    fn end(&mut self, producer_id: i64, marker_offset: i64) {
        if self.covers(producer_id, marker_offset)
            && let Some(of_producer) = self.first_offsets.get_mut(&producer_id)
        {
            of_producer.pop_front();
        }
    }
}

/// Encodes one batch with base offset 0.
///
/// # Panics
/// If there are no records.
pub(crate) fn encode(records: &[RecordContent], writer: &BatchWriter) -> Bytes {
    assert!(!records.is_empty(), "a batch holds at least one record");
    let base_timestamp = records[0].timestamp;
    let max_timestamp = records
        .iter()
        .map(|record| record.timestamp)
        .max()
        .unwrap_or(base_timestamp);
    let size: usize = records.iter().map(size_estimate).sum();
    let mut batch = BytesMut::with_capacity(HEADER + size);
    batch.put_i64(0);
    batch.put_i32(0);
    batch.put_i32(-1);
    batch.put_i8(2);
    batch.put_u32(0);
    batch.put_i16(if writer.transactional {
        ATTRIBUTE_TRANSACTIONAL
    } else {
        0
    });
    batch.put_i32(records.len() as i32 - 1);
    batch.put_i64(base_timestamp);
    batch.put_i64(max_timestamp);
    batch.put_i64(writer.producer_id);
    batch.put_i16(writer.producer_epoch);
    batch.put_i32(writer.base_sequence);
    batch.put_i32(records.len() as i32);
    let mut body = BytesMut::new();
    for (delta, record) in (0_i64..).zip(records) {
        body.clear();
        encode_record(&mut body, delta, record.timestamp - base_timestamp, record);
        put_varint(&mut batch, body.len() as i64);
        batch.extend_from_slice(&body);
    }
    let length = (batch.len() - PREFIX) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c(&batch[CHECKED_FROM..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch.freeze()
}

fn encode_record(
    buffer: &mut BytesMut,
    offset_delta: i64,
    timestamp_delta: i64,
    record: &RecordContent,
) {
    buffer.put_i8(0);
    put_varint(buffer, timestamp_delta);
    put_varint(buffer, offset_delta);
    put_optional(buffer, record.key.as_deref());
    put_optional(buffer, record.value.as_deref());
    put_varint(buffer, record.headers.0.len() as i64);
    for (key, value) in &record.headers.0 {
        put_optional(buffer, Some(key.as_bytes()));
        put_optional(buffer, value.as_deref());
    }
}

fn put_optional(buffer: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(buffer, -1),
        Some(bytes) => {
            put_varint(buffer, bytes.len() as i64);
            buffer.extend_from_slice(bytes);
        }
    }
}

/// Zigzag varint, as in Protocol Buffers.
fn put_varint(buffer: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        buffer.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    buffer.put_u8(rest as u8);
}

/// Reads all complete batches; a batch cut off at the end is left for the next fetch, as the
/// protocol allows. Control batches and batches of aborted transactions only move the offset.
///
/// # Errors
/// [`BatchError`] for the first batch that cannot be read.
pub(crate) fn decode(
    mut bytes: Bytes,
    mut aborted: AbortedTransactions,
) -> Result<FetchedRecords, BatchError> {
    let mut fetched = FetchedRecords::default();
    while bytes.len() >= HEADER {
        let length = i32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        let size = PREFIX + usize::try_from(length).map_err(|_| BatchError::Malformed)?;
        if bytes.len() < size {
            break;
        }
        decode_batch(bytes.split_to(size), &mut aborted, &mut fetched)?;
    }
    Ok(fetched)
}

fn decode_batch(
    mut batch: Bytes,
    aborted: &mut AbortedTransactions,
    fetched: &mut FetchedRecords,
) -> Result<(), BatchError> {
    let base_offset = batch.get_i64();
    batch.advance(4 + 4);
    if batch.get_i8() != 2 {
        return Err(BatchError::Malformed);
    }
    batch.advance(4);
    let attributes = batch.get_i16();
    let last_offset_delta = batch.get_i32();
    let base_timestamp = batch.get_i64();
    let max_timestamp = batch.get_i64();
    let producer_id = batch.get_i64();
    batch.advance(2 + 4);
    let count = batch.get_i32();
    fetched.next_offset = Some(base_offset + i64::from(last_offset_delta) + 1);
    if attributes & ATTRIBUTE_COMPRESSION != 0 {
        return Err(BatchError::Compressed);
    }
    if attributes & ATTRIBUTE_CONTROL != 0 {
        if marker_key(&mut batch)?.as_deref() == Some(ABORT_MARKER) {
            aborted.end(producer_id, base_offset);
        }
        return Ok(());
    }
    if attributes & ATTRIBUTE_TRANSACTIONAL != 0 && aborted.covers(producer_id, base_offset) {
        return Ok(());
    }
    for _ in 0..count {
        let mut record = take(&mut batch)?.ok_or(BatchError::Malformed)?;
        if record.is_empty() {
            return Err(BatchError::Malformed);
        }
        record.advance(1);
        let timestamp = base_timestamp + get_varint(&mut record)?;
        let offset = base_offset + get_varint(&mut record)?;
        let key = take(&mut record)?;
        let value = take(&mut record)?;
        fetched.records.push(FetchedRecord {
            offset,
            timestamp: if attributes & ATTRIBUTE_LOG_APPEND_TIME != 0 {
                Timestamp::LogAppendTime(max_timestamp)
            } else if timestamp == -1 {
                Timestamp::NotAvailable
            } else {
                Timestamp::CreateTime(timestamp)
            },
            key,
            value,
            headers: decode_headers(&mut record)?,
        });
    }
    Ok(())
}

/// The key of a control batch's only record.
fn marker_key(batch: &mut Bytes) -> Result<Option<Bytes>, BatchError> {
    let mut record = take(batch)?
        .filter(|record| !record.is_empty())
        .ok_or(BatchError::Malformed)?;
    record.advance(1);
    get_varint(&mut record)?;
    get_varint(&mut record)?;
    take(&mut record)
}

fn decode_headers(record: &mut Bytes) -> Result<Option<BorrowedHeaders>, BatchError> {
    let count = get_varint(record)?;
    if count == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    for _ in 0..count {
        let key = take(record)?.ok_or(BatchError::Malformed)?;
        let key = String::from_utf8(key.to_vec()).map_err(|_| BatchError::Malformed)?;
        headers.push((key, take(record)?));
    }
    Ok(Some(BorrowedHeaders(headers)))
}

/// Bytes with their length in front; none for length -1.
fn take(bytes: &mut Bytes) -> Result<Option<Bytes>, BatchError> {
    match get_varint(bytes)? {
        -1 => Ok(None),
        length => match usize::try_from(length) {
            Ok(length) if length <= bytes.len() => Ok(Some(bytes.split_to(length))),
            _ => Err(BatchError::Malformed),
        },
    }
}

fn get_varint(bytes: &mut Bytes) -> Result<i64, BatchError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        if bytes.is_empty() {
            return Err(BatchError::Malformed);
        }
        let byte = bytes.get_u8();
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(BatchError::Malformed)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::RecordBatchDecoder;
    use proptest::prelude::*;

    use super::*;

    fn content(timestamp: i64, key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> RecordContent {
        RecordContent {
            timestamp,
            key: key.map(Bytes::from),
            value: value.map(Bytes::from),
            headers: BorrowedHeaders(vec![
                ("h".to_owned(), Some(Bytes::from_static(b"1"))),
                ("h".to_owned(), None),
            ]),
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            parts in prop::collection::vec(
                (0..2_000_000_000_000_i64, any::<Option<Vec<u8>>>(), any::<Option<Vec<u8>>>()),
                1..20,
            ),
        ) {
            let contents: Vec<_> = parts
                .into_iter()
                .map(|(timestamp, key, value)| content(timestamp, key, value))
                .collect();
            let batch = encode(&contents, &BatchWriter::PLAIN);
            prop_assert!(batch.len() <= HEADER + contents.iter().map(size_estimate).sum::<usize>());
            let fetched = decode(batch, AbortedTransactions::default()).unwrap();
            prop_assert_eq!(fetched.next_offset, Some(contents.len() as i64));
            for ((index, record), content) in fetched.records.iter().enumerate().zip(&contents) {
                prop_assert_eq!(record.offset, index as i64);
                prop_assert_eq!(record.timestamp, Timestamp::CreateTime(content.timestamp));
                prop_assert_eq!(&record.key, &content.key);
                prop_assert_eq!(&record.value, &content.value);
                prop_assert_eq!(
                    &record.headers.as_ref().unwrap().0, &content.headers.0
                );
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(Bytes::from(bytes), AbortedTransactions::default());
        }
    }

    #[test]
    fn another_decoder_reads_the_same_and_accepts_the_checksum() {
        let contents = [
            content(5, None, Some(b"a".to_vec())),
            content(9, Some(b"k".to_vec()), None),
        ];
        let writer = BatchWriter {
            producer_id: 7,
            producer_epoch: 3,
            base_sequence: 11,
            transactional: true,
        };
        let mut batch = encode(&contents, &writer);
        let set = RecordBatchDecoder::decode(&mut batch).unwrap();
        let values: Vec<_> = set
            .records
            .iter()
            .map(|record| record.value.clone())
            .collect();
        assert_eq!(values, [Some(Bytes::from_static(b"a")), None]);
        let last = &set.records[1];
        assert_eq!((last.timestamp, last.sequence), (9, 12));
        assert_eq!((last.producer_id, last.producer_epoch), (7, 3));
        assert!(last.transactional);
    }

    #[test]
    fn a_batch_cut_off_waits_for_the_next_fetch() {
        let one = encode(&[content(5, None, None)], &BatchWriter::PLAIN);
        let mut bytes = BytesMut::from(&one[..]);
        bytes.extend_from_slice(&one[..one.len() - 1]);
        let fetched = decode(bytes.freeze(), AbortedTransactions::default()).unwrap();
        assert_eq!((fetched.records.len(), fetched.next_offset), (1, Some(1)));
    }

    #[test]
    fn an_aborted_transaction_ends_at_its_marker() {
        let writer = BatchWriter {
            producer_id: 7,
            producer_epoch: 0,
            base_sequence: 0,
            transactional: true,
        };
        let mut log = BytesMut::new();
        let mut append = |writer: &BatchWriter, attributes: i16, key: Option<&[u8]>| {
            let batch = encode(&[content(5, key.map(<[u8]>::to_vec), None)], writer);
            let mut batch = BytesMut::from(&batch[..]);
            if attributes != 0 {
                batch[21..23].copy_from_slice(&attributes.to_be_bytes());
            }
            log.extend_from_slice(&batch);
        };
        append(&writer, 0, None);
        append(&BatchWriter::PLAIN, 0, None);
        append(
            &writer,
            ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL,
            Some(ABORT_MARKER),
        );
        append(&writer, 0, None);
        let mut at = 0;
        for offset in 0..4_i64 {
            log[at..at + 8].copy_from_slice(&offset.to_be_bytes());
            let length = i32::from_be_bytes([log[at + 8], log[at + 9], log[at + 10], log[at + 11]]);
            at += PREFIX + length as usize;
        }
        let offsets = |aborted| {
            let fetched = decode(log.clone().freeze(), aborted).unwrap();
            assert_eq!(fetched.next_offset, Some(4));
            let records = fetched.records.iter().map(|record| record.offset);
            records.collect::<Vec<_>>()
        };
        assert_eq!(offsets(AbortedTransactions::new([(7, 0)])), [1, 3]);
        assert_eq!(offsets(AbortedTransactions::new([(8, 0)])), [0, 1, 3]);
        assert_eq!(offsets(AbortedTransactions::default()), [0, 1, 3]);
        // The marker may be of a transaction that wrote nothing here: it ends no later one.
        assert_eq!(offsets(AbortedTransactions::new([(7, 3)])), [0, 1]);
    }
}
