//! What a processor says about one event: one JSON object a line, as `pipeline process` writes it.

use std::borrow::Cow;
use std::cmp::Ordering;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cell::Cell;

/// What an outcome is about: rows go by their message id, everything else by its event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An event that gave no row, by its line.
    Event(u64),
    /// A row, by its message id.
    Row(String),
}

/// One line of a processor's output, and where it belongs when sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it is about.
    pub subject: Subject,
    /// The event's line, from 1.
    pub line: u64,
    /// The line of output as it was written.
    pub text: Vec<u8>,
}

/// A line of output is not an outcome.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeError {
    /// It is not JSON, or has other fields.
    #[error("not an outcome: {0}")]
    Malformed(serde_json::Error),
    /// It is neither row nor filtered nor quarantined, or more than one of them.
    #[error(
        "not an outcome: one of `id` (with `columns`), `filtered` and `quarantined` is expected"
    )]
    Kind,
}

impl From<serde_json::Error> for OutcomeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error)
    }
}

/// Strict: a field that is not known may be one that should be compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    line: u64,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    columns: Option<&'a RawValue>,
    #[serde(borrow)]
    digest: Option<Cow<'a, str>>,
    #[serde(default)]
    filtered: bool,
    #[serde(borrow)]
    quarantined: Option<Cow<'a, str>>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
}

/// What an outcome says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A row, by column.
    Row(IndexMap<String, Cell>),
    /// The event is not of interest.
    Filtered,
    /// The event can't be processed.
    Quarantined {
        /// The kind of fault.
        cause: String,
        /// What exactly was wrong.
        detail: String,
    },
}

impl Outcome {
    /// Reads one line of output.
    ///
    /// # Errors
    /// If it is not an outcome.
    pub fn parse(text: &[u8]) -> Result<Self, OutcomeError> {
        let line: Line<'_> = serde_json::from_slice(text)?;
        let subject = match (line.id, line.columns, line.filtered, &line.quarantined) {
            (Some(id), Some(_), false, None) => Subject::Row(id.into_owned()),
            (None, None, true, None) | (None, None, false, Some(_)) => Subject::Event(line.line),
            _ => return Err(OutcomeError::Kind),
        };
        Ok(Self {
            subject,
            line: line.line,
            text: text.to_vec(),
        })
    }

    /// What it says.
    ///
    /// # Errors
    /// If its columns are not a JSON object.
    pub fn what(&self) -> Result<What, OutcomeError> {
        let line: Line<'_> = serde_json::from_slice(&self.text)?;
        Ok(match (line.columns, line.quarantined) {
            (Some(columns), _) => What::Row(serde_json::from_str(columns.get())?),
            (None, Some(cause)) => What::Quarantined {
                cause: cause.into_owned(),
                detail: line.detail.unwrap_or_default().into_owned(),
            },
            (None, None) => What::Filtered,
        })
    }

    /// The payload's digest, if it says one.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        let line: Line<'_> = serde_json::from_slice(&self.text).ok()?;
        line.digest.map(Cow::into_owned)
    }

    /// The order in which outcomes are compared.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        (&self.subject, self.line).cmp(&(&other.subject, other.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_strictly() {
        let told: Vec<String> = [
            r#"{"line":1,"id":"a","columns":{"x":"1","n":null},"digest":"00"}"#,
            r#"{"line":2,"filtered":true}"#,
            r#"{"line":3,"quarantined":"not_json","detail":"EOF"}"#,
            r#"{"line":4}"#,
            r#"{"line":5,"id":"a","columns":{},"filtered":true}"#,
            r#"{"line":6,"id":"a","colums":{}}"#,
            "hello",
        ]
        .map(|text| match Outcome::parse(text.as_bytes()) {
            Ok(outcome) => format!("{:?} {:?}", outcome.subject, outcome.what()),
            Err(error) => error.to_string(),
        })
        .into();
        insta::assert_snapshot!(told.join("\n"), @r#"
        Row("a") Ok(Row({"x": Text("1"), "n": Null}))
        Event(2) Ok(Filtered)
        Event(3) Ok(Quarantined { cause: "not_json", detail: "EOF" })
        not an outcome: one of `id` (with `columns`), `filtered` and `quarantined` is expected
        not an outcome: one of `id` (with `columns`), `filtered` and `quarantined` is expected
        not an outcome: unknown field `colums`, expected one of `line`, `id`, `columns`, `digest`, `filtered`, `quarantined`, `detail` at line 1 column 27
        not an outcome: expected value at line 1 column 1
        "#);
    }
}
