//! Offsets: neither Kafka's committed offset nor the sink's own is ever past what the sink holds.
//!
//! The sink is seen at the end only, but its past can be told. A row can't have been written
//! before
//! - a process that had got its record ended a write transaction (trace event `sink_commit`), nor
//! - as many changes were committed as there are rows up to it, in append order.
//!
//! An offset commit that comes earlier than both allow went past the sink, even if the row made it
//! in the end: a crash in between would have lost it. A record whose row is not there at all was
//! gone past by the first commit behind it. Only records that a row needs are judged: duplicates,
//! filtered and quarantined ones need none.
//!
//! A sink that is no SQLite database writes no `sink_commit`; then only its end is judged.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::observation::Observation;
use super::partitions::{Partitions, PerPartition};
use super::scan::{self, At, Commit, Follower, Place, Step};
use super::violation::{Violation, ViolationKind};
use crate::pipeline_under_test::{InputRecord, Row};
use crate::trace::Event;

/// Offsets that are past what the sink holds.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    scan::follow::<Offsets<'_>>(observation)
}

/// What each process has got and not written, and how far offsets were committed.
pub(super) struct Offsets<'o> {
    sink: &'o str,
    partitions: PerPartition<OfPartition<'o>>,
    unwritten: Vec<Unwritten<'o>>,
    /// For each sink its host and the changes committed to it so far.
    sinks: Vec<(Option<&'o str>, u64)>,
    commits_seen: bool,
    /// Commits for which there had been too few changes, if the row was written only once.
    suspects: Vec<Suspect<'o>>,
}

#[derive(Default)]
struct OfPartition<'o> {
    /// By index in the log.
    records: Vec<Record<'o>>,
    /// Up to which index an offset commit was judged.
    judged: usize,
    /// The first commit that was past the sink, and the index of the first record it was past.
    past: Option<Past<'o>>,
    committed: Option<(i64, &'o Event)>,
}

#[derive(Default, Clone, Copy)]
struct Record<'o> {
    /// It needs a row, and where that stands: the sink's number, and the rows before it.
    needs: bool,
    row: Option<(usize, u64)>,
    deliveries: u32,
    delivered: Option<At<'o>>,
    /// Who had got it has written since.
    may_be_held: bool,
}

struct Unwritten<'o> {
    process: &'o str,
    records: Vec<(usize, usize)>,
}

#[derive(Clone, Copy)]
struct Past<'o> {
    commit: Commit<'o>,
    at: At<'o>,
    index: usize,
    records: usize,
}

struct Suspect<'o> {
    past: Past<'o>,
    sink: usize,
    changes: u64,
    rows_before: u64,
}

impl<'o> Follower<'o> for Offsets<'o> {
    fn begin(observation: &'o Observation, partitions: &mut Partitions<'o>) -> Self {
        let mut this = Self {
            sink: &observation.sink,
            partitions: PerPartition::default(),
            unwritten: Vec::new(),
            sinks: observation
                .sink_rows
                .iter()
                .map(|(host, _)| (Some(host.as_str()), 0))
                .collect(),
            commits_seen: false,
            suspects: Vec::new(),
        };
        if this.sinks.is_empty() {
            this.sinks.push((None, 0));
        }
        for number in partitions.numbers() {
            let records = &mut this.partitions.of(number).records;
            records.resize(partitions.log(number).len(), Record::default());
        }
        this.note_rows(observation, partitions);
        this.note_missing_rows(observation, partitions);
        this
    }

    fn follow(&mut self, partitions: &Partitions<'o>, at: At<'o>, step: &Step<'o>) {
        match *step {
            Step::Deliver(place) => self.deliver(partitions, at, place),
            Step::SinkCommit { path, rows } if self.sink.is_empty() || path == self.sink => {
                self.write(at.event, rows);
            }
            // A transaction that failed may be in the file all the same, by way of its journal.
            Step::DiskError { path } if path.starts_with(self.sink) => {
                let rows = self.unwritten_of(&at.event.process);
                self.write(at.event, rows);
            }
            Step::Life => self
                .unwritten
                .retain(|unwritten| *unwritten.process != *at.event.process),
            Step::OffsetCommit(commit) => self.commit(partitions, at, commit),
            _ => {}
        }
    }

    fn finish(mut self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        self.settle_suspects();
        for number in partitions.numbers() {
            let Some(past) = self.partitions.of(number).past else {
                continue;
            };
            self.report(number, past, partitions, findings);
        }
        self.check_next_offsets(partitions, findings);
    }
}

