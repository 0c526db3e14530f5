//! `pipeline status`.

use std::io::Write;

use comfy_table::{CellAlignment, Table};
use serde_json::json;

use crate::cli::args::StatusArgs;
use crate::cli::failure::Failure;
use crate::cli::terminal::{grouped, plain};
use crate::cli::{config_file, exit_code};
use crate::status::{self, PartitionStatus};

pub(super) fn status(args: &StatusArgs) -> Result<u8, Failure> {
    let config = config_file::read(&args.config.config)?;
    let partitions = status::status(&config, config.limits.broker_wait)?;
    let lag: i64 = partitions.iter().map(|partition| partition.lag).sum();
    let mut out = std::io::stdout().lock();
    if args.json {
        let all = json!({ "result_set": config.processor, "lag": lag, "partitions": partitions });
        writeln!(out, "{all}")?;
    } else {
        writeln!(out, "{}", plain(&mut table(&partitions)))?;
        let count = partitions.len();
        writeln!(
            out,
            "{} behind by {} in {count} partitions",
            config.processor,
            grouped(lag.max(0))
        )?;
    }
    Ok(exit_code::OK)
}

fn table(partitions: &[PartitionStatus]) -> Table {
    let mut table = Table::new();
    table.set_header(["partition", "sink", "end", "lag", "owner"]);
    for index in 1..=3 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for partition in partitions {
        table.add_row([
            format!("{}-{}", partition.topic, partition.partition),
            partition
                .sink_offset
                .map_or("-".to_owned(), |offset| grouped(offset.max(0))),
            grouped(partition.end_offset.max(0)),
            grouped(partition.lag.max(0)),
            partition.owner.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}
