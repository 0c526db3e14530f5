//! What work costs in a ramp: as asked for, as the benchmarks measured it here, or as a machine like
//! many does.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use whitewater::plan::costs::{Costs, SpentAt};

use crate::cli::RampOptions;

/// A record of the benchmarks `process` and `sink` together where they have not run, in nanoseconds:
/// decoding, exact decimals, and rows of `results` and `seen`.
const RECORD_NS: u64 = 10_000;
/// What a transaction costs besides: claim check, position, audit, SQLite's own begin and end.
const BATCH_NS: u64 = 200_000;
/// A sync of a server's SSD, about the middle of what the simulated disk takes.
const FSYNC_NS: u64 = 1_000_000;

/// Records in a transaction of the benchmarks.
const BENCH_RECORDS: f64 = 1_000.0;

/// So many times the load: `10` or `10x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Factor(pub(crate) u64);

impl FromStr for Factor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('x').unwrap_or(text);
        match number.parse() {
            Ok(factor @ 1..=1_000) => Ok(Self(factor)),
            _ => Err("not a number of times from 1x to 1000x".to_owned()),
        }
    }
}

impl std::fmt::Display for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x", self.0)
    }
}

/// `500ns`, `12us`, `1.5ms`, `2s`.
pub(crate) fn parse_cost(text: &str) -> Result<Duration, String> {
    let units = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
    ];
    let found = units.iter().find_map(|(unit, ns)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        ((0.0..=3_600e9).contains(&(number * ns))).then_some(number * ns)
    });
    found
        .map(|ns| Duration::from_nanos(ns as u64))
        .ok_or_else(|| "write it as 500ns, 12us, 1.5ms or 2s, an hour at most".to_owned())
}

/// The costs, and where they come from.
pub(crate) fn choose(options: &RampOptions, target: &Path, spent_at: SpentAt) -> (Costs, String) {
    let measured = measured_record_ns(target);
    let asked = |cost: Option<Duration>| cost.map(|cost| cost.as_nanos() as u64);
    let costs = Costs {
        record_ns: asked(options.cost_per_record)
            .or(measured)
            .unwrap_or(RECORD_NS),
        batch_ns: asked(options.cost_per_batch).unwrap_or(BATCH_NS),
        fsync_ns: asked(options.cost_per_fsync).unwrap_or(FSYNC_NS),
        spent_at,
    };
    let record = match (options.cost_per_record, measured) {
        (Some(_), _) => "record: as asked for",
        (None, Some(_)) => "record: from the benchmarks in target/criterion",
        (None, None) => "record: a default (`cargo bench -p whitewater-benches` measures it)",
    };
    let of = |cost: Option<Duration>| {
        if cost.is_some() {
            "as asked for"
        } else {
            "a default"
        }
    };
    let from = match spent_at {
        SpentAt::SinkCommit => format!(
            "{record}; batch: {}; fsync: {}",
            of(options.cost_per_batch),
            of(options.cost_per_fsync)
        ),
        SpentAt::HandOver => record.to_owned(),
    };
    (costs, from)
}

/// What criterion noted of `process` and `sink`, both for `trades@1`; none where either has not run.
fn measured_record_ns(target: &Path) -> Option<u64> {
    let of = |bench: &str| -> Option<f64> {
        #[derive(Deserialize)]
        struct Estimates {
            mean: Estimate,
        }
        #[derive(Deserialize)]
        struct Estimate {
            point_estimate: f64,
        }
        let path = target
            .join("criterion")
            .join(bench)
            .join("trades@1/new/estimates.json");
        let text = std::fs::read_to_string(path).ok()?;
        let estimates: Estimates = serde_json::from_str(&text).ok()?;
        Some(estimates.mean.point_estimate / BENCH_RECORDS)
    };
    Some((of("process")? + of("sink")?) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_have_units() {
        assert_eq!(parse_cost("1.5ms"), Ok(Duration::from_micros(1_500)));
        assert_eq!(parse_cost("12us"), Ok(Duration::from_micros(12)));
        assert_eq!(parse_cost("500ns"), Ok(Duration::from_nanos(500)));
        assert!(
            parse_cost("5").is_err() && parse_cost("-1s").is_err() && parse_cost("2h").is_err()
        );
    }

    #[test]
    fn a_factor_may_have_its_x() {
        assert_eq!("10x".parse(), Ok(Factor(10)));
        assert_eq!("2".parse(), Ok(Factor(2)));
        assert!("0x".parse::<Factor>().is_err() && "fast".parse::<Factor>().is_err());
    }

    #[test]
    fn what_the_benchmarks_measured_is_taken() {
        let target = tempfile::tempdir().expect("a folder");
        assert_eq!(measured_record_ns(target.path()), None);
        for (bench, ns) in [("process", 2e6), ("sink", 9e6)] {
            let folder = target
                .path()
                .join("criterion")
                .join(bench)
                .join("trades@1/new");
            std::fs::create_dir_all(&folder).expect("created");
            let text = format!(r#"{{"mean":{{"point_estimate":{ns},"standard_error":1.0}}}}"#);
            std::fs::write(folder.join("estimates.json"), text).expect("written");
        }
        assert_eq!(measured_record_ns(target.path()), Some(11_000));
    }
}
