//! Control batches: the markers at the end of transactions (`EndTransactionMarker.java`,
//! `ControlRecordType.java`).

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// `ControlRecordType.ABORT`.
const ABORT: i16 = 0;

/// `ControlRecordType.COMMIT`.
const COMMIT: i16 = 1;

/// A marker: version and type as its key, version and coordinator epoch as its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndTransactionMarker {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) committed: bool,
    /// Leader epoch of the coordinator's `__transaction_state` partition.
    pub(crate) coordinator_epoch: i32,
    pub(crate) timestamp_ms: i64,
}

impl EndTransactionMarker {
    /// The marker as a record batch.
    pub(crate) fn encode(&self) -> Result<Bytes, ResponseError> {
        let kind = if self.committed { COMMIT } else { ABORT };
        let key = [0i16.to_be_bytes(), kind.to_be_bytes()].concat();
        let mut value = 0i16.to_be_bytes().to_vec();
        value.extend(self.coordinator_epoch.to_be_bytes());
        let record = Record {
            transactional: true,
            control: true,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            timestamp_type: TimestampType::Creation,
            offset: 0,
            sequence: -1,
            timestamp: self.timestamp_ms,
            key: Some(key.into()),
            value: Some(value.into()),
            headers: IndexMap::default(),
        };
        let options = RecordEncodeOptions {
            version: 2,
            compression: Compression::None,
        };
        let mut bytes = BytesMut::new();
        RecordBatchEncoder::encode(&mut bytes, [&record], &options)
            .map_err(|_| ResponseError::UnknownServerError)?;
        Ok(bytes.freeze())
    }
}

/// Whether a marker with this key commits; `None` for control records of other types.
pub(crate) fn is_commit(key: &[u8]) -> Option<bool> {
    match key {
        [_, _, high, low] => match i16::from_be_bytes([*high, *low]) {
            COMMIT => Some(true),
            ABORT => Some(false),
            _ => None,
        },
        _ => None,
    }
}
