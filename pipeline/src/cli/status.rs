//! `pipeline status`.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use serde_json::json;

use crate::cli::args::StatusArgs;
use crate::cli::failure::Failure;
use crate::cli::terminal::{grouped, plain};
use crate::cli::{config_file, exit_code};
use crate::clock;
use crate::config::Config;
use crate::event_time;
use crate::lag::alert::{basis, span};
use crate::lag::estimate::Basis;
use crate::status::{self, PartitionStatus, StatusError, StatusWatch};

/// Clears a terminal and goes to its first line (ECMA-48: ED, CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(super) fn status(args: &StatusArgs) -> Result<u8, Failure> {
    let config = config_file::read(&args.config.config)?;
    let wait = config.limits.broker_wait;
    if let Some(seconds) = args.watch {
        return watch(&config, args.json, Duration::from_secs(seconds));
    }
    let partitions = status::status(&config, wait)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", show(&config, &partitions, args.json))?;
    Ok(exit_code::OK)
}

/// Looks until someone ends it, or nobody reads any more.
fn watch(config: &Config, json: bool, interval: Duration) -> Result<u8, Failure> {
    let mut watch = StatusWatch::new(config, interval).map_err(StatusError::from)?;
    loop {
        let started = clock::monotonic();
        let text = match watch.look(config.limits.broker_wait) {
            Ok(partitions) => show(config, &partitions, json),
            // Brokers come back, and sinks are made: what is wrong now is news, not the end.
            Err(error) if json => {
                json!({ "time_ms": clock::wall_ms(), "error": error.to_string() }).to_string()
            }
            Err(error) => format!("not known: {error}"),
        };
        if let Err(error) = frame(&text, json) {
            return match error.kind() {
                io::ErrorKind::BrokenPipe => Ok(exit_code::OK),
                _ => Err(error.into()),
            };
        }
        std::thread::park_timeout(interval.saturating_sub(started.elapsed()));
    }
}

fn frame(text: &str, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{text}")?;
    } else {
        let time = event_time::format(clock::wall_ms() / 1_000 * 1_000_000_000);
        if out.is_terminal() {
            writeln!(out, "{CLEAR}{time}  (Ctrl-C ends)\n\n{text}")?;
        } else {
            writeln!(out, "{time}\n{text}\n")?;
        }
    }
    out.flush()
}

fn show(config: &Config, partitions: &[PartitionStatus], json: bool) -> String {
    let lag: i64 = partitions
        .iter()
        .map(|partition| partition.lag.max(0))
        .sum();
    if json {
        return json!({
            "time_ms": clock::wall_ms(),
            "result_set": config.processor,
            "lag": lag,
            "lag_ms": worst(partitions).map(|(lag_ms, _)| lag_ms),
            "alert": partitions.iter().any(|partition| partition.alert),
            "partitions": partitions,
        })
        .to_string();
    }
    let mut text = plain(&mut table(partitions));
    let count = partitions.len();
    text.push_str(&format!(
        "\n{} behind by {} in {count} partitions",
        config.processor,
        grouped(lag)
    ));
    match worst(partitions) {
        Some((lag_ms, partition)) if lag_ms > 0 => {
            text.push_str(&format!(", {} at most", span(lag_ms)));
            if let Some(basis) = basis(&partition.estimate) {
                text.push_str(&format!(" ({basis})"));
            }
        }
        Some(_) => {}
        None => text.push_str(", for how long is not known"),
    }
    let over = partitions
        .iter()
        .filter(|partition| partition.alert)
        .count();
    if over > 0 {
        let limit = i64::try_from(config.limits.lag.as_millis()).unwrap_or(i64::MAX);
        text.push_str(&format!(
            "\nALERT: {over} of {count} partitions more than {} behind",
            span(limit)
        ));
    }
    text
}

/// The partition that is furthest behind in time; `None` if there is one of which it is not known.
fn worst(partitions: &[PartitionStatus]) -> Option<(i64, &PartitionStatus)> {
    let known: Option<Vec<(i64, &PartitionStatus)>> = partitions
        .iter()
        .map(|partition| Some((partition.lag_ms?, partition)))
        .collect();
    known?.into_iter().max_by_key(|(lag_ms, _)| *lag_ms)
}

