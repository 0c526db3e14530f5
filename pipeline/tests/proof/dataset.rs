//! What is sent, and what is to come of it.

use super::oracle::Column;

/// Records and what the pipeline is to make of them.
pub(crate) struct Dataset {
    /// The name of the topic.
    pub(crate) topic: &'static str,
    /// The field that becomes the key.
    pub(crate) key: &'static str,
    /// The example configuration to derive the pipeline's from.
    pub(crate) example: &'static str,
    /// The result set that configuration makes.
    pub(crate) result_set: &'static str,
    /// The result set's identity columns, in order.
    pub(crate) columns: &'static [(&'static str, Column)],
    /// What goes wrong on the way into the topic.
    pub(crate) rates: Rates,
    /// The records; each has an id of its own.
    pub(crate) records: Vec<Vec<u8>>,
}

/// What goes wrong on the way into the topic, per million records.
pub(crate) struct Rates {
    /// Records sent once more.
    pub(crate) duplicates: usize,
    /// Records of which a broken copy is sent, too.
    pub(crate) malformed: usize,
}

impl Rates {
    /// As `pipeline send` reads a rate.
    pub(crate) fn percent(per_million: usize) -> String {
        format!("{}.{:04}%", per_million / 10_000, per_million % 10_000)
    }
}
