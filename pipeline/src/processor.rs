//! What a processor is: a pure function from one payload to one row, with a name and a version.

use std::borrow::Cow;
use std::ops::Range;

use rust_decimal::Decimal;
use std::fmt::Write as _;

use crate::decimal::{self, DecimalError};
use crate::event_time::{self, EventTimeError, EventTimeNs};
use crate::field_path::{Extractor, Found};
use crate::quarantine::{Cause, Reason};

/// What a result column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// An exact decimal, stored as its canonical text.
    Decimal,
    /// An event time, stored as nanoseconds since 1970 UTC, shown as RFC 3339.
    EventTime,
}

/// One identity column of a result set: what the event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name in the result set.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
}

/// One value of a row; text stands in [`Rows::text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The field has no path.
    Null,
    /// Text or a decimal's canonical text, as a range of [`Rows::text`].
    Text(Range<usize>),
    /// Nanoseconds since 1970 UTC.
    EventTime(EventTimeNs),
}

/// The rows of one batch, in two buffers that are reused from batch to batch.
#[derive(Debug, Default)]
pub struct Rows {
    text: String,
    values: Vec<Value>,
}

impl Rows {
    /// Forgets all rows, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.values.clear();
    }

    /// The text a range stands for.
    #[must_use]
    pub fn text(&self, range: &Range<usize>) -> &str {
        &self.text[range.clone()]
    }

    /// The values of a row.
    #[must_use]
    pub fn values(&self, range: &Range<usize>) -> &[Value] {
        &self.values[range.clone()]
    }

    /// Where the next row starts; give it to [`Rows::row_since`] or [`Rows::undo`].
    #[must_use]
    pub fn mark(&self) -> RowMark {
        RowMark {
            text: self.text.len(),
            values: self.values.len(),
        }
    }

    /// The values pushed since `mark`.
    #[must_use]
    pub fn row_since(&self, mark: &RowMark) -> Range<usize> {
        mark.values..self.values.len()
    }

    /// Forgets what was pushed since `mark`.
    pub fn undo(&mut self, mark: &RowMark) {
        self.text.truncate(mark.text);
        self.values.truncate(mark.values);
    }

    /// Keeps a text without making it a value of the row.
    pub fn keep(&mut self, text: &str) -> Range<usize> {
        let from = self.text.len();
        self.text.push_str(text);
        from..self.text.len()
    }

    /// Adds an optional text.
    pub fn push_text(&mut self, text: Option<&str>) {
        let value = text.map_or(Value::Null, |text| Value::Text(self.keep(text)));
        self.values.push(value);
    }

    /// Adds an optional decimal, as its canonical text.
    pub fn push_decimal(&mut self, decimal: Option<Decimal>) {
        let value = decimal.map_or(Value::Null, |decimal| {
            let from = self.text.len();
            // Writing to a String can't fail.
            let _ = write!(self.text, "{decimal}");
            Value::Text(from..self.text.len())
        });
        self.values.push(value);
    }

    /// Adds an optional event time.
    pub fn push_event_time(&mut self, time: Option<EventTimeNs>) {
        self.values.push(time.map_or(Value::Null, Value::EventTime));
    }
}

/// A place in [`Rows`].
#[derive(Debug, Clone, Copy)]
pub struct RowMark {
    text: usize,
    values: usize,
}

/// What a processor makes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processed {
    /// A row: its values are what was pushed, its message id stands in [`Rows::text`].
    Row {
        /// The message id.
        id: Range<usize>,
    },
    /// Not of interest; counted, not stored.
    Filtered,
}

/// A pure function from payload to row. Same payload, same row, in any process at any time.
pub trait Processor: Send {
    /// Reads one payload and pushes one value per column of its [`crate::registry::Definition`].
    ///
    /// # Errors
    /// A [`Reason`] to quarantine the record; what was pushed is undone by the caller.
    fn process(&self, payload: &[u8], rows: &mut Rows) -> Result<Processed, Reason>;
}

/// The fields that a processor reads, where the configuration says they stand.
#[derive(Debug, Clone)]
pub struct Fields {
    names: &'static [&'static str],
    configured: Vec<bool>,
    extractor: Extractor,
}

