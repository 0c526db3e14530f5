//! What the timestamps of a topic's records mean.

use std::fmt;
use std::str::FromStr;

/// `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's timestamp is kept.
    CreateTime,
    /// The broker writes its own wall clock at append.
    LogAppendTime,
}

impl TimestampType {
    /// Their names.
    pub(crate) const NAMES: &[&str] = &["CreateTime", "LogAppendTime"];
}

impl fmt::Display for TimestampType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        })
    }
}

/// A text is no `message.timestamp.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither CreateTime nor LogAppendTime")]
pub struct UnknownTimestampType;

impl FromStr for TimestampType {
    type Err = UnknownTimestampType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "CreateTime" => Ok(Self::CreateTime),
            "LogAppendTime" => Ok(Self::LogAppendTime),
            _ => Err(UnknownTimestampType),
        }
    }
}
