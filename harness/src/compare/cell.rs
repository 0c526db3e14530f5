//! One value of a row, and whether two of them are the same.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A value. Numbers are kept as they are written, so that none is changed by reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A text, or anything else as it is written.
    Text(String),
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(match serde_json::from_str(raw.get()) {
            Ok(Value::Null) => Self::Null,
            Ok(Value::String(text)) => Self::Text(text),
            _ => Self::Text(raw.get().to_owned()),
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The same, or within the tolerance.
    Equal,
    /// One is null.
    NullInOne,
    /// They differ.
    Differ {
        /// By how much, if both are numbers.
        by: Option<Decimal>,
    },
}

/// Compares two values. Without a tolerance they must be the same to the letter, so that `1.50` is
/// not `1.5`; with one, numbers may be so far apart.
#[must_use]
pub fn compare(old: &Cell, new: &Cell, tolerance: Option<Decimal>) -> Compared {
    match (old, new) {
        (Cell::Null, Cell::Null) => Compared::Equal,
        (Cell::Null, Cell::Text(_)) | (Cell::Text(_), Cell::Null) => Compared::NullInOne,
        (Cell::Text(old), Cell::Text(new)) if old == new => Compared::Equal,
        (Cell::Text(old), Cell::Text(new)) => {
            let by = difference(old, new);
            match (by, tolerance) {
                (Some(by), Some(tolerance)) if by <= tolerance => Compared::Equal,
                _ => Compared::Differ { by },
            }
        }
    }
}

fn difference(old: &str, new: &str) -> Option<Decimal> {
    let number = |text: &str| {
        text.parse::<Decimal>()
            .or_else(|_| Decimal::from_scientific(text))
            .ok()
    };
    Some(number(old)?.checked_sub(number(new)?)?.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_means_to_the_letter_unless_tolerated() {
        let told = |old: &str, new: &str, tolerance: Option<&str>| {
            let cell = |text: &str| serde_json::from_str::<Cell>(text).expect("a cell");
            let tolerance = tolerance.map(|text| text.parse().expect("a decimal"));
            format!("{:?}", compare(&cell(old), &cell(new), tolerance))
        };
        let all = [
            told("null", "null", None),
            told("null", "\"\"", None),
            told("\"1.5\"", "\"1.50\"", None),
            told("\"1.5\"", "\"1.50\"", Some("0")),
            told("\"16741.00\"", "\"16741.01\"", Some("0.01")),
            told("\"16741.00\"", "\"16741.01\"", Some("0.009")),
            told("1e3", "\"1000\"", Some("0")),
            told("\"a\"", "\"b\"", Some("5")),
            told(
                "\"79228162514264337593543950335\"",
                "\"-79228162514264337593543950335\"",
                None,
            ),
            told("true", "\"true\"", None),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        Equal
        NullInOne
        Differ { by: Some(0.00) }
        Equal
        Equal
        Differ { by: Some(0.01) }
        Equal
        Differ { by: None }
        Differ { by: None }
        Equal
        ");
    }
}
