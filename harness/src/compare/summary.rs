//! What a comparison found, in numbers.

use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde::Serialize;

use super::difference::{Difference, Pair};
use super::sample::Share;

/// What one version made of the sample.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Rows, one for each message id.
    pub rows: u64,
    /// Events filtered.
    pub filtered: u64,
    /// Events quarantined, by cause.
    pub quarantined: IndexMap<String, u64>,
    /// Events whose id and payload came before.
    pub duplicates: u64,
    /// Events whose id came before with another payload.
    pub conflicts: u64,
}

/// One column, over all rows that both versions have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The same in both, or within the tolerance.
    pub equal: u64,
    /// Null in one, or not there.
    pub null_in_one: u64,
    /// Other values.
    pub differing: u64,
    /// Where the old version differs from itself.
    pub noise: u64,
    /// It was not compared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// The largest difference, or the first where there are no numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest: Option<Largest>,
}

impl Column {
    /// It has differences.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.null_in_one + self.differing > 0
    }
}

/// The largest difference of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Largest {
    /// The row.
    pub id: String,
    /// Its event's line in the sample.
    pub line: u64,
    /// Both values.
    #[serde(flatten)]
    pub pair: Pair,
}

impl Largest {
    pub(super) fn by(&self) -> Option<Decimal> {
        self.pair.by
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The old version.
    pub old: Version,
    /// The new version.
    pub new: Version,
    /// Message ids and events that were compared.
    pub compared: u64,
    /// Rows that both have.
    pub matched: u64,
    /// Of those, rows with other values.
    pub differing: u64,
    /// Rows that only the old version has.
    pub only_in_old: u64,
    /// Rows that only the new version has.
    pub only_in_new: u64,
    /// Events without a row in either, and other reasons for it.
    pub outcomes_differing: u64,
    /// Rows that are the same, but whose ids came again more or less often.
    pub repeats_differing: u64,
    /// Message ids and events about which the old version contradicts itself. They are not counted
    /// as differences, as far as the contradiction goes.
    pub noise: u64,
    /// The columns, in the order of the old version's.
    pub columns: IndexMap<String, Column>,
    /// Some differences: the largest first, then some of each other kind.
    pub worst: Vec<Difference>,
    /// It ended before the end, because enough was found.
    pub stopped_early: bool,
}

impl Summary {
    /// How many message ids and events differ.
    #[must_use]
    pub fn differences(&self) -> u64 {
        self.differing
            + self.only_in_old
            + self.only_in_new
            + self.outcomes_differing
            + self.repeats_differing
    }

    /// Whether at most `allowed` of what was compared differs; `None` allows nothing.
    #[must_use]
    pub fn within(&self, allowed: Option<Share>) -> bool {
        match allowed {
            None => self.differences() == 0,
            Some(share) => share.holds(self.differences(), self.compared),
        }
    }
}

/// `0.49 %`: enough digits that something is never shown as nothing, nor all but something as all.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    let percent = 100.0 * part as f64 / whole as f64;
    if percent > 99.99 && part < whole {
        return "over 99.99 %".to_owned();
    }
    let decimals = match percent {
        percent if percent >= 0.01 => 2,
        percent => (-percent.log10().floor()) as usize,
    };
    let text = format!("{percent:.decimals$}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