impl Fields {
    /// Field `names[i]` is field `i` of `extractor`; `configured[i]` says whether it has a path.
    #[must_use]
    pub fn new(
        names: &'static [&'static str],
        configured: Vec<bool>,
        extractor: Extractor,
    ) -> Self {
        Self {
            names,
            configured,
            extractor,
        }
    }

    /// Finds every configured field in `payload`.
    ///
    /// # Errors
    /// A reason if the payload is not one JSON object.
    pub fn read<'a>(&'a self, payload: &'a [u8]) -> Result<FieldValues<'a>, Reason> {
        Ok(FieldValues {
            found: self.extractor.extract(payload)?,
            fields: self,
        })
    }
}

/// The fields of one payload.
#[derive(Debug)]
pub struct FieldValues<'a> {
    fields: &'a Fields,
    found: Found<'a>,
}

impl<'a> FieldValues<'a> {
    /// The message id: text or a number's text, never empty.
    ///
    /// # Errors
    /// A reason if it is missing, empty or of another type.
    pub fn id(&self, field: usize) -> Result<Cow<'a, str>, Reason> {
        let id = self.text(field)?.ok_or_else(|| self.missing(field))?;
        if id.is_empty() {
            return Err(self.reason(field, Cause::BadValue, "is empty"));
        }
        Ok(id)
    }

    /// A text, or a number as it is written. `None` if the field has no path.
    ///
    /// # Errors
    /// A reason if it is missing or of another type.
    pub fn text(&self, field: usize) -> Result<Option<Cow<'a, str>>, Reason> {
        let Some(raw) = self.raw(field)? else {
            return Ok(None);
        };
        match raw.as_bytes().first() {
            Some(b'"') => self.unquoted(field, raw).map(Some),
            Some(b'-' | b'0'..=b'9') => Ok(Some(Cow::Borrowed(raw))),
            _ => Err(self.reason(field, Cause::WrongType, "is neither text nor a number")),
        }
    }

    /// An exact decimal, from a JSON number or a text that holds one. `None` if the field has no path.
    ///
    /// # Errors
    /// A reason if it is missing, of another type, not a decimal, or out of range.
    pub fn decimal(&self, field: usize) -> Result<Option<Decimal>, Reason> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        decimal::parse(&text)
            .map(Some)
            .map_err(|error| self.decimal_reason(field, error))
    }

    /// An event time: RFC 3339 text, or whole milliseconds since 1970 as a number. `None` if the
    /// field has no path.
    ///
    /// # Errors
    /// A reason if it is missing, of another type, not a time, or out of range.
    pub fn event_time(&self, field: usize) -> Result<Option<EventTimeNs>, Reason> {
        let Some(raw) = self.raw(field)? else {
            return Ok(None);
        };
        let time = match raw.as_bytes().first() {
            Some(b'"') => event_time::parse_rfc3339(&self.unquoted(field, raw)?),
            Some(b'-' | b'0'..=b'9') => event_time::parse_epoch_ms(raw),
            _ => return Err(self.reason(field, Cause::WrongType, "is neither text nor a number")),
        };
        time.map(Some).map_err(|error| {
            let cause = match error {
                EventTimeError::Syntax => Cause::BadValue,
                EventTimeError::OutOfRange => Cause::OutOfRange,
            };
            self.reason(field, cause, &format!("is {error}"))
        })
    }

    /// The raw JSON of a configured field.
    fn raw(&self, field: usize) -> Result<Option<&'a str>, Reason> {
        if !self.fields.configured[field] {
            return Ok(None);
        }
        match self.found[field] {
            None | Some("null") => Err(self.missing(field)),
            found => Ok(found),
        }
    }

    fn unquoted(&self, field: usize, raw: &'a str) -> Result<Cow<'a, str>, Reason> {
        if !raw.contains('\\') {
            // A raw JSON string starts and ends with a quotation mark.
            return Ok(Cow::Borrowed(&raw[1..raw.len() - 1]));
        }
        serde_json::from_str::<String>(raw)
            .map(Cow::Owned)
            .map_err(|error| self.reason(field, Cause::NotJson, &format!("is malformed: {error}")))
    }

    fn missing(&self, field: usize) -> Reason {
        self.reason(field, Cause::MissingField, "is missing or null")
    }

    fn decimal_reason(&self, field: usize, error: DecimalError) -> Reason {
        match error {
            DecimalError::Syntax => self.reason(field, Cause::BadValue, "is not a decimal number"),
            DecimalError::Overflow => self.reason(field, Cause::OutOfRange, &error.to_string()),
        }
    }

    fn reason(&self, field: usize, cause: Cause, what: &str) -> Reason {
        Reason::new(cause, format!("`{}` {what}", self.fields.names[field]))
    }
}
