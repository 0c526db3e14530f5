//! The history of one run as data: one ordered stream of events that checkers, explanations and
//! reports read. Nothing here depends on the simulator that wrote it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pipeline_under_test::RecordPosition;

pub mod counts;
pub mod fields;
pub mod filter;
pub mod story;

use fields::Fields;

/// A field of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// Offsets, generations, counts.
    Int(i64),
    /// Everything else.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// One event. Serialised as one JSON object a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Simulated time since the start of the run, in nanoseconds.
    pub at_ns: u64,
    /// The host of the process that the event belongs to.
    pub host: Arc<str>,
    /// The process that the event belongs to.
    pub process: Arc<str>,
    /// What happened, in the vocabulary of [`View`].
    pub kind: Cow<'static, str>,
    /// The details, in the order in which they were written.
    pub fields: Fields,
}

/// A trace file has a line that is not an event.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the trace is not an event")]
pub struct TraceError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    #[source]
    pub source: serde_json::Error,
}

/// Reads a trace of one event a line; empty lines are ignored.
///
/// # Errors
/// The first line that is not an event.
pub fn parse_lines(text: &str) -> Result<Vec<Event>, TraceError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| TraceError {
                line: index + 1,
                source,
            })
        })
        .collect()
}

/// An event read by its kind. A kind that is not known here, or one that lacks a field it should
/// have, is [`View::Other`]: a trace of a later version stays readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View<'e> {
    /// A producer of the pipeline got an acknowledgement.
    Produced(RecordPosition),
    /// The harness's loader got an acknowledgement.
    Loaded {
        /// Where the record lies.
        position: RecordPosition,
        /// The message id, empty for a record that has none.
        id: &'e str,
        /// The record's key, empty for none.
        key: &'e str,
        /// 0 for the first sending of a record, counting up for repetitions.
        copy: i64,
    },
    /// The application received a message.
    Deliver(RecordPosition),
    /// A consumer starts, or restarts, to fetch a partition at this offset.
    FetchStart(RecordPosition),
    /// A rebalance callback ran.
    Assignment {
        /// Which of the three callbacks.
        change: AssignmentChange,
        /// The partitions it named.
        partitions: Vec<(&'e str, i32)>,
        /// The group's generation as the member knows it.
        generation: i64,
        /// The member's id, given by the group coordinator.
        member_id: &'e str,
    },
    /// The group coordinator took an offset commit.
    OffsetCommit(OffsetCommit<'e>),
    /// The group coordinator refused an offset commit.
    OffsetCommitRefused {
        /// What was asked.
        commit: OffsetCommit<'e>,
        /// Kafka's name of the error.
        error: &'e str,
    },
    /// The group changed its state.
    GroupState {
        /// The group.
        group: &'e str,
        /// The state it is in now, in Kafka's words.
        state: &'e str,
        /// The generation it is in now.
        generation: i64,
        /// Why it changed.
        reason: &'e str,
    },
    /// A member of the consumer protocol took a step towards its target assignment.
    MemberReconciled {
        /// The group.
        group: &'e str,
        /// The member.
        member_id: &'e str,
        /// Its epoch after the step.
        epoch: i64,
        /// What it has after the step.
        assigned: Vec<(&'e str, i32)>,
        /// What it has to give up first.
        pending_revocation: Vec<(&'e str, i32)>,
    },
    /// A broker appended records to its log.
    Append {
        /// Where the first of them lies.
        first: RecordPosition,
        /// How many there are.
        records: i64,
    },
    /// A write transaction of the sink ended.
    SinkCommit {
        /// The sink's file.
        path: &'e str,
        /// Rows changed by the transaction.
        rows: i64,
    },
    /// The harness began, hit with, or ended a fault.
    Fault {
        /// The kind of fault, as a scenario names it.
        name: &'e str,
        /// Which of the three.
        phase: &'e str,
        /// What was hit.
        target: &'e str,
    },
    /// A process changed its state.
    Process {
        /// `started`, `exited`, `killed`, `paused`, `resumed` or `power_loss`.
        phase: &'e str,
    },
    /// The run reached a code point of interest.
    Probe {
        /// The probe's name.
        name: &'e str,
    },
    /// The pipeline logged something.
    Log {
        /// The level, in capitals.
        level: &'e str,
        /// The message.
        message: &'e str,
    },
    /// A task panicked.
    Panic {
        /// The panic's message.
        message: &'e str,
        /// File, line and column.
        location: &'e str,
    },
    /// None of the above.
    Other,
}

/// Which rebalance callback ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignmentChange {
    /// Partitions were given to the member.
    Assigned,
    /// Partitions were taken in an orderly way.
    Revoked,
    /// Partitions were taken because the member is out of the group.
    Lost,
}

/// An offset commit as the group coordinator saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommit<'e> {
    /// The group.
    pub group: &'e str,
    /// Partition, and the committed offset: the first one not yet processed.
    pub position: RecordPosition,
    /// Who asked: the process, where the trace names it, else the `client.id`.
    pub client_id: &'e str,
    /// The generation that the request named.
    pub generation: i64,
}

impl Event {
    /// The text of a field; none if it is missing or not a text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.fields.get(field)? {
            Value::Text(text) => Some(text),
            Value::Int(_) | Value::Bool(_) => None,
        }
    }

    /// The number in a field; none if it is missing or not a number.
    #[must_use]
    pub fn int(&self, field: &str) -> Option<i64> {
        match self.fields.get(field)? {
            Value::Int(value) => Some(*value),
            Value::Text(_) | Value::Bool(_) => None,
        }
    }

    /// The position in the fields topic, partition and `offset_field`.
    fn position(&self, offset_field: &str) -> Option<RecordPosition> {
        Some(RecordPosition {
            topic: self.text("topic")?.to_owned(),
            partition: i32::try_from(self.int("partition")?).ok()?,
            offset: self.int(offset_field)?,
        })
    }

    fn offset_commit(&self) -> Option<OffsetCommit<'_>> {
        Some(OffsetCommit {
            group: self.text("group")?,
            position: self.position("offset")?,
            // The simulator knows the process; its client may have kept the library's default name.
            client_id: self
                .text("client")
                .filter(|process| !process.is_empty())
                .or_else(|| self.text("client_id"))
                .unwrap_or_default(),
            generation: self.int("generation").unwrap_or(-1),
        })
    }

    fn assignment(&self, change: AssignmentChange) -> Option<View<'_>> {
        Some(View::Assignment {
            change,
            partitions: parse_partitions(self.text("partitions")?),
            generation: self.int("generation").unwrap_or(-1),
            member_id: self.text("member_id").unwrap_or_default(),
        })
    }

    /// The event, read by its kind.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        self.known_view().unwrap_or(View::Other)
    }

    fn known_view(&self) -> Option<View<'_>> {
        Some(match self.kind.as_ref() {
            "produced" => View::Produced(self.position("offset")?),
            "loaded" => View::Loaded {
                position: self.position("offset")?,
                id: self.text("id").unwrap_or_default(),
                key: self.text("key").unwrap_or_default(),
                copy: self.int("copy").unwrap_or(0),
            },
            "deliver" => View::Deliver(self.position("offset")?),
            "fetch_start" => View::FetchStart(self.position("offset")?),
            "assigned" => self.assignment(AssignmentChange::Assigned)?,
            "revoked" => self.assignment(AssignmentChange::Revoked)?,
            "lost" => self.assignment(AssignmentChange::Lost)?,
            "offset_commit" => View::OffsetCommit(self.offset_commit()?),
            "offset_commit_refused" => View::OffsetCommitRefused {
                commit: self.offset_commit()?,
                error: self.text("error")?,
            },
            "group_state" => View::GroupState {
                group: self.text("group")?,
                state: self.text("state")?,
                generation: self.int("generation")?,
                reason: self.text("reason").unwrap_or_default(),
            },
            "member_reconciled" => View::MemberReconciled {
                group: self.text("group")?,
                member_id: self.text("member_id")?,
                epoch: self.int("member_epoch")?,
                assigned: parse_partitions(self.text("assigned")?),
                pending_revocation: parse_partitions(self.text("pending_revocation")?),
            },
            "append" => View::Append {
                first: self.position("base_offset")?,
                records: self.int("records")?,
            },
            "sink_commit" => View::SinkCommit {
                path: self.text("path")?,
                rows: self.int("rows")?,
            },
            "fault" => View::Fault {
                name: self.text("name")?,
                phase: self.text("phase")?,
                target: self.text("target").unwrap_or_default(),
            },
            "process" => View::Process {
                phase: self.text("phase")?,
            },
            "probe" => View::Probe {
                name: self.text("name")?,
            },
            "log" => View::Log {
                level: self.text("level").unwrap_or("INFO"),
                message: self.text("message")?,
            },
            "panic" => View::Panic {
                message: self.text("message")?,
                location: self.text("location").unwrap_or_default(),
            },
            _ => return None,
        })
    }

    /// Whether the event speaks of this partition, or of none in particular.
    #[must_use]
    pub fn concerns(&self, topic: &str, partition: i32) -> bool {
        match self.view() {
            View::Produced(position)
            | View::Loaded { position, .. }
            | View::Deliver(position)
            | View::FetchStart(position)
            | View::Append {
                first: position, ..
            }
            | View::OffsetCommit(OffsetCommit { position, .. })
            | View::OffsetCommitRefused {
                commit: OffsetCommit { position, .. },
                ..
            } => position.topic == topic && position.partition == partition,
            View::Assignment { partitions, .. } => partitions.contains(&(topic, partition)),
            View::MemberReconciled {
                assigned,
                pending_revocation,
                ..
            } => {
                let mut partitions = assigned.iter().chain(&pending_revocation);
                partitions.any(|it| *it == (topic, partition))
            }
            View::GroupState { .. }
            | View::SinkCommit { .. }
            | View::Fault { .. }
            | View::Process { .. }
            | View::Probe { .. }
            | View::Log { .. }
            | View::Panic { .. }
            | View::Other => true,
        }
    }
}

