//! A ramp as people read it.

use super::{Ramp, Step};
use crate::plan::costs::{Costs, SpentAt};
use crate::report::number::{counted, grouped};
use crate::report::style::{Style, Tone};

/// What runs, and what work costs: before the first step.
#[must_use]
pub fn head(ramp: &Ramp, style: Style) -> String {
    let what = format!(
        "{} seed {} · {}, {} · no faults",
        ramp.scenario,
        ramp.seed,
        counted(ramp.workers, "worker"),
        counted(ramp.partitions, "partition")
    );
    let mut lines = vec![
        style.line(Tone::Neutral, "Ramp", &what),
        style.line(Tone::Neutral, "Cost", &costs(&ramp.costs)),
        Style::continuation(&ramp.costs_from),
    ];
    for left_out in &ramp.left_out {
        lines.push(style.line(Tone::Doubtful, "Left out", left_out));
    }
    lines.join("\n")
}

fn costs(costs: &Costs) -> String {
    match costs.spent_at {
        SpentAt::SinkCommit => format!(
            "{} a record, {} a batch, while the sink is locked; {} an fsync",
            time(costs.record_ns),
            time(costs.batch_ns),
            time(costs.fsync_ns)
        ),
        SpentAt::HandOver => format!(
            "{} a record, where the client hands it over",
            time(costs.record_ns)
        ),
    }
}

/// `850 ns`, `12.5 µs`, `3 ms`, `1.2 s`.
fn time(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000 => (1.0, "ns"),
        1_000..1_000_000 => (1e3, "µs"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let text = format!("{:.1}", ns as f64 / unit);
    format!("{} {name}", text.strip_suffix(".0").unwrap_or(&text))
}

/// The table of the steps, what broke below each.
#[must_use]
pub fn table(ramp: &Ramp, style: Style) -> String {
    let titles = [
        "records",
        "arrive/s",
        "taken in/s",
        "lag max",
        "drained after",
        "batch max",
        "hottest",
        "sink wait",
    ];
    let rows: Vec<[String; 8]> = ramp.steps.iter().map(cells).collect();
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([titles[column].len()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[&str]| -> String {
        let padded = cells.iter().zip(&widths);
        let padded: Vec<String> = padded
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        padded.join("  ")
    };
    let mut lines = vec![style.line(Tone::Neutral, "load", &line(&titles))];
    for (step, row) in ramp.steps.iter().zip(&rows) {
        let tone = if step.breaks.is_empty() {
            Tone::Good
        } else {
            Tone::Bad
        };
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        lines.push(style.line(tone, &format!("{}x", step.factor), &line(&cells)));
        lines.extend(broken(step, style));
    }
    lines.join("\n")
}

fn cells(step: &Step) -> [String; 8] {
    let percent = |percent: u64| format!("{percent} %");
    let seconds = |ms: u64| format!("{}.{} s", grouped(ms / 1_000), ms % 1_000 / 100);
    let none = || "-".to_owned();
    [
        grouped(step.records),
        grouped(step.arrived_per_s),
        grouped(step.taken_in_per_s),
        grouped(step.lag_max),
        step.drained_after_ms
            .map_or_else(|| "never".to_owned(), seconds),
        step.batch_ms_max
            .map_or_else(none, |ms| format!("{} ms", grouped(ms))),
        percent(step.hottest_percent),
        step.sink_wait_percent.map_or_else(none, percent),
    ]
}

fn broken(step: &Step, style: Style) -> Vec<String> {
    if step.breaks.is_empty() {
        return vec![Style::continuation("nothing breaks")];
    }
    let verbs = std::iter::once("first").chain(std::iter::repeat("then"));
    verbs
        .zip(&step.breaks)
        .map(|(verb, found)| {
            let text = format!(
                "{}.{:03} s  {}: {}",
                found.at_ms / 1_000,
                found.at_ms % 1_000,
                found.bound.broken(),
                found.why
            );
            style.line(Tone::Neutral, verb, &text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ramp::{Bound, Break};

    /// Two steps of `ramp steady --cost-per-record 5ms`, as they ran.
    #[test]
    fn a_ramp_reads_as_a_table() {
        let step = |factor, arrived_per_s, taken_in_per_s, lag_max, breaks| Step {
            factor,
            records: 1_001 * factor,
            arrived_per_s,
            taken_in_per_s,
            lag_max,
            drained_after_ms: (factor == 1).then_some(2_300),
            batch_ms_max: Some(2_817),
            hottest_percent: 42,
            sink_wait_percent: Some(0),
            breaks,
        };
        let broken = Break {
            at_ms: 1_003,
            bound: Bound::LagDrains,
            why: "1390 records a second arrive, 198 are taken in; 9986 behind at most".to_owned(),
        };
        let ramp = Ramp {
            scenario: "fast/steady".to_owned(),
            seed: 1,
            workers: 1,
            partitions: 5,
            costs: Costs {
                record_ns: 5_000_000,
                batch_ns: 200_000,
                fsync_ns: 1_000_000,
                spent_at: SpentAt::SinkCommit,
            },
            costs_from: "record: as asked for; batch: a default; fsync: a default".to_owned(),
            left_out: vec!["retention: no topic of the scenario sets one"],
            steps: vec![
                step(1, 139, 154, 947, Vec::new()),
                step(10, 1_390, 198, 9_986, vec![broken]),
            ],
        };
        let text = format!(
            "{}\n{}",
            head(&ramp, Style::Plain),
            table(&ramp, Style::Plain)
        );
        insta::assert_snapshot!(text, @r"
               Ramp  fast/steady seed 1 · 1 worker, 5 partitions · no faults
               Cost  5 ms a record, 200 µs a batch, while the sink is locked; 1 ms an fsync
                     record: as asked for; batch: a default; fsync: a default
           Left out  retention: no topic of the scenario sets one
               load  records  arrive/s  taken in/s  lag max  drained after  batch max  hottest  sink wait
                 1x    1,001       139         154      947          2.3 s   2,817 ms     42 %        0 %
                     nothing breaks
                10x   10,010     1,390         198    9,986          never   2,817 ms     42 %        0 %
              first  1.003 s  lag never drains: 1390 records a second arrive, 198 are taken in; 9986 behind at most
        ");
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let times = [850, 12_500, 3_000_000, 1_200_000_000].map(time);
        assert_eq!(times, ["850 ns", "12.5 µs", "3 ms", "1.2 s"]);
    }
}
