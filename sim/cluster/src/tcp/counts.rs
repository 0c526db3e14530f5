//! A look at a request before it is decoded: whether it holds as many things as it says.
//!
//! The decoder reserves memory for an array as soon as it has read its length, and a length that a
//! few bytes claim can be more than any machine has: the process would abort. So the request is
//! first decoded from a buffer that never yields a length beyond the bytes that follow it. What
//! fails there is broken; what does not has no such length, and may be decoded as it is.

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::buf::ByteBuf;

/// Memory for so many elements is reserved whatever follows. Tags of fields are below it, which are
/// no lengths, but are written like them.
const HARMLESS: usize = 0xffff;

/// A varint has five bytes at most.
const VARINT_BYTES_MAX: usize = 5;

/// Decodes a request without keeping it.
///
/// Fails where the request's lengths go beyond its bytes, and wherever else it cannot be decoded;
/// a request that is not served is not looked at.
pub(super) fn check(key: ApiKey, body: &Bytes, version: i16) -> Result<(), String> {
    let buf = &mut Counted {
        bytes: body.clone(),
        in_varint: 0,
    };
    macro_rules! decoded {
        ($($key:ident: $request:ident),* $(,)?) => {
            match key {
                $(ApiKey::$key => $request::decode(buf, version).map(drop),)*
                _ => Ok(()),
            }
        };
    }
    let decoded = decoded! {
        Produce: ProduceRequest,
        Fetch: FetchRequest,
        ListOffsets: ListOffsetsRequest,
        Metadata: MetadataRequest,
        OffsetCommit: OffsetCommitRequest,
        OffsetFetch: OffsetFetchRequest,
        FindCoordinator: FindCoordinatorRequest,
        JoinGroup: JoinGroupRequest,
        Heartbeat: HeartbeatRequest,
        LeaveGroup: LeaveGroupRequest,
        SyncGroup: SyncGroupRequest,
        DescribeGroups: DescribeGroupsRequest,
        ListGroups: ListGroupsRequest,
        ApiVersions: ApiVersionsRequest,
        CreateTopics: CreateTopicsRequest,
        DeleteTopics: DeleteTopicsRequest,
        DeleteRecords: DeleteRecordsRequest,
        InitProducerId: InitProducerIdRequest,
        OffsetForLeaderEpoch: OffsetForLeaderEpochRequest,
        AddPartitionsToTxn: AddPartitionsToTxnRequest,
        AddOffsetsToTxn: AddOffsetsToTxnRequest,
        EndTxn: EndTxnRequest,
        TxnOffsetCommit: TxnOffsetCommitRequest,
        DescribeConfigs: DescribeConfigsRequest,
        AlterConfigs: AlterConfigsRequest,
        CreatePartitions: CreatePartitionsRequest,
        DeleteGroups: DeleteGroupsRequest,
        IncrementalAlterConfigs: IncrementalAlterConfigsRequest,
        OffsetDelete: OffsetDeleteRequest,
        DescribeCluster: DescribeClusterRequest,
        ConsumerGroupHeartbeat: ConsumerGroupHeartbeatRequest,
        ConsumerGroupDescribe: ConsumerGroupDescribeRequest,
    };
    decoded.map_err(|cause| format!("{cause:#}"))
}

/// A buffer in which no number that could be a length exceeds what follows it.
struct Counted {
    bytes: Bytes,
    /// How many bytes of the varint being read are still to come.
    in_varint: usize,
}

impl Buf for Counted {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    /// A number of 32 bits may be a length or not: one that is too large for a length becomes the
    /// smallest that is, which changes nothing for what is none.
    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        let number = self.bytes.try_get_i32()?;
        let too_many = i32::try_from(self.remaining() + 1).unwrap_or(i32::MAX);
        Ok(number.min(too_many))
    }

    /// The first byte of a varint decides about all of it.
    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        if self.in_varint > 0 {
            self.in_varint -= 1;
            return self.bytes.try_get_u8();
        }
        let (length, size) = varint(&self.bytes);
        let available = self.remaining().saturating_sub(size);
        if length > available.max(HARMLESS) {
            return Err(TryGetError {
                requested: length,
                available,
            });
        }
        self.in_varint = size.saturating_sub(1);
        self.bytes.try_get_u8()
    }
}

impl ByteBuf for Counted {
    fn peek_bytes(&mut self, range: std::ops::Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.bytes.split_to(size)
    }
}

/// The unsigned varint that the bytes begin with, and how many of them it is.
fn varint(bytes: &[u8]) -> (usize, usize) {
    let mut value = 0;
    let mut size = 0;
    for byte in bytes.iter().take(VARINT_BYTES_MAX) {
        value |= usize::from(byte & 0x7f) << (7 * size);
        size += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (value, size)
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use kafka_protocol::protocol::Encodable;

    use super::*;
    use crate::api_versions::{advertised_keys, served_versions};
    use crate::tests::versions::request;

    #[test]
    fn every_request_that_is_served_is_looked_at_and_passes_whole_but_not_cut_off() {
        for key in advertised_keys() {
            let range = served_versions(key).unwrap();
            for version in range.min..=range.max {
                let mut body = BytesMut::new();
                request(key, version, "here")
                    .encode(&mut body, version)
                    .unwrap();
                let body = body.freeze();
                assert_eq!(check(key, &body, version), Ok(()), "{key:?} {version}");
                if let Some(cut) = body.len().checked_sub(1) {
                    let cut = check(key, &body.slice(..cut), version);
                    assert!(cut.is_err(), "{key:?} {version}");
                }
            }
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_and_a_large_number_is_not() {
        let mut many = BytesMut::new();
        many.put_i32(i32::MAX);
        assert!(check(ApiKey::Metadata, &many.freeze(), 1).is_err());
        let compact = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]);
        assert!(check(ApiKey::Metadata, &compact, 9).is_err());
        let mut patient = BytesMut::new();
        let fetch = FetchRequest::default()
            .with_max_wait_ms(i32::MAX)
            .with_max_bytes(i32::MAX);
        fetch.encode(&mut patient, 12).unwrap();
        assert_eq!(check(ApiKey::Fetch, &patient.freeze(), 12), Ok(()));
    }
}
