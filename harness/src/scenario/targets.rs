//! Whether what a fault is aimed at can be there: a fault that no seed can bring about proves nothing.

use std::ops::Range as Span;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Scenario;
use super::error::Problem;
use super::suggestion::nearest;
use crate::fault::action::BrokerChoice;
use crate::fault::target::{BrokerTarget, ParseTarget, numbered};
use crate::fault::timing::Timing;
use crate::plan::draw::{HOST, SPARE_WORKERS_MAX};

/// The keys of a `[[fault]]` entry that name what it hits.
const TARGET_KEYS: [&str; 2] = ["target", "between"];

/// Refuses a fault that no seed can bring about.
pub(super) fn check(scenario: &Scenario, places: &Spanned<DeTable<'_>>) -> Result<(), Problem> {
    let entries = places.get_ref().get("fault").map(Spanned::get_ref);
    let entries = entries.and_then(DeValue::as_array).into_iter().flatten();
    for (entry, fault) in entries.zip(&scenario.faults) {
        let Some(table) = entry.get_ref().as_table() else {
            continue;
        };
        for value in TARGET_KEYS.iter().filter_map(|key| table.get(*key)) {
            check_value(scenario, value)?;
        }
        if let (Timing::At(at), Some(value)) = (fault.timing, table.get("at")) {
            check_begin(scenario, at.low, value.span())?;
        }
    }
    Ok(())
}

fn check_value(scenario: &Scenario, value: &Spanned<DeValue<'_>>) -> Result<(), Problem> {
    match value.get_ref() {
        DeValue::String(name) => check_name(scenario, name, value.span()),
        DeValue::Array(ends) => ends.iter().try_for_each(|end| check_value(scenario, end)),
        _ => Ok(()),
    }
}

fn check_name(scenario: &Scenario, name: &str, span: Span<usize>) -> Result<(), Problem> {
    if let Some(number) = numbered(name, "worker-") {
        return check_number("worker", number, workers_max(scenario), span);
    }
    if let Some(number) = numbered(name, "broker-") {
        return check_number("broker", number, scenario.cluster.brokers.high, span);
    }
    if name.starts_with("host-") && name != HOST {
        let label = format!("all workers run on \"{HOST}\"");
        return Err(Problem::new(
            format!("no host is called `{name}`"),
            span,
            label,
        ));
    }
    match BrokerTarget::parse(name) {
        Some(BrokerTarget::Chosen(BrokerChoice::LeaderOf { topic, partition })) => {
            check_partition(scenario, &topic, partition, span)
        }
        _ => Ok(()),
    }
}

/// The most workers that a seed can draw.
fn workers_max(scenario: &Scenario) -> u64 {
    let mut faults = scenario.faults.iter();
    let churns = faults.any(|entry| entry.kind == "member-churn");
    scenario.workers.count.high + if churns { SPARE_WORKERS_MAX } else { 0 }
}

fn check_number(what: &str, number: u64, most: u64, span: Span<usize>) -> Result<(), Problem> {
    if number <= most {
        return Ok(());
    }
    let label = match most {
        1 => format!("there is one: \"{what}-1\""),
        _ => format!("there are {most} at most: \"{what}-1\" to \"{what}-{most}\""),
    };
    let message = format!("no seed has a {what} {number}");
    Err(Problem::new(message, span, label))
}

fn check_partition(
    scenario: &Scenario,
    topic: &str,
    partition: i32,
    span: Span<usize>,
) -> Result<(), Problem> {
    let Some(found) = scenario.topics.get(topic) else {
        let label = nearest(topic, scenario.topics.keys().map(String::as_str)).map_or_else(
            || "not in [topics]".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Problem::new(format!("no topic `{topic}`"), span, label));
    };
    let most = found.partitions.high;
    let mut faults = scenario.faults.iter();
    if faults.any(|entry| entry.kind == "partition-growth") {
        return Ok(());
    }
    if u64::try_from(partition).is_ok_and(|partition| partition < most) {
        return Ok(());
    }
    let label = match most {
        1 => format!("it has one: \"{topic}-0\""),
        _ => format!(
            "it has {most} at most: \"{topic}-0\" to \"{topic}-{}\"",
            most - 1
        ),
    };
    let message = format!("no seed has a partition {partition} of `{topic}`");
    Err(Problem::new(message, span, label))
}

/// A fault begins while the load is sent, or at least within the scenario's duration.
fn check_begin(scenario: &Scenario, earliest: Duration, span: Span<usize>) -> Result<(), Problem> {
    let end = scenario.duration.high.max(sending_max(scenario));
    if earliest < end {
        return Ok(());
    }
    let label = format!("everything is healed after {} s", end.as_secs());
    let message = "this fault never begins";
    Err(Problem::new(message, span, label))
}

/// More than the longest time that the load is sent for: each record twice, at the lowest rate.
fn sending_max(scenario: &Scenario) -> Duration {
    let load = &scenario.load;
    let records = load.records.or(load.take).map_or(0, |range| range.high);
    Duration::from_secs(2 * records / load.rate_per_s.low.max(1))
}
