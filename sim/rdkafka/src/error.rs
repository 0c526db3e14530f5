//! What can go wrong.

use std::error::Error;
use std::ffi::NulError;
use std::fmt;

use crate::types::{RDKafkaConfRes, RDKafkaRespErr};

pub use crate::types::RDKafkaErrorCode;

/// Result of an operation on a client.
pub type KafkaResult<T> = Result<T, KafkaError>;

/// Whether a value stands for an error.
pub trait IsError {
    /// Whether this is an error.
    fn is_error(&self) -> bool;
}

impl IsError for RDKafkaRespErr {
    fn is_error(&self) -> bool {
        *self != Self::RD_KAFKA_RESP_ERR_NO_ERROR
    }
}

impl IsError for RDKafkaConfRes {
    fn is_error(&self) -> bool {
        *self != Self::RD_KAFKA_CONF_OK
    }
}

impl IsError for RDKafkaError {
    fn is_error(&self) -> bool {
        self.0.is_some()
    }
}

/// An error of librdkafka's transactional API, with its properties.
#[derive(Clone)]
pub struct RDKafkaError(Option<ErrorDetail>);

#[derive(Clone)]
struct ErrorDetail {
    code: RDKafkaErrorCode,
    text: String,
    fatal: bool,
    retriable: bool,
    requires_abort: bool,
}

impl RDKafkaError {
    /// An error that is neither fatal, nor retriable, nor abortable.
    pub(crate) fn new(code: RDKafkaErrorCode, text: impl Into<String>) -> Self {
        Self(Some(ErrorDetail {
            code,
            text: text.into(),
            fatal: false,
            retriable: false,
            requires_abort: false,
        }))
    }

    /// An error after which the client is of no further use.
    pub(crate) fn fatal(code: RDKafkaErrorCode, text: impl Into<String>) -> Self {
        Self::new(code, text).with(|detail| detail.fatal = true)
    }

    /// An error after which the same call may be made again.
    pub(crate) fn retriable(code: RDKafkaErrorCode, text: impl Into<String>) -> Self {
        Self::new(code, text).with(|detail| detail.retriable = true)
    }

    /// An error after which the transaction has to be aborted.
    pub(crate) fn abortable(code: RDKafkaErrorCode, text: impl Into<String>) -> Self {
        Self::new(code, text).with(|detail| detail.requires_abort = true)
    }

    fn with(mut self, set: impl FnOnce(&mut ErrorDetail)) -> Self {
        if let Some(detail) = &mut self.0 {
            set(detail);
        }
        self
    }

    /// The code; `NoError` if this is none.
    pub fn code(&self) -> RDKafkaErrorCode {
        self.0
            .as_ref()
            .map_or(RDKafkaErrorCode::NoError, |detail| detail.code)
    }

    /// librdkafka's short name of the code.
    pub fn name(&self) -> String {
        self.code().native_name().to_owned()
    }

    /// What happened, in words.
    pub fn string(&self) -> String {
        self.0.as_ref().map_or_else(
            || self.code().text().to_owned(),
            |detail| detail.text.clone(),
        )
    }

    /// Whether the client is of no further use.
    pub fn is_fatal(&self) -> bool {
        self.0.as_ref().is_some_and(|detail| detail.fatal)
    }

    /// Whether the call may be tried again.
    pub fn is_retriable(&self) -> bool {
        self.0.as_ref().is_some_and(|detail| detail.retriable)
    }

    /// Whether the transaction has to be aborted.
    pub fn txn_requires_abort(&self) -> bool {
        self.0.as_ref().is_some_and(|detail| detail.requires_abort)
    }
}

impl PartialEq for RDKafkaError {
    fn eq(&self, other: &Self) -> bool {
        self.code() == other.code()
    }
}

impl Eq for RDKafkaError {}

impl fmt::Debug for RDKafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RDKafkaError({self})")
    }
}

impl fmt::Display for RDKafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.string())
    }
}

impl Error for RDKafkaError {}

/// What went wrong, by the operation that failed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KafkaError {
    /// An admin operation could not be created.
    AdminOpCreation(String),
    /// An admin operation failed as a whole.
    AdminOp(RDKafkaErrorCode),
    /// The client went away before the operation was done.
    Canceled,
    /// A property was refused: result, text, key, value.
    ClientConfig(RDKafkaConfRes, String, String, String),
    /// A client could not be created.
    ClientCreation(String),
    /// An offset commit failed.
    ConsumerCommit(RDKafkaErrorCode),
    /// Closing the consumer's queue failed.
    ConsumerQueueClose(RDKafkaErrorCode),
    /// A flush failed.
    Flush(RDKafkaErrorCode),
    /// An error of the client as a whole.
    Global(RDKafkaErrorCode),
    /// Fetching the list of groups failed.
    GroupListFetch(RDKafkaErrorCode),
    /// A consumer error.
    MessageConsumption(RDKafkaErrorCode),
    /// A consumer error after which the consumer is of no further use.
    MessageConsumptionFatal(RDKafkaErrorCode),
    /// A message was not produced.
    MessageProduction(RDKafkaErrorCode),
    /// Fetching metadata, offsets or an assignment failed.
    MetadataFetch(RDKafkaErrorCode),
    /// No message came in time.
    NoMessageReceived,
    /// A text held a nul byte.
    Nul(NulError),
    /// An offset could not be fetched.
    OffsetFetch(RDKafkaErrorCode),
    /// The end of this partition was reached.
    PartitionEOF(i32),
    /// Pausing or resuming failed.
    PauseResume(String),
    /// A rebalance failed.
    Rebalance(RDKafkaErrorCode),
    /// A seek failed.
    Seek(String),
    /// An offset could not be set in a list.
    SetPartitionOffset(RDKafkaErrorCode),
    /// An offset could not be stored.
    StoreOffset(RDKafkaErrorCode),
    /// Subscribing or assigning failed.
    Subscription(String),
    /// A transactional operation failed.
    Transaction(RDKafkaError),
    /// The mock cluster failed.
    MockCluster(RDKafkaErrorCode),
}

