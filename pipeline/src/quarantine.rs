//! Why a record is kept aside instead of becoming a result.

use std::fmt;

/// The stable name of a cause; stored, and counted by whoever watches the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The record has no payload (a tombstone).
    NoPayload,
    /// The payload is not one JSON object in UTF-8.
    NotJson,
    /// A field with a configured path is not there, or null.
    MissingField,
    /// A field is there twice: which one would count?
    DuplicateField,
    /// A field has another type than the processor needs.
    WrongType,
    /// A decimal or time is not written as one.
    BadValue,
    /// A decimal, product or time is out of range.
    OutOfRange,
    /// The same message id came before with another payload.
    Conflict,
}

impl Cause {
    /// The name as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoPayload => "no_payload",
            Self::NotJson => "not_json",
            Self::MissingField => "missing_field",
            Self::DuplicateField => "duplicate_field",
            Self::WrongType => "wrong_type",
            Self::BadValue => "bad_value",
            Self::OutOfRange => "out_of_range",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A cause and, for people, what exactly was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}: {detail}")]
pub struct Reason {
    /// What kind of fault it is.
    pub cause: Cause,
    /// Which field, and what was expected.
    pub detail: String,
}

impl Reason {
    /// A reason with its detail.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
        }
    }
}