impl<'o> Offsets<'o> {
    /// Notes which record each row was made from, and its place among its sink's rows.
    fn note_rows(&mut self, observation: &'o Observation, partitions: &Partitions<'o>) {
        let rows_with_unknown_source = observation.results.iter().any(|row| row.source.is_none());
        let log_by_id = if rows_with_unknown_source {
            observation.log_by_id()
        } else {
            BTreeMap::new()
        };
        let mut sink = 0;
        let mut rows_before = 0;
        let mut last = 0;
        for row in &observation.results {
            while observation
                .sink_rows
                .get(sink)
                .is_some_and(|(_, rows)| *rows <= rows_before as usize)
                && sink + 1 < self.sinks.len()
            {
                (sink, rows_before) = (sink + 1, 0);
            }
            if let Some((partition, index)) = record_of(row, &log_by_id, partitions, &mut last) {
                let record = &mut self.partitions.of(partition).records[index];
                record.needs = true;
                // A doubled row is the completeness checker's matter; the first one counts.
                record.row = record.row.or(Some((sink, rows_before)));
            }
            rows_before += 1;
        }
    }

    /// Notes the records whose rows are not there. Where the number of rows is right, a missing
    /// one would have to go with a doubled one, which completeness names both.
    fn note_missing_rows(&mut self, observation: &'o Observation, partitions: &Partitions<'o>) {
        if observation.results.len() == observation.expected.len() {
            return;
        }
        let rows: BTreeSet<&str> = observation
            .results
            .iter()
            .map(|row| row.id.as_str())
            .collect();
        let quarantined: BTreeSet<_> = observation.quarantined.iter().flatten().collect();
        let log_by_id = observation.log_by_id();
        for row in &observation.expected {
            if rows.contains(row.id.as_str()) {
                continue;
            }
            // Of several records with an id any one may be the row's.
            if let Some([record]) = log_by_id.get(row.id.as_str()).map(Vec::as_slice)
                && !quarantined.contains(&record.position())
                && let Some((partition, index)) = place_of(record, partitions)
            {
                self.partitions.of(partition).records[index].needs = true;
            }
        }
    }

    fn deliver(&mut self, partitions: &Partitions<'o>, at: At<'o>, place: Place) {
        let Some(index) = partitions.index_at(place.partition, place.offset) else {
            return;
        };
        let records = &mut self.partitions.of(place.partition).records;
        let Some(record) = records.get_mut(index) else {
            return;
        };
        record.deliveries += 1;
        record.delivered = Some(at);
        if !record.needs || record.may_be_held {
            return;
        }
        let process: &'o str = &at.event.process;
        let known = self
            .unwritten
            .iter()
            .position(|unwritten| unwritten.process == process)
            .unwrap_or_else(|| {
                self.unwritten.push(Unwritten {
                    process,
                    records: Vec::new(),
                });
                self.unwritten.len() - 1
            });
        self.unwritten[known].records.push((place.partition, index));
    }

    /// How many rows a process could write at once.
    fn unwritten_of(&self, process: &str) -> i64 {
        let of = self
            .unwritten
            .iter()
            .find(|unwritten| unwritten.process == process);
        of.map_or(0, |unwritten| {
            i64::try_from(unwritten.records.len()).unwrap_or(i64::MAX)
        })
    }

