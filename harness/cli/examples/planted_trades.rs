//! A pipeline's binary as `cargo whitewater compare` calls it, with two versions of one processor:
//! `trades@1` as it is shipped, and `trades@2`, whose notional is rounded up by a cent in 0.5 % of
//! rows. The comparison's own test must find exactly those.
//!
//! ```text
//! cargo build -p cargo-whitewater --example planted_trades
//! cargo whitewater compare --old target/debug/examples/planted_trades:trades@1 \
//!                          --new target/debug/examples/planted_trades:trades@2 trades.jsonl.gz
//! ```

use std::collections::BTreeMap;
use std::io::{self, BufWriter};
use std::process::ExitCode;

use rust_decimal::Decimal;
use whitewater_pipeline::field_path::FieldPath;
use whitewater_pipeline::process;
use whitewater_pipeline::processor::{Processed, Processor, Rows, Value};
use whitewater_pipeline::quarantine::Reason;
use whitewater_pipeline::trades::TRADES_1;
use xxhash_rust::xxh3::xxh3_64;

/// One row in so many is rounded otherwise.
const PLANTED_EVERY: u64 = 200;
const NOTIONAL: usize = 3;
const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// `trades@2`: `trades@1`, and then the mistake.
struct RoundedUp(Box<dyn Processor>);

impl Processor for RoundedUp {
    fn process(&self, payload: &[u8], rows: &mut Rows) -> Result<Processed, Reason> {
        let mark = rows.mark();
        let processed = self.0.process(payload, rows)?;
        let Processed::Row { id } = &processed else {
            return Ok(processed);
        };
        let id = rows.text(id).to_owned();
        if !xxh3_64(id.as_bytes()).is_multiple_of(PLANTED_EVERY) {
            return Ok(processed);
        }
        let values: Vec<(Option<String>, Value)> = rows
            .values(&rows.row_since(&mark))
            .iter()
            .map(|value| match value {
                Value::Text(range) => (Some(rows.text(range).to_owned()), value.clone()),
                other => (None, other.clone()),
            })
            .collect();
        rows.undo(&mark);
        let id = rows.keep(&id);
        for (column, (text, value)) in values.into_iter().enumerate() {
            match (value, text) {
                (Value::EventTime(time), _) => rows.push_event_time(Some(time)),
                (_, Some(text)) if column == NOTIONAL => {
                    let notional: Option<Decimal> = text.parse().ok();
                    rows.push_decimal(notional.and_then(|notional| notional.checked_add(CENT)));
                }
                (_, text) => rows.push_text(text.as_deref()),
            }
        }
        Ok(Processed::Row { id })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let paths: Option<BTreeMap<String, FieldPath>> = [
        ("id", "id"),
        ("symbol", "symbol"),
        ("price", "price"),
        ("quantity", "quantity"),
        ("event_time", "time"),
    ]
    .into_iter()
    .map(|(field, path)| Some((field.to_owned(), FieldPath::dotted(path).ok()?)))
    .collect();
    let processor = paths.and_then(|paths| TRADES_1.processor(&paths).ok());
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let processor: Box<dyn Processor> = match (words.as_slice(), processor) {
        (["process", "--processor", "trades@1", ..], Some(processor)) => processor,
        (["process", "--processor", "trades@2", ..], Some(processor)) => {
            Box::new(RoundedUp(processor))
        }
        _ => {
            eprintln!("error: expected `process --processor trades@1` or `trades@2`");
            return ExitCode::from(2);
        }
    };
    let output = BufWriter::with_capacity(1 << 18, io::stdout().lock());
    match process::process(
        processor.as_ref(),
        TRADES_1.columns,
        io::stdin().lock(),
        output,
    ) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
