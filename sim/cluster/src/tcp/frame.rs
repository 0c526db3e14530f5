//! Kafka's framing: a length, a header, a body.

use std::io::{self, Read};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, RequestHeader, RequestKind, ResponseHeader, ResponseKind,
};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::counts;
use crate::api_versions::is_served;
use crate::request::Request;
use crate::requester::ConnectionId;

/// `socket.request.max.bytes`: a longer frame is not read.
const REQUEST_BYTES_MAX: i32 = 100 * 1024 * 1024;

/// Key, version and correlation id: the part of the header that never changes.
const FIXED_HEADER: usize = 8;

/// Room for everything in a response beside the records.
const RESPONSE_CAPACITY: usize = 1024;

/// Why a frame closes its connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("a frame of {0} bytes, between 0 and {REQUEST_BYTES_MAX} are accepted")]
    Length(i32),
    #[error("a frame of {0} bytes is too short for a request header")]
    Short(usize),
    #[error("unknown API key {0}")]
    UnknownApiKey(i16),
    #[error("{key:?} version {version} is not supported")]
    UnsupportedVersion { key: ApiKey, version: i16 },
    #[error("malformed {key:?} version {version}: {cause}")]
    Malformed {
        key: ApiKey,
        version: i16,
        cause: String,
    },
    #[error("response not encodable in version {version}: {cause}")]
    Encode { version: i16, cause: String },
}

/// Reads one frame; `None` at the end of the stream between two frames.
pub(super) fn read(stream: &mut impl Read) -> Result<Option<Bytes>, FrameError> {
    let mut prefix = [0; 4];
    if stream.read(&mut prefix[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut prefix[1..])?;
    let length = i32::from_be_bytes(prefix);
    if !(0..=REQUEST_BYTES_MAX).contains(&length) {
        return Err(FrameError::Length(length));
    }
    let mut frame = Vec::with_capacity(length as usize);
    stream.take(length as u64).read_to_end(&mut frame)?;
    if frame.len() < length as usize {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(Some(frame.into()))
}

/// Decodes a request. The records in it share the frame's memory.
pub(super) fn decode(
    mut frame: Bytes,
    connection: ConnectionId,
    client_host: &str,
) -> Result<Request, FrameError> {
    if frame.len() < FIXED_HEADER {
        return Err(FrameError::Short(frame.len()));
    }
    let key = i16::from_be_bytes([frame[0], frame[1]]);
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let correlation_id = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
    let key = ApiKey::try_from(key).map_err(|()| FrameError::UnknownApiKey(key))?;
    let mut request = Request {
        connection,
        correlation_id,
        api_version: version,
        client_id: String::new(),
        client_host: client_host.to_owned(),
        body: ApiVersionsRequest::default().into(),
    };
    if !is_served(key, version) {
        // A client newer than this server learns the versions to speak from the answer.
        return match key {
            ApiKey::ApiVersions => Ok(request),
            _ => Err(FrameError::UnsupportedVersion { key, version }),
        };
    }
    let malformed = |cause: String| FrameError::Malformed {
        key,
        version,
        cause,
    };
    let header = RequestHeader::decode(&mut frame, key.request_header_version(version))
        .map_err(|cause| malformed(format!("{cause:#}")))?;
    request.client_id = header
        .client_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    counts::check(key, &frame, version).map_err(malformed)?;
    request.body = RequestKind::decode(key, &mut frame, version)
        .map_err(|cause| malformed(format!("{cause:#}")))?;
    // What follows the request is ignored, as by Apache Kafka's brokers (RequestContext.java).
    // librdkafka depends on it: when it asks for the metadata of all topics it leaves three bytes
    // of an array's length that it never filled in (rd_kafka_MetadataRequest0).
    Ok(request)
}

/// Encodes a response with its length prefix.
pub(super) fn encode(
    correlation_id: i32,
    version: i16,
    body: &ResponseKind,
) -> Result<BytesMut, FrameError> {
    let mut frame = BytesMut::with_capacity(RESPONSE_CAPACITY + record_bytes(body));
    frame.put_i32(0);
    ResponseHeader::default()
        .with_correlation_id(correlation_id)
        .encode(&mut frame, body.header_version(version))
        .and_then(|()| body.encode(&mut frame, version))
        .map_err(|cause| FrameError::Encode {
            version,
            cause: format!("{cause:#}"),
        })?;
    let length = (frame.len() - 4) as i32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

fn record_bytes(body: &ResponseKind) -> usize {
    let ResponseKind::Fetch(fetch) = body else {
        return 0;
    };
    let partitions = fetch.responses.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|partition| 128 + partition.records.as_ref().map_or(0, Bytes::len))
        .sum()
}