impl KafkaError {
    /// The code, where the error has exactly one: none for admin operations and `PartitionEOF`.
    pub fn rdkafka_error_code(&self) -> Option<RDKafkaErrorCode> {
        match self {
            Self::ConsumerCommit(code)
            | Self::ConsumerQueueClose(code)
            | Self::Flush(code)
            | Self::Global(code)
            | Self::GroupListFetch(code)
            | Self::MessageConsumption(code)
            | Self::MessageConsumptionFatal(code)
            | Self::MessageProduction(code)
            | Self::MetadataFetch(code)
            | Self::OffsetFetch(code)
            | Self::Rebalance(code)
            | Self::SetPartitionOffset(code)
            | Self::StoreOffset(code)
            | Self::MockCluster(code) => Some(*code),
            Self::Transaction(error) => Some(error.code()),
            Self::AdminOpCreation(_)
            | Self::AdminOp(_)
            | Self::Canceled
            | Self::ClientConfig(..)
            | Self::ClientCreation(_)
            | Self::NoMessageReceived
            | Self::Nul(_)
            | Self::PartitionEOF(_)
            | Self::PauseResume(_)
            | Self::Seek(_)
            | Self::Subscription(_) => None,
        }
    }

    /// The text without a frame; rdkafka spells "metadata" in two ways, and so do its users'
    /// log filters.
    fn body(&self, metadata: &str) -> String {
        match self {
            Self::AdminOp(code) => format!("Admin operation error: {code}"),
            Self::AdminOpCreation(text) => format!("Admin operation creation error: {text}"),
            Self::Canceled => "Client dropped".to_owned(),
            Self::ClientConfig(_, text, key, value) => {
                format!("Client config error: {text} {key} {value}")
            }
            Self::ClientCreation(text) => format!("Client creation error: {text}"),
            Self::ConsumerCommit(code) => format!("Consumer commit error: {code}"),
            Self::ConsumerQueueClose(code) => format!("Consumer queue close error: {code}"),
            Self::Flush(code) => format!("Flush error: {code}"),
            Self::Global(code) => format!("Global error: {code}"),
            Self::GroupListFetch(code) => format!("Group list fetch error: {code}"),
            Self::MessageConsumption(code) | Self::MessageConsumptionFatal(code) => {
                format!("Message consumption error: {code}")
            }
            Self::MessageProduction(code) => format!("Message production error: {code}"),
            Self::MetadataFetch(code) => format!("{metadata} fetch error: {code}"),
            Self::NoMessageReceived => {
                "No message received within the given poll interval".to_owned()
            }
            Self::Nul(_) => "FFI nul error".to_owned(),
            Self::OffsetFetch(code) => format!("Offset fetch error: {code}"),
            Self::PartitionEOF(partition) => format!("Partition EOF: {partition}"),
            Self::PauseResume(text) => format!("Pause/resume error: {text}"),
            Self::Rebalance(code) => format!("Rebalance error: {code}"),
            Self::Seek(text) => format!("Seek error: {text}"),
            Self::SetPartitionOffset(code) => format!("Set partition offset error: {code}"),
            Self::StoreOffset(code) => format!("Store offset error: {code}"),
            Self::Subscription(text) => format!("Subscription error: {text}"),
            Self::Transaction(error) => format!("Transaction error: {error}"),
            Self::MockCluster(code) => format!("Mock cluster error: {code}"),
        }
    }
}

impl fmt::Debug for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body("Metadata");
        match self {
            Self::NoMessageReceived => f.write_str(&body),
            Self::Nul(_) => f.write_str("FFI null error"),
            Self::MessageConsumptionFatal(_) => write!(f, "(Fatal) KafkaError ({body})"),
            _ => write!(f, "KafkaError ({body})"),
        }
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body("Meta data");
        match self {
            Self::Canceled => write!(f, "KafkaError ({body})"),
            Self::MessageConsumptionFatal(_) => write!(f, "(Fatal) {body}"),
            _ => f.write_str(&body),
        }
    }
}

impl Error for KafkaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ConsumerCommit(code)
            | Self::ConsumerQueueClose(code)
            | Self::Flush(code)
            | Self::Global(code)
            | Self::GroupListFetch(code)
            | Self::MessageConsumption(code)
            | Self::MessageConsumptionFatal(code)
            | Self::MessageProduction(code)
            | Self::MetadataFetch(code)
            | Self::OffsetFetch(code)
            | Self::Rebalance(code)
            | Self::SetPartitionOffset(code)
            | Self::StoreOffset(code)
            | Self::MockCluster(code) => Some(code),
            Self::Transaction(error) => Some(error),
            _ => None,
        }
    }
}

impl From<NulError> for KafkaError {
    fn from(error: NulError) -> Self {
        Self::Nul(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_users_match_on() {
        let error = KafkaError::ConsumerCommit(RDKafkaErrorCode::UnknownMemberId);
        assert_eq!(
            error.to_string(),
            "Consumer commit error: UnknownMemberId (Broker: Unknown member)"
        );
        assert_eq!(
            format!("{error:?}"),
            "KafkaError (Consumer commit error: UnknownMemberId (Broker: Unknown member))"
        );
        let fatal = KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::Fenced);
        assert!(
            fatal
                .to_string()
                .starts_with("(Fatal) Message consumption error: Fenced")
        );
        assert_eq!(KafkaError::PartitionEOF(3).rdkafka_error_code(), None);
    }
}
