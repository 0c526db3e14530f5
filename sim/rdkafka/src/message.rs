//! Messages, received and to be sent.
#![expect(
    unsafe_code,
    reason = "`Message::payload_mut` is an unsafe method in rdkafka; what stands here is safe"
)]

use std::fmt;
use std::marker::PhantomData;
use std::str::{self, Utf8Error};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::error::KafkaError;
use crate::util::{current_time_millis, millis_to_epoch};

pub use crate::headers::{BorrowedHeaders, Header, Headers, HeadersIter, OwnedHeaders};

/// When a message was made or appended, in milliseconds since the Unix epoch.
#[derive(Debug, PartialOrd, Ord, PartialEq, Eq, Clone, Copy)]
pub enum Timestamp {
    /// Not known.
    NotAvailable,
    /// When the producer made it.
    CreateTime(i64),
    /// When the broker appended it.
    LogAppendTime(i64),
}

impl Timestamp {
    /// The number; none if there is none, or it is -1.
    pub fn to_millis(self) -> Option<i64> {
        match self {
            Self::NotAvailable | Self::CreateTime(-1) | Self::LogAppendTime(-1) => None,
            Self::CreateTime(millis) | Self::LogAppendTime(millis) => Some(millis),
        }
    }

    /// The present wall-clock time.
    pub fn now() -> Timestamp {
        Self::CreateTime(current_time_millis())
    }
}

impl From<i64> for Timestamp {
    fn from(millis: i64) -> Timestamp {
        Self::CreateTime(millis)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        Self::CreateTime(millis_to_epoch(time))
    }
}

/// Read access to a message.
pub trait Message {
    /// The type of its headers.
    type Headers: Headers;

    /// The key; none is not the same as empty.
    fn key(&self) -> Option<&[u8]>;

    /// The payload; none (a tombstone) is not the same as empty.
    fn payload(&self) -> Option<&[u8]>;

    /// The payload, to be changed in place.
    ///
    /// # Safety
    /// In rdkafka: nobody else may read the payload meanwhile. Here a copy is changed.
    unsafe fn payload_mut(&mut self) -> Option<&mut [u8]>;

    /// The topic.
    fn topic(&self) -> &str;

    /// The partition.
    fn partition(&self) -> i32;

    /// The offset.
    fn offset(&self) -> i64;

    /// The timestamp.
    fn timestamp(&self) -> Timestamp;

    /// The payload, converted.
    fn payload_view<P: ?Sized + FromBytes>(&self) -> Option<Result<&P, P::Error>> {
        self.payload().map(P::from_bytes)
    }

    /// The key, converted.
    fn key_view<K: ?Sized + FromBytes>(&self) -> Option<Result<&K, K::Error>> {
        self.key().map(K::from_bytes)
    }

    /// The headers, if there are any.
    fn headers(&self) -> Option<&Self::Headers>;
}

/// What a message holds.
#[derive(Debug, Clone)]
pub(crate) struct MessageData {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Timestamp,
    pub(crate) key: Option<Bytes>,
    pub(crate) payload: Option<Bytes>,
    pub(crate) headers: Option<BorrowedHeaders>,
}

/// A message that belongs to a client; it cannot outlive it.
pub struct BorrowedMessage<'a> {
    data: MessageData,
    changed_payload: Option<Vec<u8>>,
    owner: PhantomData<&'a u8>,
}

/// How a delivery ended: the message as delivered, or the error and the message.
pub type DeliveryResult<'a> = Result<BorrowedMessage<'a>, (KafkaError, BorrowedMessage<'a>)>;

impl fmt::Debug for BorrowedMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Message {{ {} [{}] @ {} }}",
            self.data.topic, self.data.partition, self.data.offset
        )
    }
}

impl BorrowedMessage<'_> {
    pub(crate) fn new(data: MessageData) -> Self {
        Self {
            data,
            changed_payload: None,
            owner: PhantomData,
        }
    }

    pub(crate) fn shared_topic(&self) -> &Arc<str> {
        &self.data.topic
    }

    /// The length of the key; 0 if there is none.
    pub fn key_len(&self) -> usize {
        self.key().map_or(0, <[u8]>::len)
    }

    /// The length of the payload; 0 if there is none.
    pub fn payload_len(&self) -> usize {
        self.payload().map_or(0, <[u8]>::len)
    }

    /// A copy that lives as long as one likes.
    pub fn detach(&self) -> OwnedMessage {
        OwnedMessage {
            key: self.key().map(<[u8]>::to_vec),
            payload: self.payload().map(<[u8]>::to_vec),
            topic: self.topic().to_owned(),
            timestamp: self.timestamp(),
            partition: self.partition(),
            offset: self.offset(),
            headers: self.headers().map(BorrowedHeaders::detach),
        }
    }
}

