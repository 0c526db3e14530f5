//! One difference between the versions, as it is written down.

use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use super::cell::Cell;

/// What differs about one message id or event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The message id, if there is a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The sampled event's line, from 1.
    pub line: u64,
    /// What differs.
    #[serde(flatten)]
    pub change: Change,
    /// The event itself, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Both have the row, with other values.
    Differs {
        /// The columns that differ.
        columns: IndexMap<String, Pair>,
    },
    /// Only the old version has the row.
    OnlyInOld {
        /// The row.
        columns: IndexMap<String, Cell>,
    },
    /// Only the new version has the row.
    OnlyInNew {
        /// The row.
        columns: IndexMap<String, Cell>,
    },
    /// Neither has a row, and they say other things about why.
    Outcome {
        /// `filtered`, `quarantined: cause`, or `nothing`.
        old: String,
        /// The same of the new version.
        new: String,
    },
    /// The row is the same, but not how often its id came.
    Repeats {
        /// Duplicates and conflicts in the old version.
        old: Repeats,
        /// The same of the new version.
        new: Repeats,
    },
}

/// How often an id came again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// With the same payload: cut.
    pub duplicates: u64,
    /// With another payload: quarantined.
    pub conflicts: u64,
}

/// A value in both versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The old version's.
    pub old: Cell,
    /// The new version's.
    pub new: Cell,
    /// How far apart they are, if both are numbers.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub by: Option<Decimal>,
}

/// Exact, as a text: a JSON number would be read as a float.
fn as_text<S: Serializer>(number: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(number),
        None => serializer.serialize_none(),
    }
}

impl Difference {
    /// How bad: by the largest numeric difference; what is no number comes after.
    #[must_use]
    pub fn rank(&self) -> Option<Decimal> {
        match &self.change {
            Change::Differs { columns } => columns.values().filter_map(|pair| pair.by).max(),
            _ => None,
        }
    }

    /// One word for it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.change {
            Change::Differs { .. } => "differs",
            Change::OnlyInOld { .. } => "only in old",
            Change::OnlyInNew { .. } => "only in new",
            Change::Outcome { .. } => "outcome",
            Change::Repeats { .. } => "repeats",
        }
    }
}