    fn write(&mut self, event: &'o Event, rows: i64) {
        self.commits_seen = true;
        let host: &str = &event.host;
        for (of, changes) in &mut self.sinks {
            if of.is_none_or(|of| of == host) {
                *changes += u64::try_from(rows).unwrap_or(0);
            }
        }
        let process: &str = &event.process;
        let writer = self
            .unwritten
            .iter_mut()
            .find(|unwritten| unwritten.process == process);
        for (partition, index) in writer.into_iter().flat_map(|w| w.records.drain(..)) {
            self.partitions.of(partition).records[index].may_be_held = true;
        }
    }

    /// Judges the records that no commit was past so far.
    fn commit(&mut self, partitions: &Partitions<'o>, at: At<'o>, commit: Commit<'o>) {
        let Place { partition, offset } = commit.place;
        let until = partitions.index_from(partition, offset);
        let of = self.partitions.of(partition);
        of.committed = Some((offset, at.event));
        let from = of.judged;
        of.judged = from.max(until);
        let mut past: Option<Past<'o>> = None;
        for index in from..until {
            let Some(record) = of.records.get(index).filter(|record| record.needs) else {
                continue;
            };
            let this = Past {
                commit,
                at,
                index,
                records: 1,
            };
            match record.row {
                // What was never delivered was there before, or is the log checker's matter.
                Some(_) if record.deliveries == 0 => {}
                Some((sink, rows_before)) if record.may_be_held => {
                    let changes = self.sinks[sink].1;
                    if changes <= rows_before {
                        self.suspects.push(Suspect {
                            past: this,
                            sink,
                            changes,
                            rows_before,
                        });
                    }
                }
                Some(_) | None => past.get_or_insert(Past { records: 0, ..this }).records += 1,
            }
        }
        of.past = of.past.or(past);
    }

    /// Rows that stand after more rows than were committed at the time. A record that came again
    /// may have had its row written anew, at the end; a row without any delivery was there before.
    fn settle_suspects(&mut self) {
        let mut there_before = vec![0; self.sinks.len()];
        for of in self.partitions.iter_mut() {
            for record in &of.records {
                if let (Some((sink, _)), 0) = (record.row, record.deliveries) {
                    there_before[sink] += 1;
                }
            }
        }
        for suspect in std::mem::take(&mut self.suspects) {
            let of = self.partitions.of(suspect.past.commit.place.partition);
            let once = of.records[suspect.past.index].deliveries == 1;
            if !once || suspect.changes + there_before[suspect.sink] > suspect.rows_before {
                continue;
            }
            match &mut of.past {
                Some(past) if past.at.index == suspect.past.at.index => {
                    past.records += 1;
                    past.index = past.index.min(suspect.past.index);
                }
                Some(past) if past.at.index < suspect.past.at.index => {}
                past => *past = Some(suspect.past),
            }
        }
    }

    fn report(
        &mut self,
        number: usize,
        past: Past<'o>,
        partitions: &Partitions<'o>,
        findings: &mut Findings<'o>,
    ) {
        let record = self.partitions.of(number).records[past.index];
        let in_log = &partitions.log(number)[past.index];
        if !self.commits_seen && record.row.is_some() {
            // The sink's transactions can't be seen.
            return;
        }
        let (position, name) = (in_log.position(), partitions.name(number));
        let offset = past.commit.place.offset;
        let by = if past.commit.client.is_empty() {
            "a client"
        } else {
            past.commit.client
        };
        let rest = and_more(past.records);
        let held = if record.row.is_some() {
            "did not hold yet"
        } else {
            "does not hold"
        };
        let message =
            format!("{by} committed offset {offset} of {name}, the sink {held} {position}{rest}");
        let wrong_step = match record.row {
            Some(_) => {
                format!("{by} committed offset {offset} before the sink could hold {position}")
            }
            None => format!(
                "{by} committed offset {offset} past {position}, which the sink does not hold"
            ),
        };
        let written = record
            .delivered
            .filter(|_| record.row.is_some())
            .and_then(|delivered| self.next_write(findings.observation, past.at, delivered));
        let shown_by: Vec<&Event> = [
            record.delivered.map(|delivered| delivered.event),
            Some(past.at.event),
            written,
        ]
        .into_iter()
        .flatten()
        .collect();
        let violation = Violation::new(ViolationKind::CommittedPastSink, message)
            .about(findings.record(position, in_log.id.as_deref()))
            .in_process(by);
        findings.add(violation, &shown_by, wrong_step);
    }