impl Message for BorrowedMessage<'_> {
    type Headers = BorrowedHeaders;

    fn key(&self) -> Option<&[u8]> {
        self.data.key.as_deref()
    }

    fn payload(&self) -> Option<&[u8]> {
        match &self.changed_payload {
            Some(changed) => Some(changed),
            None => self.data.payload.as_deref(),
        }
    }

    unsafe fn payload_mut(&mut self) -> Option<&mut [u8]> {
        if self.changed_payload.is_none() {
            self.changed_payload = self.data.payload.as_deref().map(<[u8]>::to_vec);
        }
        self.changed_payload.as_deref_mut()
    }

    fn topic(&self) -> &str {
        &self.data.topic
    }

    fn partition(&self) -> i32 {
        self.data.partition
    }

    fn offset(&self) -> i64 {
        self.data.offset
    }

    fn timestamp(&self) -> Timestamp {
        self.data.timestamp
    }

    fn headers(&self) -> Option<&BorrowedHeaders> {
        self.data.headers.as_ref()
    }
}

/// A message of one's own.
#[derive(Debug, Clone)]
pub struct OwnedMessage {
    payload: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    topic: String,
    timestamp: Timestamp,
    partition: i32,
    offset: i64,
    headers: Option<OwnedHeaders>,
}

impl OwnedMessage {
    /// A message of these parts.
    pub fn new(
        payload: Option<Vec<u8>>,
        key: Option<Vec<u8>>,
        topic: String,
        timestamp: Timestamp,
        partition: i32,
        offset: i64,
        headers: Option<OwnedHeaders>,
    ) -> OwnedMessage {
        Self {
            payload,
            key,
            topic,
            timestamp,
            partition,
            offset,
            headers,
        }
    }

    /// Takes the headers out.
    pub fn detach_headers(&mut self) -> Option<OwnedHeaders> {
        self.headers.take()
    }

    /// The message with other headers.
    #[must_use]
    pub fn replace_headers(mut self, headers: Option<OwnedHeaders>) -> Self {
        self.headers = headers;
        self
    }

    /// The message with another payload.
    #[must_use]
    pub fn set_payload(mut self, payload: Option<Vec<u8>>) -> Self {
        self.payload = payload;
        self
    }

    /// The message with another key.
    #[must_use]
    pub fn set_key(mut self, key: Option<Vec<u8>>) -> Self {
        self.key = key;
        self
    }

    /// The message with another topic.
    #[must_use]
    pub fn set_topic(mut self, topic: String) -> Self {
        self.topic = topic;
        self
    }

    /// The message with another timestamp.
    #[must_use]
    pub fn set_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The message with another partition.
    #[must_use]
    pub fn set_partition(mut self, partition: i32) -> Self {
        self.partition = partition;
        self
    }

    /// The message with another offset.
    #[must_use]
    pub fn set_offset(mut self, offset: i64) -> Self {
        self.offset = offset;
        self
    }
}

impl Message for OwnedMessage {
    type Headers = OwnedHeaders;

    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref()
    }

    unsafe fn payload_mut(&mut self) -> Option<&mut [u8]> {
        self.payload.as_deref_mut()
    }

    fn topic(&self) -> &str {
        &self.topic
    }

    fn partition(&self) -> i32 {
        self.partition
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    fn headers(&self) -> Option<&OwnedHeaders> {
        self.headers.as_ref()
    }
}

/// A type that bytes can be viewed as.
pub trait FromBytes {
    /// Why bytes may not be viewed as this.
    type Error;

    /// The view.
    ///
    /// # Errors
    /// If the bytes do not form such a value.
    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error>;
}

impl FromBytes for [u8] {
    type Error = ();

    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error> {
        Ok(bytes)
    }
}

impl FromBytes for str {
    type Error = Utf8Error;

    fn from_bytes(bytes: &[u8]) -> Result<&Self, Self::Error> {
        str::from_utf8(bytes)
    }
}

/// A type that can be viewed as bytes.
pub trait ToBytes {
    /// The view.
    fn to_bytes(&self) -> &[u8];
}

impl ToBytes for [u8] {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}

impl ToBytes for str {
    fn to_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl ToBytes for Vec<u8> {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}

impl ToBytes for String {
    fn to_bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<T: ToBytes> ToBytes for &T {
    fn to_bytes(&self) -> &[u8] {
        (*self).to_bytes()
    }
}

impl ToBytes for () {
    fn to_bytes(&self) -> &[u8] {
        &[]
    }
}

impl<const N: usize> ToBytes for [u8; N] {
    fn to_bytes(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_of_minus_one_is_none() {
        assert_eq!(Timestamp::CreateTime(100).to_millis(), Some(100));
        assert_eq!(Timestamp::LogAppendTime(-1).to_millis(), None);
        assert_eq!(Timestamp::NotAvailable.to_millis(), None);
        assert_eq!(Timestamp::from(100), Timestamp::CreateTime(100));
    }

    #[test]
    fn a_changed_payload_is_what_the_message_shows() {
        let mut message = BorrowedMessage::new(MessageData {
            topic: "t".into(),
            partition: 0,
            offset: 1,
            timestamp: Timestamp::NotAvailable,
            key: None,
            payload: Some(Bytes::from_static(b"abc")),
            headers: None,
        });
        // SAFETY: nobody else reads the payload.
        unsafe { message.payload_mut() }.unwrap()[0] = b'x';
        assert_eq!(message.payload(), Some(&b"xbc"[..]));
        assert_eq!(message.detach().payload_view::<str>(), Some(Ok("xbc")));
        assert_eq!((message.key_len(), message.payload_len()), (0, 3));
    }
}
