//! What a scenario sends to the topics.

use serde::Deserialize;

use super::range::{Percent, Range};

/// The `[load]` table. Either `generator` or `file` says where the records come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Made-up records of this kind.
    pub generator: Option<Generator>,
    /// How many records the generator makes, before repetitions and malformed rows.
    pub records: Option<Range<u64>>,
    /// How many keys (symbols, users) they are spread over.
    pub keys: Option<Range<u64>>,

    /// A JSONL file of the data directory, plain or gzip.
    pub file: Option<String>,
    /// How many of its rows to leave out at the beginning.
    pub skip: Option<Range<u64>>,
    /// How many of its rows to take.
    pub take: Option<Range<u64>>,
    /// The path of the field to use as record key, such as `actor.login`.
    pub key: Option<String>,
    /// The path of the field that holds the message id. Default: `id`.
    pub id: Option<String>,

    /// The topic to send to. Default: the only one.
    pub topic: Option<String>,
    /// Whether the producer is idempotent: what it sends again lies in the log once.
    #[serde(default)]
    pub idempotent: bool,
    /// Records sent a simulated second.
    pub rate_per_s: Range<u64>,

    /// Records sent again later with the same content (an upstream that repeats itself).
    #[serde(default = "none")]
    pub duplicates: Range<Percent>,
    /// Records that the producer sends twice in a row (a retry that was not needed).
    #[serde(default = "none")]
    pub producer_sends_twice: Range<Percent>,
    /// Records sent a second time to another partition.
    #[serde(default = "none")]
    pub same_id_other_partition: Range<Percent>,
    /// Records that trade places with a near neighbour.
    #[serde(default = "none")]
    pub out_of_order: Range<Percent>,
    /// Records held back until much later ones were sent.
    #[serde(default = "none")]
    pub late: Range<Percent>,
    /// Rows that no processor can read, sent in addition.
    #[serde(default = "none")]
    pub malformed: Range<Percent>,
    /// How many of them come back to back, in one partition.
    #[serde(default = "one")]
    pub malformed_in_a_row: Range<u64>,
    /// Records sent with one key, that of the first record, instead of their own.
    #[serde(default = "none")]
    pub hot_key: Range<Percent>,
}

impl Load {
    /// What can be done to records, by the name of the family, and to how many of them.
    #[must_use]
    pub fn shares(&self) -> [(&'static str, Range<Percent>); 7] {
        [
            ("duplicates", self.duplicates),
            ("producer-sends-twice", self.producer_sends_twice),
            ("same-id-other-partition", self.same_id_other_partition),
            ("out-of-order", self.out_of_order),
            ("late", self.late),
            ("malformed", self.malformed),
            ("hot-key", self.hot_key),
        ]
    }

    /// The families that a seed can turn on.
    pub fn families(&self) -> impl Iterator<Item = &'static str> {
        self.shares()
            .into_iter()
            .filter(|(_, share)| share.high > Percent::default())
            .map(|(family, _)| family)
    }
}

fn none() -> Range<Percent> {
    Range::fixed(Percent::default())
}

fn one() -> Range<u64> {
    Range::fixed(1)
}

/// A kind of made-up records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// Trades: id, symbol, time, price, quantity, exchange.
    Trades,
    /// Activity of users: id, type, user, time, quantity, value, item.
    Activity,
}
