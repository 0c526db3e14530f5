//! From text to a checked [`Scenario`].
//!
//! `[[fault]]` entries are read by their kind, one type each, and without serde's tagged enums,
//! which lose the place of an error.

use std::ops::Range as Span;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, ValueDeserializer};

use super::choice::Choice;
use super::error::Problem;
use super::load::Load;
use super::range::{Drawable, Range};
use super::suggestion::{nearest, quoted_words};
use super::{Cluster, Expect, FAULT_PROBE, FaultEntry, Scenario, Topic, Workers, targets};
use crate::fault::registry;
use crate::fault::timing::Timing;
use crate::plan::group_protocol::{CONSUMER_HEARTBEAT_INTERVAL_MS, CONSUMER_SESSION_TIMEOUT_MS};

/// Everything but the faults.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    about: String,
    pipeline: String,
    duration_s: Range<u64>,
    cluster: Cluster,
    topics: IndexMap<String, Topic>,
    workers: Workers,
    #[serde(default)]
    settings: IndexMap<String, Choice>,
    load: Load,
    expect: Option<Expect>,
    #[serde(default)]
    must_reach: Vec<String>,
    /// Taken out before; here so that a mistyped key can be told from it.
    #[serde(rename = "fault")]
    _fault: Option<serde::de::IgnoredAny>,
}

/// Keys that every `[[fault]]` entry can have besides those of its kind.
const COMMON_FAULT_KEYS: [&str; 4] = ["kind", "at", "every", "when"];

pub(super) fn parse(name: &str, text: &str) -> Result<Scenario, Problem> {
    let mut table = DeTable::parse(text).map_err(|error| from_toml(&error, text, &[]))?;
    let places = table.clone();
    let faults = take_faults(&mut table, text)?;
    let document = Document::deserialize(Deserializer::from(table))
        .map_err(|error| from_toml(&error, text, &[]))?;
    let scenario = Scenario {
        name: name.to_owned(),
        about: document.about.trim().to_owned(),
        pipeline: document.pipeline,
        duration: Range {
            low: Duration::from_secs(document.duration_s.low),
            high: Duration::from_secs(document.duration_s.high),
        },
        cluster: document.cluster,
        topics: document.topics,
        workers: document.workers,
        settings: document.settings,
        load: document.load,
        faults,
        expect: document.expect,
        must_reach: document.must_reach,
    };
    check(&scenario, &places)?;
    Ok(scenario)
}

/// Takes the `[[fault]]` entries out of the document.
fn take_faults(table: &mut Spanned<DeTable<'_>>, text: &str) -> Result<Vec<FaultEntry>, Problem> {
    let Some(entries) = table.get_mut().remove("fault") else {
        return Ok(Vec::new());
    };
    let span = entries.span();
    let DeValue::Array(entries) = entries.into_inner() else {
        return Err(Problem::new(
            "faults are a list",
            span,
            "write [[fault]] with two brackets",
        ));
    };
    entries
        .into_iter()
        .map(|entry| parse_fault(entry, text))
        .collect()
}

fn parse_fault(entry: Spanned<DeValue<'_>>, text: &str) -> Result<FaultEntry, Problem> {
    let span = entry.span();
    let DeValue::Table(mut table) = entry.into_inner() else {
        return Err(Problem::new("a fault is a table", span, "not a table"));
    };
    let kind = take_kind(&mut table, &span)?;
    let timing = take_timing(&mut table, &span, text)?;
    let when = take_when(&mut table, text)?;
    let rest = ValueDeserializer::from(Spanned::new(span, DeValue::Table(table)));
    let fault = (kind.parse)(rest).map_err(|error| from_toml(&error, text, &COMMON_FAULT_KEYS))?;
    Ok(FaultEntry {
        kind: kind.name,
        timing,
        when,
        fault,
    })
}

