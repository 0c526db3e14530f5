//! A processor over a stream of events, without Kafka or a sink: events in as JSON lines, one
//! outcome a line out. It is what `pipeline process` does, so that two versions can be compared on
//! the same events.
//!
//! An outcome is one JSON object:
//!
//! ```json
//! {"line":1,"id":"SPY-1","columns":{"price":"167.41","quantity":"100"},"digest":"7d2c14a2e1b0c9f8"}
//! {"line":2,"filtered":true}
//! {"line":3,"quarantined":"missing_field","detail":"`id` is missing or null"}
//! ```
//!
//! `line` is the event's line number, from 1; empty lines are counted and skipped. Decimals and
//! times are texts, as in the result set. `digest` is the payload's XXH3-64: two rows with one id
//! are a duplicate if it is the same, a conflict if not (the sink decides this, not the processor).

use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use xxhash_rust::xxh3::xxh3_64;

use crate::event_time;
use crate::processor::{Column, Processed, Processor, Rows, Value};

/// What became of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events read.
    pub events: u64,
    /// Rows written.
    pub rows: u64,
    /// Events that are not of interest.
    pub filtered: u64,
    /// Events that can't be processed.
    pub quarantined: u64,
}

/// Processes every line of `input` and writes one outcome for each to `output`, in order.
/// `columns` are the processor's.
///
/// # Errors
/// If reading or writing fails.
pub fn process(
    processor: &dyn Processor,
    columns: &[Column],
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<Counts> {
    let mut counts = Counts::default();
    let mut rows = Rows::default();
    let mut event = Vec::new();
    let mut line = 0;
    loop {
        event.clear();
        if input.read_until(b'\n', &mut event)? == 0 {
            break;
        }
        line += 1;
        event.pop_if(|byte| *byte == b'\n');
        event.pop_if(|byte| *byte == b'\r');
        if event.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        counts.events += 1;
        rows.clear();
        let mark = rows.mark();
        match processor.process(&event, &mut rows) {
            Ok(Processed::Row { id }) => {
                counts.rows += 1;
                let row = RowLine {
                    line,
                    id: rows.text(&id),
                    columns: Columns {
                        columns,
                        values: rows.values(&rows.row_since(&mark)),
                        rows: &rows,
                    },
                    digest: format_args!("{:016x}", xxh3_64(&event)),
                };
                serde_json::to_writer(&mut output, &row)?;
            }
            Ok(Processed::Filtered) => {
                counts.filtered += 1;
                write!(output, "{{\"line\":{line},\"filtered\":true}}")?;
            }
            Err(reason) => {
                counts.quarantined += 1;
                let line = QuarantinedLine {
                    line,
                    quarantined: reason.cause.name(),
                    detail: &reason.detail,
                };
                serde_json::to_writer(&mut output, &line)?;
            }
        }
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(counts)
}

#[derive(Serialize)]
struct RowLine<'a> {
    line: u64,
    id: &'a str,
    columns: Columns<'a>,
    digest: std::fmt::Arguments<'a>,
}

#[derive(Serialize)]
struct QuarantinedLine<'a> {
    line: u64,
    quarantined: &'static str,
    detail: &'a str,
}

struct Columns<'a> {
    columns: &'a [Column],
    values: &'a [Value],
    rows: &'a Rows,
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, value) in self.columns.iter().zip(self.values) {
            match value {
                Value::Null => map.serialize_entry(column.name, &None::<&str>)?,
                Value::Text(range) => map.serialize_entry(column.name, self.rows.text(range))?,
                Value::EventTime(time) => {
                    map.serialize_entry(column.name, &event_time::format(*time))?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_path::FieldPath;
    use crate::registry;

    #[test]
    fn every_event_has_one_outcome_in_its_place() {
        let definition = registry::find("trades@1").unwrap();
        let paths = [
            ("id", "id"),
            ("price", "p"),
            ("quantity", "q"),
            ("event_time", "t"),
        ]
        .map(|(field, path)| (field.to_owned(), FieldPath::dotted(path).unwrap()));
        let processor = definition.processor(&paths.into()).unwrap();
        let input = "{\"id\":\"a\",\"p\":\"1.50\",\"q\":2,\"t\":0}\r\n\n{\"id\":\"a\"}\n{\"id\":\"b\",\"p\":1,\"q\":\"x\",\"t\":0}";
        let mut output = Vec::new();
        let counts = process(
            processor.as_ref(),
            definition.columns,
            input.as_bytes(),
            &mut output,
        )
        .unwrap();
        let output = String::from_utf8(output).unwrap();
        let digest = format!(
            "{:016x}",
            xxh3_64(input.split('\r').next().unwrap().as_bytes())
        );
        insta::assert_snapshot!(output.replace(&digest, "DIGEST"), @r#"
        {"line":1,"id":"a","columns":{"symbol":null,"price":"1.5","quantity":"2","notional":"3","event_time":"1970-01-01T00:00:00Z"},"digest":"DIGEST"}
        {"line":3,"quarantined":"missing_field","detail":"`price` is missing or null"}
        {"line":4,"quarantined":"bad_value","detail":"`quantity` is not a decimal number"}
        "#);
        assert_eq!(
            counts,
            Counts {
                events: 3,
                rows: 1,
                filtered: 0,
                quarantined: 2
            }
        );
    }
}
