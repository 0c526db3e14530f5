//! What the timestamps of a topic's records mean.

/// `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's timestamp is kept.
    CreateTime,
    /// The broker writes its own wall clock at append.
    LogAppendTime,
}