fn take_kind(
    table: &mut DeTable<'_>,
    span: &Span<usize>,
) -> Result<&'static registry::Kind, Problem> {
    let names = || registry::KINDS.iter().map(|kind| kind.name);
    let listed = || names().collect::<Vec<_>>().join(", ");
    let Some(value) = table.remove("kind") else {
        let mut problem = Problem::new("a fault without a kind", span.clone(), "`kind` is missing");
        problem.help = Some(format!("one of {}", listed()));
        return Err(problem);
    };
    let kind_span = value.span();
    let name = value.into_inner();
    let name = name.as_str().unwrap_or_default();
    registry::find(name).ok_or_else(|| {
        let label = nearest(name, names()).map_or_else(
            || "not a kind of fault".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let mut problem = Problem::new(format!("unknown kind of fault `{name}`"), kind_span, label);
        problem.help = Some(format!("one of {}", listed()));
        problem
    })
}

fn take_timing(table: &mut DeTable<'_>, span: &Span<usize>, text: &str) -> Result<Timing, Problem> {
    let mut take = |key: &str| -> Result<Option<Range<Duration>>, Problem> {
        table
            .remove(key)
            .map(|value| Range::deserialize(ValueDeserializer::from(value)))
            .transpose()
            .map_err(|error| from_toml(&error, text, &[]))
    };
    match (take("at")?, take("every")?) {
        (Some(at), None) => Ok(Timing::At(at)),
        (None, Some(every)) => Ok(Timing::Every(every)),
        (Some(_), Some(_)) => Err(Problem::new(
            "a fault with both `at` and `every`",
            span.clone(),
            "it happens once, or again and again",
        )),
        (None, None) => Err(Problem::new(
            "a fault without a time",
            span.clone(),
            "needs `at = \"12s\"` or `every = \"1s..10s\"`",
        )),
    }
}

fn take_when(table: &mut DeTable<'_>, text: &str) -> Result<Option<String>, Problem> {
    let Some(value) = table.remove("when") else {
        return Ok(None);
    };
    let span = value.span();
    let name = String::deserialize(ValueDeserializer::from(value))
        .map_err(|error| from_toml(&error, text, &[]))?;
    check_probe_name(&name, &span)?;
    Ok(Some(name))
}

/// Says what TOML or serde found wrong, in our words where the word is unknown.
fn from_toml(error: &toml::de::Error, text: &str, more_candidates: &[&str]) -> Problem {
    let message = error.message();
    let span = error.span().unwrap_or(0..text.len().min(1));
    let words = quoted_words(message);
    let unknown = ["unknown field", "unknown variant"]
        .iter()
        .any(|start| message.starts_with(start));
    let Some((word, expected)) = words.split_first().filter(|_| unknown) else {
        return plain(message, span);
    };
    let what = if message.starts_with("unknown field") {
        "key"
    } else {
        "value"
    };
    let candidates: Vec<&str> = expected.iter().chain(more_candidates).copied().collect();
    let label = nearest(word, candidates.iter().copied()).map_or_else(
        || format!("not a {what} here"),
        |near| format!("did you mean `{near}`?"),
    );
    let mut problem = Problem::new(format!("unknown {what} `{word}`"), span, label);
    problem.help =
        (!candidates.is_empty()).then(|| format!("known here: {}", candidates.join(", ")));
    problem
}

/// A message of TOML or serde, with what was expected at the place.
fn plain(message: &str, span: Span<usize>) -> Problem {
    let message = message.lines().next().unwrap_or("not readable");
    if let Some(key) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return Problem::new(
            format!("missing key `{key}`"),
            span,
            format!("`{key}` belongs here"),
        );
    }
    match message.split_once(", expected ") {
        Some((what, expected)) => Problem::new(what, span, format!("expected {expected}")),
        None => Problem::new(message, span, "here"),
    }
}