/// Reads `trades-0,trades-3`. A part that is not a partition is left out.
pub(crate) fn parse_partitions(text: &str) -> Vec<(&str, i32)> {
    text.split(',')
        .filter_map(|part| {
            let (topic, partition) = part.trim().rsplit_once('-')?;
            Some((topic, partition.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod history {
    //! Plants events for tests.

    use super::{Event, Value};

    /// An event at `at_ms`; `process` is `worker-1@host-a` or a name alone.
    pub(crate) fn event(at_ms: f64, process: &str, kind: &str, fields: &[(&str, Value)]) -> Event {
        let (process, host) = process.split_once('@').unwrap_or((process, "host-a"));
        Event {
            at_ns: (at_ms * 1e6).round() as u64,
            host: host.into(),
            process: process.into(),
            kind: kind.to_owned().into(),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        }
    }

    /// An event about `trades-<partition>@<offset>`.
    pub(crate) fn at_offset(
        at_ms: f64,
        process: &str,
        kind: &str,
        partition: i64,
        offset: i64,
    ) -> Event {
        event(
            at_ms,
            process,
            kind,
            &[
                ("topic", "trades".into()),
                ("partition", partition.into()),
                ("offset", offset.into()),
            ],
        )
    }

    pub(crate) fn loaded(at_ms: f64, id: &str, partition: i64, offset: i64, key: &str) -> Event {
        event(
            at_ms,
            "harness",
            "loaded",
            &[
                ("id", id.into()),
                ("topic", "trades".into()),
                ("partition", partition.into()),
                ("offset", offset.into()),
                ("key", key.into()),
                ("copy", 0.into()),
            ],
        )
    }

    pub(crate) fn offset_commit(
        at_ms: f64,
        client_id: &str,
        partition: i64,
        offset: i64,
        generation: i64,
    ) -> Event {
        event(
            at_ms,
            "broker-1",
            "offset_commit",
            &[
                ("group", "trades".into()),
                ("topic", "trades".into()),
                ("partition", partition.into()),
                ("offset", offset.into()),
                ("client_id", client_id.into()),
                ("generation", generation.into()),
            ],
        )
    }

    pub(crate) fn assigned(
        at_ms: f64,
        process: &str,
        kind: &str,
        partitions: &str,
        generation: i64,
    ) -> Event {
        event(
            at_ms,
            process,
            kind,
            &[
                ("group", "trades".into()),
                ("partitions", partitions.into()),
                ("generation", generation.into()),
                ("member_id", format!("{process}-id").into()),
            ],
        )
    }

    pub(crate) fn sink_commit(at_ms: f64, process: &str, rows: i64) -> Event {
        event(
            at_ms,
            process,
            "sink_commit",
            &[("path", "/data/results.db".into()), ("rows", rows.into())],
        )
    }

    pub(crate) fn fault(at_ms: f64, name: &str, phase: &str, target: &str) -> Event {
        event(
            at_ms,
            "harness",
            "fault",
            &[
                ("name", name.into()),
                ("phase", phase.into()),
                ("target", target.into()),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::history::{assigned, at_offset, event};
    use super::*;

    #[test]
    fn an_event_is_one_line_and_reads_back() {
        let deliver = at_offset(12.5, "worker-2@host-a", "deliver", 3, 412);
        let line = serde_json::to_string(&deliver).expect("an event is serialisable");
        insta::assert_snapshot!(line, @r#"{"at_ns":12500000,"host":"host-a","process":"worker-2","kind":"deliver","fields":{"topic":"trades","partition":3,"offset":412}}"#);
        let read = parse_lines(&format!("{line}\n\n{line}\n")).expect("two events");
        assert_eq!(read, [deliver.clone(), deliver]);
    }

    #[test]
    fn a_broken_line_is_named_by_its_number() {
        let line = serde_json::to_string(&at_offset(0.0, "worker-1", "deliver", 0, 0))
            .expect("an event is serialisable");
        let error = parse_lines(&format!("{line}\n{{\"at_ns\":1}}")).expect_err("line 2 is broken");
        assert_eq!(error.to_string(), "line 2 of the trace is not an event");
    }

    #[test]
    fn a_partition_list_keeps_topics_with_dashes() {
        assert_eq!(
            parse_partitions("eu-trades-0,eu-trades-11"),
            [("eu-trades", 0), ("eu-trades", 11)]
        );
        assert!(parse_partitions("").is_empty());
    }

    #[test]
    fn an_unknown_kind_or_a_missing_field_is_other() {
        assert_eq!(event(0.0, "x", "comet", &[]).view(), View::Other);
        assert_eq!(event(0.0, "x", "deliver", &[]).view(), View::Other);
    }

    #[test]
    fn an_assignment_concerns_its_own_partitions_only() {
        let event = assigned(0.0, "worker-1", "assigned", "trades-1,trades-2", 4);
        assert!(event.concerns("trades", 2));
        assert!(!event.concerns("trades", 0));
    }
}
