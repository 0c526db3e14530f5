//! `pipeline results`.

use std::io::{self, BufWriter, Write};

use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value};

use crate::cli::args::{Format, ResultsArgs};
use crate::cli::failure::Failure;
use crate::cli::terminal::plain;
use crate::cli::{config_file, exit_code};
use crate::event_time;
use crate::processor::{Column, ColumnKind};
use crate::sqlite::{Reader, Row};

/// Rows that a table shows unless told.
const TABLE_ROWS: usize = 20;

pub(super) fn results(args: &ResultsArgs) -> Result<u8, Failure> {
    let config = config_file::read(&args.config.config)?;
    let reader = Reader::open(&config.sqlite, &config.processor)?;
    match args.format {
        Format::Table => table(&reader, args.limit.unwrap_or(TABLE_ROWS))?,
        Format::Csv => csv(&reader, args.limit.unwrap_or(usize::MAX))?,
        Format::Json => json(&reader, args.limit.unwrap_or(usize::MAX))?,
    }
    Ok(exit_code::OK)
}

const PROVENANCE: [&str; 5] = ["topic", "partition", "offset", "broker_time", "ingest_time"];

fn header(reader: &Reader) -> impl Iterator<Item = &'static str> {
    std::iter::once("id")
        .chain(reader.columns().iter().map(|column| column.name))
        .chain(PROVENANCE)
}

fn time(ms: i64) -> String {
    event_time::format(ms.saturating_mul(1_000_000))
}

fn cells(row: Row) -> Vec<Option<String>> {
    let mut cells = vec![Some(row.id)];
    cells.extend(row.values);
    cells.extend([
        Some(row.source.topic),
        Some(row.source.partition.to_string()),
        Some(row.offset.to_string()),
        row.broker_time_ms.map(time),
        Some(time(row.ingest_time_ms)),
    ]);
    cells
}

fn table(reader: &Reader, limit: usize) -> Result<(), Failure> {
    let mut table = Table::new();
    let columns = reader.columns();
    table.set_header(
        std::iter::once("id")
            .chain(columns.iter().map(|column| column.name))
            .chain(["from"]),
    );
    let right = |column: &Column| column.kind == ColumnKind::Decimal;
    for (index, _) in columns
        .iter()
        .enumerate()
        .filter(|(_, column)| right(column))
    {
        if let Some(column) = table.column_mut(index + 1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut more = false;
    let mut shown = 0;
    reader.for_each_row(|row| {
        if shown == limit {
            more = true;
            return false;
        }
        shown += 1;
        let from = format!("{}@{}", row.source, row.offset);
        let values = row.values.into_iter().map(Option::unwrap_or_default);
        table.add_row(std::iter::once(row.id).chain(values).chain([from]));
        true
    })?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", plain(&mut table))?;
    if more {
        writeln!(out, "the first {limit} rows; --limit shows more")?;
    }
    Ok(())
}

fn csv(reader: &Reader, limit: usize) -> Result<(), Failure> {
    let mut out = csv::Writer::from_writer(BufWriter::new(io::stdout().lock()));
    out.write_record(header(reader)).map_err(csv_failure)?;
    let mut failed = None;
    let mut left = limit;
    reader.for_each_row(|row| {
        if left == 0 {
            return false;
        }
        left -= 1;
        let cells = cells(row).into_iter().map(Option::unwrap_or_default);
        failed = out.write_record(cells).err();
        failed.is_none()
    })?;
    failed.map_or(Ok(()), |error| Err(csv_failure(error)))?;
    Ok(out.flush()?)
}

fn csv_failure(error: csv::Error) -> Failure {
    Failure::new(
        exit_code::FAILED,
        format!("writing the output failed: {error}"),
        None,
    )
}

fn json(reader: &Reader, limit: usize) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let names: Vec<&str> = header(reader).collect();
    let mut failed = None;
    let mut left = limit;
    reader.for_each_row(|row| {
        if left == 0 {
            return false;
        }
        left -= 1;
        failed = writeln!(out, "{}", object(&names, row)).err();
        failed.is_none()
    })?;
    failed.map_or(Ok(()), Err)?;
    Ok(out.flush()?)
}

/// Decimals stay texts: a JSON number would be read as a float.
fn object(names: &[&str], row: Row) -> Value {
    let (partition, offset) = (row.source.partition, row.offset);
    let mut object: Map<String, Value> = names
        .iter()
        .zip(cells(row))
        .map(|(name, cell)| ((*name).to_owned(), cell.map_or(Value::Null, Value::String)))
        .collect();
    object.insert("partition".to_owned(), partition.into());
    object.insert("offset".to_owned(), offset.into());
    Value::Object(object)
}