/// Checks what a type can't say.
fn check(scenario: &Scenario, places: &Spanned<DeTable<'_>>) -> Result<(), Problem> {
    let at = |path: &[&str]| place(places, path);
    if scenario.about.is_empty() {
        return Err(Problem::new(
            "a scenario needs a reason",
            at(&["about"]),
            "say why it exists",
        ));
    }
    check_count(
        "brokers",
        scenario.cluster.brokers,
        1..=5,
        at(&["cluster", "brokers"]),
    )?;
    check_count(
        "log dirs",
        scenario.cluster.log_dirs,
        1..=8,
        at(&["cluster", "log_dirs"]),
    )?;
    let cluster = &scenario.cluster;
    for (key, range_ms) in [
        (
            "log_retention_check_interval_ms",
            cluster.log_retention_check_interval_ms,
        ),
        (
            "group_consumer_session_timeout_ms",
            cluster.group_consumer_session_timeout_ms,
        ),
        (
            "group_consumer_heartbeat_interval_ms",
            cluster.group_consumer_heartbeat_interval_ms,
        ),
    ] {
        if let Some(range_ms) = range_ms {
            let span = at(&["cluster", key]);
            check_count("milliseconds", range_ms, 1..=86_400_000, span)?;
        }
    }
    check_group_protocol(scenario, &at)?;
    check_count(
        "workers",
        scenario.workers.count,
        1..=50,
        at(&["workers", "count"]),
    )?;
    let duration_s = Range {
        low: scenario.duration.low.as_secs(),
        high: scenario.duration.high.as_secs(),
    };
    check_count("seconds", duration_s, 1..=86_400, at(&["duration_s"]))?;
    if scenario.inputs().next().is_none() {
        return Err(Problem::new(
            "no topic to consume",
            at(&["topics"]),
            "needs a [topics.NAME] table that is no output",
        ));
    }
    for (name, topic) in &scenario.topics {
        let span = at(&["topics", name, "partitions"]);
        check_count("partitions", topic.partitions, 1..=1_000, span)?;
        let span = at(&["topics", name, "replication_factor"]);
        check_count("replicas", topic.replication_factor, 1..=5, span)?;
    }
    check_must_reach(scenario, &at(&["must_reach"]))?;
    check_expect(scenario, &at(&["expect", "only_with"]))?;
    check_load(scenario, &at)?;
    targets::check(scenario, places)
}

/// A heartbeat has to come within the session, and no seed must draw a pair that breaks this.
fn check_group_protocol(
    scenario: &Scenario,
    at: &impl Fn(&[&str]) -> Span<usize>,
) -> Result<(), Problem> {
    let cluster = &scenario.cluster;
    let session_ms = cluster.group_consumer_session_timeout_ms;
    let heartbeat_ms = cluster.group_consumer_heartbeat_interval_ms;
    let shortest_session_ms = session_ms.map_or(CONSUMER_SESSION_TIMEOUT_MS, |range| range.low);
    let longest_heartbeat_ms =
        heartbeat_ms.map_or(CONSUMER_HEARTBEAT_INTERVAL_MS, |range| range.high);
    if longest_heartbeat_ms < shortest_session_ms {
        return Ok(());
    }
    Err(Problem::new(
        "heartbeats that come later than the session ends",
        at(&["cluster", "group_consumer_session_timeout_ms"]),
        format!(
            "must be longer than the heartbeat interval, which is up to {longest_heartbeat_ms}"
        ),
    ))
}

/// A probe that can't be reached is a mistake, not a sweep that proves nothing.
fn check_must_reach(scenario: &Scenario, span: &Span<usize>) -> Result<(), Problem> {
    for (index, name) in scenario.must_reach.iter().enumerate() {
        check_probe_name(name, span)?;
        if scenario.must_reach[..index].contains(name) {
            return Err(Problem::new(
                format!("`{name}` is there twice"),
                span.clone(),
                "once is enough",
            ));
        }
        let Some(kind) = name.strip_prefix(FAULT_PROBE) else {
            continue;
        };
        check_kind(
            scenario,
            kind,
            || format!("`{name}` can't be reached"),
            span,
        )?;
    }
    Ok(())
}

fn check_probe_name(name: &str, span: &Span<usize>) -> Result<(), Problem> {
    if !name.is_empty() && !name.contains(char::is_whitespace) {
        return Ok(());
    }
    Err(Problem::new(
        format!("no probe is called `{name}`"),
        span.clone(),
        "the name of a probe, such as \"worker.fenced\"",
    ))
}

/// The bug of a negative can't show with a fault that it never meets.
fn check_expect(scenario: &Scenario, span: &Span<usize>) -> Result<(), Problem> {
    let kinds = scenario.expect.iter().flat_map(|expect| &expect.only_with);
    for kind in kinds {
        check_kind(scenario, kind, || format!("no fault `{kind}`"), span)?;
    }
    Ok(())
}

