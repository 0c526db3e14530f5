//! The records that benchmarks work on: generated, or read from the folder of real data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use whitewater_pipeline::field_path::FieldPath;
use whitewater_pipeline::processor::Processor;
use whitewater_pipeline::registry::{self, Definition};
use whitewater_pipeline::send::{Lines, SourceFormat};

/// The file of real trades in the folder that `WHITEWATER_DATA` names.
const REAL_TRADES: &str = "us-equity-trades-2013-10-07.jsonl.gz";

/// A processor, where its fields stand, and a generator of the payloads it reads.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// `name@version` of the processor.
    pub processor: &'static str,
    /// Field and dotted path, in no particular order.
    pub paths: &'static [(&'static str, &'static str)],
    payload: fn(u64) -> String,
}

/// Trades with the fields, widths and key skew of the real equity trades.
pub const TRADES: Kind = Kind {
    processor: "trades@1",
    paths: &[
        ("id", "id"),
        ("symbol", "symbol"),
        ("price", "price"),
        ("quantity", "quantity"),
        ("event_time", "time"),
    ],
    payload: trade,
};

/// Purchases with the fields and widths of the real ones.
pub const ACTIVITY: Kind = Kind {
    processor: "activity@1",
    paths: &[
        ("id", "id"),
        ("user", "user"),
        ("type", "type"),
        ("event_time", "time"),
        ("value", "value"),
    ],
    payload: purchase,
};

impl Kind {
    /// Record `number`, the same at every call; its id is its own.
    #[must_use]
    pub fn payload(&self, number: u64) -> Vec<u8> {
        (self.payload)(number).into_bytes()
    }

    /// The first `count` records.
    #[must_use]
    pub fn payloads(&self, count: u64) -> Vec<Vec<u8>> {
        (0..count).map(|number| self.payload(number)).collect()
    }

    /// Where each field stands.
    #[must_use]
    pub fn field_paths(&self) -> BTreeMap<String, FieldPath> {
        let path = |text| FieldPath::dotted(text).expect("the paths above have no empty key");
        self.paths
            .iter()
            .map(|(field, text)| ((*field).to_owned(), path(text)))
            .collect()
    }

    /// The processor's definition.
    #[must_use]
    pub fn definition(&self) -> &'static Definition {
        registry::find(self.processor).expect("the processors above are registered")
    }

    /// The processor, reading the fields at their paths.
    #[must_use]
    pub fn build(&self) -> Box<dyn Processor> {
        self.definition()
            .processor(&self.field_paths())
            .expect("the paths above do not overlap")
    }
}

/// Where the real trades are, if there is a folder of real data and they are in it.
#[must_use]
pub fn real_trades_file() -> Option<PathBuf> {
    let folder = std::env::var_os("WHITEWATER_DATA")?;
    Some(Path::new(&folder).join(REAL_TRADES)).filter(|path| path.is_file())
}

/// Every record of a file of JSON lines, plain or gzip.
///
/// # Panics
/// If the file can't be read to its end.
#[must_use]
pub fn read(path: &Path) -> Vec<Vec<u8>> {
    let mut lines = Lines::open(path, SourceFormat::of(path)).expect("the data file can be opened");
    let mut records = Vec::new();
    while let Some(record) = lines.next_record().expect("the data file is whole") {
        records.push(record);
    }
    records
}

/// Spreads consecutive numbers over `0..below`, the same way always.
fn scatter(number: u64, below: u64) -> u64 {
    // Knuth's multiplicative hashing: the upper bits are well mixed.
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % below
}

fn trade(number: u64) -> String {
    let symbol = match scatter(number, 100) {
        0..65 => "SPY",
        65..85 => "BAC",
        85..94 => "AIG",
        _ => "IBM",
    };
    let price = 1_674_100 + scatter(number + 1, 20_000);
    let quantity = 100 * (1 + scatter(number + 2, 14));
    format!(
        r#"{{"id":"{symbol}-20131007-{number:06}","symbol":"{symbol}","time":"2013-10-07T{}Z","price":"{}.{:04}","quantity":{quantity},"exchange":"P","condition":"20002000","suspicious":false}}"#,
        time_of_day(8 * 3_600_000 + number * 50),
        price / 10_000,
        price % 10_000,
    )
}

fn purchase(number: u64) -> String {
    let cents = 500 + scatter(number, 20_000);
    format!(
        r#"{{"id":"cdnow-{number:06}","type":"purchase","user":"{:05}","time":"1997-{:02}-{:02}T00:00:00Z","quantity":{},"value":"{}.{:02}"}}"#,
        scatter(number + 1, 23_570),
        1 + scatter(number + 2, 12),
        1 + scatter(number + 3, 28),
        1 + scatter(number + 4, 5),
        cents / 100,
        cents % 100,
    )
}

fn time_of_day(ms: u64) -> String {
    let ms = ms % 86_400_000;
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    format!(
        "{:02}:{:02}:{:02}.{ms:03}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use whitewater_pipeline::processor::{Processed, Rows};

    #[test]
    fn generated_records_are_rows_with_ids_of_their_own() {
        for kind in [TRADES, ACTIVITY] {
            let processor = kind.build();
            let mut rows = Rows::default();
            let mut ids = Vec::new();
            for number in (0..400_000).step_by(997) {
                match processor.process(&kind.payload(number), &mut rows) {
                    Ok(Processed::Row { id }) => ids.push(rows.text(&id).to_owned()),
                    other => panic!("{number}: {other:?}"),
                }
            }
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count);
        }
    }
}