fn table(partitions: &[PartitionStatus]) -> Table {
    let mut table = Table::new();
    table.set_header(["partition", "sink", "end", "lag", "behind", "owner"]);
    for index in 1..=4 {
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
            behind(partition),
            partition.owner.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}

fn behind(partition: &PartitionStatus) -> String {
    let estimate = &partition.estimate;
    let age = match (estimate.lag_ms, estimate.lag_ms_min) {
        (Some(lag_ms), _) if estimate.basis != Basis::Observed => span(lag_ms),
        (Some(lag_ms), _) | (None, Some(lag_ms)) => format!("≥ {}", span(lag_ms)),
        (None, None) => "?".to_owned(),
    };
    if partition.alert {
        format!("! {age}")
    } else {
        age
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::lag::estimate::Estimate;

    fn partition(
        number: i32,
        lag: i64,
        lag_ms: Option<i64>,
        basis: Basis,
        alert: bool,
    ) -> PartitionStatus {
        PartitionStatus {
            topic: "trades".to_owned(),
            partition: number,
            owner: (number != 2).then(|| "worker-1".to_owned()),
            sink_offset: (number != 2).then_some(1_000),
            end_offset: 1_000 + lag,
            lag,
            lag_ms,
            alert,
            estimate: Estimate {
                next_offset: Some(1_000),
                end_offset: Some(1_000 + lag),
                lag_offsets: Some(lag),
                lag_ms,
                lag_ms_min: Some(301_000).filter(|_| basis == Basis::Unknown),
                basis,
                clock_skew_ms: Some(-7_200_000).filter(|_| basis == Basis::Observed),
            },
        }
    }

    fn shown(partitions: &[PartitionStatus]) -> String {
        let config = Config::new(
            "b",
            ["trades".to_owned()],
            "g",
            "trades@1",
            BTreeMap::new(),
            "s",
        );
        show(&config, partitions, false)
    }

    #[test]
    fn what_people_see() {
        let caught_up = partition(0, 0, Some(0), Basis::CaughtUp, false);
        insta::assert_snapshot!(shown(std::slice::from_ref(&caught_up)), @r"
         partition   sink    end  lag  behind  owner
         trades-0   1,000  1,000    0     0 s  worker-1
        trades@1 behind by 0 in 1 partitions
        ");
        let late = partition(1, 9_000, Some(400_000), Basis::UnverifiedClock, true);
        insta::assert_snapshot!(shown(&[caught_up.clone(), late]), @r"
         partition   sink     end    lag        behind  owner
         trades-0   1,000   1,000      0           0 s  worker-1
         trades-1   1,000  10,000  9,000  ! 6 min 40 s  worker-1
        trades@1 behind by 9,000 in 2 partitions, 6 min 40 s at most (by record timestamps against this host's clock, not checked yet)
        ALERT: 1 of 2 partitions more than 5 min behind
        ");
        let skewed = partition(1, 9, Some(12_000), Basis::Observed, false);
        let unknown = partition(2, 7, None, Basis::Unknown, true);
        insta::assert_snapshot!(shown(&[caught_up.clone(), skewed.clone()]), @r"
         partition   sink    end  lag  behind  owner
         trades-0   1,000  1,000    0     0 s  worker-1
         trades-1   1,000  1,009    9  ≥ 12 s  worker-1
        trades@1 behind by 9 in 2 partitions, 12 s at most (by what was seen of the log: this host's clock is at least 2 h behind the record timestamps)
        ");
        insta::assert_snapshot!(shown(&[skewed, unknown]), @r"
         partition   sink    end  lag         behind  owner
         trades-1   1,000  1,009    9         ≥ 12 s  worker-1
         trades-2       -  1,007    7  ! ≥ 5 min 1 s  -
        trades@1 behind by 16 in 2 partitions, for how long is not known
        ALERT: 1 of 2 partitions more than 5 min behind
        ");
    }
}