/// Whether the scenario has a fault of this kind.
fn check_kind(
    scenario: &Scenario,
    kind: &str,
    message: impl Fn() -> String,
    span: &Span<usize>,
) -> Result<(), Problem> {
    let possible = scenario.fault_kinds();
    if possible.contains(&kind) {
        return Ok(());
    }
    let label = nearest(kind, possible.iter().copied()).map_or_else(
        || "the scenario has no such fault".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Err(Problem::new(message(), span.clone(), label))
}

fn check_load(scenario: &Scenario, at: &impl Fn(&[&str]) -> Span<usize>) -> Result<(), Problem> {
    let load = &scenario.load;
    let whole = || at(&["load"]);
    match (&load.generator, &load.file) {
        (Some(_), None) => {
            let misplaced = [("skip", load.skip), ("take", load.take)];
            if let Some((key, _)) = misplaced.iter().find(|(_, range)| range.is_some()) {
                return Err(Problem::new(
                    format!("`{key}` without a `file`"),
                    at(&["load", key]),
                    "only for a file",
                ));
            }
            if load.key.is_some() || load.id.is_some() {
                return Err(Problem::new(
                    "a generator knows its key and id",
                    whole(),
                    "`key` and `id` are for a file",
                ));
            }
            let Some(records) = load.records else {
                return Err(Problem::new(
                    "how many records?",
                    whole(),
                    "`records` is missing",
                ));
            };
            check_count("records", records, 1..=10_000_000, at(&["load", "records"]))?;
            if let Some(keys) = load.keys {
                check_count("keys", keys, 1..=1_000_000, at(&["load", "keys"]))?;
            }
        }
        (None, Some(_)) => {
            let misplaced = [("records", load.records), ("keys", load.keys)];
            if let Some((key, _)) = misplaced.iter().find(|(_, range)| range.is_some()) {
                return Err(Problem::new(
                    format!("`{key}` with a `file`"),
                    at(&["load", key]),
                    "only for a generator; a file has `skip` and `take`",
                ));
            }
            let Some(take) = load.take else {
                return Err(Problem::new("how many rows?", whole(), "`take` is missing"));
            };
            check_count("rows", take, 1..=10_000_000, at(&["load", "take"]))?;
        }
        (Some(_), Some(_)) => {
            return Err(Problem::new(
                "a load with both `generator` and `file`",
                at(&["load", "file"]),
                "one of them",
            ));
        }
        (None, None) => {
            return Err(Problem::new(
                "a load of what?",
                whole(),
                "needs `generator = \"trades\"` or `file = \"NAME.jsonl.gz\"`",
            ));
        }
    }
    check_count(
        "records a second",
        load.rate_per_s,
        1..=1_000_000,
        at(&["load", "rate_per_s"]),
    )?;
    match &load.topic {
        Some(topic) if !scenario.topics.contains_key(topic) => Err(Problem::new(
            format!("no topic `{topic}`"),
            at(&["load", "topic"]),
            nearest(topic, scenario.topics.keys().map(String::as_str)).map_or_else(
                || "not in [topics]".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        )),
        Some(topic) if scenario.topics[topic].output => Err(Problem::new(
            format!("`{topic}` is an output"),
            at(&["load", "topic"]),
            "the pipeline does not consume it",
        )),
        None if scenario.inputs().count() > 1 => Err(Problem::new(
            "which topic is the load for?",
            whole(),
            "`topic` is missing, and there are several",
        )),
        Some(_) | None => Ok(()),
    }
}

fn check_count<T: Drawable>(
    what: &str,
    range: Range<T>,
    allowed: std::ops::RangeInclusive<u64>,
    span: Span<usize>,
) -> Result<(), Problem> {
    if allowed.contains(&range.low.units()) && allowed.contains(&range.high.units()) {
        return Ok(());
    }
    let label = format!("{} to {}", allowed.start(), allowed.end());
    Err(Problem::new(
        format!("too few or too many {what}"),
        span,
        label,
    ))
}

/// Where a key's value is written; the nearest table that is there for one that is missing.
fn place(document: &Spanned<DeTable<'_>>, path: &[&str]) -> Span<usize> {
    let mut table = document.get_ref();
    let mut span = 0..0;
    for key in path {
        let Some(value) = table.get(*key) else {
            return span;
        };
        span = value.span();
        match value.get_ref().as_table() {
            Some(inner) => table = inner,
            None => return span,
        }
    }
    span
}
