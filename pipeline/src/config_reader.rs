//! Strict reading of TOML tables: every key is known, every value has its type, every fault its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config_error::{Fault, suggestion};

/// One table, whose keys were checked against the known ones.
pub(crate) struct Table<'t> {
    table: &'t DeTable<'t>,
}

/// A key, its value and where both stand.
pub(crate) struct Entry<'t> {
    pub(crate) key: &'t str,
    pub(crate) key_span: Range<usize>,
    pub(crate) span: Range<usize>,
    value: &'t DeValue<'t>,
}

impl<'t> Table<'t> {
    /// Refuses a key that is not in `known`.
    pub(crate) fn strict(table: &'t DeTable<'t>, known: &[&str]) -> Result<Self, Fault> {
        let table = Self { table };
        match table.entries().find(|entry| !known.contains(&entry.key)) {
            Some(entry) => Err(unknown_key(&entry, known)),
            None => Ok(table),
        }
    }

    /// Any key goes.
    pub(crate) fn open(table: &'t DeTable<'t>) -> Self {
        Self { table }
    }

    /// In the order of the file.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'t>> + use<'t> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref(),
                key_span: key.span(),
                span: value.span(),
                value: Spanned::get_ref(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key_span.start);
        entries.into_iter()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Entry<'t>> {
        self.entries().find(|entry| entry.key == key)
    }

    pub(crate) fn require(&self, key: &str, example: &str) -> Result<Entry<'t>, Fault> {
        self.get(key).ok_or_else(|| {
            Fault::nowhere(format!("missing key `{key}`")).help(format!("for example: {example}"))
        })
    }

    /// A whole number within `range`, or `default`.
    pub(crate) fn number(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Fault> {
        let Some(entry) = self.get(key) else {
            return Ok(default);
        };
        let number = match entry.value {
            DeValue::Integer(integer) => {
                i128::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            _ => return Err(entry.wrong_type("a whole number")),
        };
        number
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                entry.fault(
                    format!("`{key}` is out of range"),
                    format!("from {} to {}", range.start(), range.end()),
                )
            })
    }
}

impl<'t> Entry<'t> {
    pub(crate) fn text(&self) -> Result<&'t str, Fault> {
        match self.value.as_str() {
            Some("") => Err(self.fault(format!("`{}` is empty", self.key), "needs a value")),
            Some(text) => Ok(text),
            None => Err(self.wrong_type("text")),
        }
    }

    /// A list of non-empty texts; one text alone is a list of one.
    pub(crate) fn texts(&self) -> Result<Vec<&'t str>, Fault> {
        if self.value.is_str() {
            return Ok(vec![self.text()?]);
        }
        let list = self
            .value
            .as_array()
            .ok_or_else(|| self.wrong_type("a list of texts"))?;
        let texts: Option<Vec<&str>> = list
            .iter()
            .map(|item| item.get_ref().as_str().filter(|text| !text.is_empty()))
            .collect();
        match texts {
            Some(texts) if !texts.is_empty() => Ok(texts),
            _ => Err(self.wrong_type("a list of texts, none of them empty")),
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(crate) fn table(&self) -> Result<&'t DeTable<'t>, Fault> {
        self.value
            .as_table()
            .ok_or_else(|| self.wrong_type("a table"))
    }

    /// Text, a number or a flag, as librdkafka wants to read it.
    pub(crate) fn scalar(&self) -> Result<String, Fault> {
        match self.value {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.to_string()),
            DeValue::Float(number) => Ok(number.to_string()),
            DeValue::Boolean(flag) => Ok(flag.to_string()),
            _ => Err(self.wrong_type("text, a number or a flag")),
        }
    }

    pub(crate) fn fault(&self, message: impl Into<String>, label: impl Into<String>) -> Fault {
        Fault::at(self.span.clone(), message, label)
    }

    fn wrong_type(&self, expected: &str) -> Fault {
        let found = match self.value.type_str() {
            "string" => "text",
            "integer" => "a whole number",
            "float" => "a number with a point",
            "boolean" => "a flag",
            "array" => "a list",
            "table" => "a table",
            other => other,
        };
        self.fault(
            format!("`{}` has the wrong type", self.key),
            format!("expected {expected}, found {found}"),
        )
    }
}

fn unknown_key(entry: &Entry<'_>, known: &[&str]) -> Fault {
    Fault::at(
        entry.key_span.clone(),
        format!("unknown key `{}`", entry.key),
        suggestion(entry.key, known),
    )
}