    /// The next write by the process that got the record, after the offset commit.
    fn next_write(
        &self,
        observation: &'o Observation,
        commit: At<'o>,
        delivered: At<'o>,
    ) -> Option<&'o Event> {
        observation.trace[commit.index..].iter().find(|event| {
            event.process == delivered.event.process
                && &*event.kind == "sink_commit"
                && (self.sink.is_empty() || event.text("path") == Some(self.sink))
        })
    }

    /// The sink's own offsets, at the end: behind them everything is there, and Kafka's are not
    /// past them.
    fn check_next_offsets(&mut self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        for next in findings.observation.next_offsets.iter().flatten() {
            let Some(number) = partitions.find(&next.topic, next.partition) else {
                continue;
            };
            let of = self.partitions.of(number);
            let until = partitions.index_from(number, next.offset);
            let missing = |record: &&(usize, &Record<'o>)| record.1.needs && record.1.row.is_none();
            let records = of.records.iter().enumerate().take(until);
            let name = partitions.name(number);
            let absent: Vec<usize> = records
                .filter(|record| missing(&record))
                .map(|(index, _)| index)
                .collect();
            if let Some(first) = absent.first() {
                let record = &partitions.log(number)[*first];
                let position = record.position();
                let rest = and_more(absent.len());
                let message =
                    format!("the sink goes on at {next}, and does not hold {position}{rest}");
                let wrong_step = format!(
                    "the sink's next offset of {name} went past {position} without its row"
                );
                let delivered = of.records[*first].delivered.map(|at| at.event);
                let violation = Violation::new(ViolationKind::NextOffsetPastSink, message)
                    .about(findings.record(position, record.id.as_deref()));
                findings.add(violation, delivered.as_slice(), wrong_step);
            }
            if let Some((committed, event)) = of.committed
                && committed > next.offset
            {
                let message = format!(
                    "offset {committed} of {name} is committed, the sink goes on at {}",
                    next.offset
                );
                let wrong_step = format!(
                    "offset {committed} was committed past the sink's own, {}",
                    next.offset
                );
                let violation = Violation::new(ViolationKind::CommittedPastSink, message);
                findings.add(violation, &[event], wrong_step);
            }
        }
    }
}

/// What follows the first of several.
fn and_more(records: usize) -> String {
    match records {
        1 => String::new(),
        records => format!(" and {} more", records - 1),
    }
}

/// The record that a row was made from: its source, or the only record with its id.
fn record_of(
    row: &Row,
    log_by_id: &BTreeMap<&str, Vec<&InputRecord>>,
    partitions: &Partitions<'_>,
    last: &mut usize,
) -> Option<(usize, usize)> {
    if let Some(source) = &row.source {
        if !partitions.is(*last, &source.topic, source.partition) {
            *last = partitions.find(&source.topic, source.partition)?;
        }
        return Some((*last, partitions.index_at(*last, source.offset)?));
    }
    match log_by_id.get(row.id.as_str())?.as_slice() {
        [only] => place_of(only, partitions),
        _ => None,
    }
}

fn place_of(record: &InputRecord, partitions: &Partitions<'_>) -> Option<(usize, usize)> {
    let partition = partitions.find(&record.topic, record.partition)?;
    Some((partition, partitions.index_at(partition, record.offset)?))
}

#[cfg(test)]
#[path = "offsets_tests.rs"]
mod tests;
