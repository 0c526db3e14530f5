//! What consumers got, delivery by delivery.

use super::Delivered;
use crate::checker::findings::Findings;
use crate::checker::partitions::{Partitions, PerPartition};
use crate::checker::scan::{Place, Step};
use crate::checker::violation::{Violation, ViolationKind};
use crate::trace::{AssignmentChange, Event};

/// Where each process stands in each partition.
#[derive(Default)]
pub(super) struct Polls<'o> {
    cursors: PerPartition<Vec<Cursor<'o>>>,
    /// Up to where somebody got or committed everything.
    reached: PerPartition<i64>,
    delivered: Delivered,
    found: Vec<Found<'o>>,
}

struct Cursor<'o> {
    process: &'o str,
    /// Whether the partition is the group's gift, not the application's own choice.
    subscribed: bool,
    /// The offset that must come next, and the event that says so.
    next: Option<(i64, &'o Event)>,
    /// Whether `next` is the start of a fetch.
    starts: bool,
}

struct Found<'o> {
    kind: ViolationKind,
    partition: usize,
    /// The records passed over, or the one that came again.
    from: i64,
    until: i64,
    before: Option<&'o Event>,
    event: &'o Event,
}

impl<'o> Polls<'o> {
    pub(super) fn follow(
        &mut self,
        partitions: &Partitions<'o>,
        event: &'o Event,
        step: &Step<'o>,
    ) {
        match step {
            Step::Deliver(place) => self.deliver(partitions, event, *place),
            Step::FetchStart(place) => self.start(partitions, event, *place),
            Step::OffsetCommit(commit) => self.reach(commit.place.partition, commit.place.offset),
            Step::Assignment(assignment) => {
                for &partition in &assignment.partitions {
                    self.cursor(partition, &event.process).subscribed =
                        assignment.change == AssignmentChange::Assigned;
                }
            }
            Step::Life => {
                for cursors in self.cursors.iter_mut() {
                    cursors.retain(|cursor| *cursor.process != *event.process);
                }
            }
            _ => {}
        }
    }

    fn cursor(&mut self, partition: usize, process: &'o str) -> &mut Cursor<'o> {
        let cursors = self.cursors.of(partition);
        let index = cursors
            .iter()
            .position(|cursor| cursor.process == process)
            .unwrap_or_else(|| {
                cursors.push(Cursor {
                    process,
                    subscribed: false,
                    next: None,
                    starts: false,
                });
                cursors.len() - 1
            });
        &mut cursors[index]
    }

    fn reach(&mut self, partition: usize, offset: i64) {
        let reached = self.reached.of(partition);
        *reached = offset.max(*reached);
    }

    fn start(&mut self, partitions: &Partitions<'o>, event: &'o Event, place: Place) {
        let reached = *self.reached.of(place.partition);
        let cursor = self.cursor(place.partition, &event.process);
        let subscribed = cursor.subscribed;
        cursor.next = Some((place.offset, event));
        cursor.starts = true;
        if subscribed {
            let passed = (reached, place.offset);
            self.passed_over(
                partitions,
                ViolationKind::PollSkip,
                place.partition,
                passed,
                (None, event),
            );
            self.reach(place.partition, place.offset);
        }
    }

    fn deliver(&mut self, partitions: &Partitions<'o>, event: &'o Event, place: Place) {
        let Place { partition, offset } = place;
        if let Some(index) = partitions.index_at(partition, offset) {
            self.delivered.note(partition, index);
        }
        self.reach(partition, offset + 1);
        let cursor = self.cursor(partition, &event.process);
        let starts = std::mem::replace(&mut cursor.starts, false);
        let Some((next, before)) = cursor.next.replace((offset + 1, event)) else {
            return;
        };
        let (skip, back) = if starts {
            (ViolationKind::PollSkip, ViolationKind::NonmonotonicPoll)
        } else {
            (
                ViolationKind::IntPollSkip,
                ViolationKind::IntNonmonotonicPoll,
            )
        };
        if offset < next {
            self.found.push(Found {
                kind: back,
                partition,
                from: offset,
                until: next,
                before: Some(before),
                event,
            });
        } else if offset > next {
            let passed = (next, offset);
            self.passed_over(partitions, skip, partition, passed, (Some(before), event));
        }
    }

    fn passed_over(
        &mut self,
        partitions: &Partitions<'o>,
        kind: ViolationKind,
        partition: usize,
        (from, until): (i64, i64),
        (before, event): (Option<&'o Event>, &'o Event),
    ) {
        if !partitions.between(partition, from, until).is_empty() {
            self.found.push(Found {
                kind,
                partition,
                from,
                until,
                before,
                event,
            });
        }
    }

    /// Says what was wrong, and which records were delivered.
    pub(super) fn finish(
        self,
        partitions: &Partitions<'o>,
        findings: &mut Findings<'o>,
    ) -> Delivered {
        for found in &self.found {
            found.report(partitions, findings);
        }
        self.delivered
    }
}

impl<'o> Found<'o> {
    fn report(&self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        let name = partitions.name(self.partition);
        let who = &self.event.process;
        let skips = matches!(
            self.kind,
            ViolationKind::PollSkip | ViolationKind::IntPollSkip
        );
        let passed = partitions.between(self.partition, self.from, self.until);
        let id = passed.first().and_then(|record| record.id.as_deref());
        let first = passed.first().map_or(self.from, |record| record.offset);
        let position = partitions.position(self.partition, first);
        let (message, wrong_step) = if skips && self.before.is_none() {
            (
                format!("{who} starts {name} at {}, past {position}", self.until),
                format!(
                    "{who} started fetching at {}, past {position}, which nobody got and no \
                     committed offset covers",
                    self.until
                ),
            )
        } else if skips {
            (
                format!(
                    "{who} got {name}@{} next, past {} records from {position}",
                    self.until,
                    passed.len()
                ),
                format!("{who} was to get {position}, and got {name}@{}", self.until),
            )
        } else {
            (
                format!(
                    "{who} got {name}@{} where {} was next",
                    self.from, self.until
                ),
                format!(
                    "{who} went back from {} to {} within {name}",
                    self.until, self.from
                ),
            )
        };
        let violation = Violation::new(self.kind, message)
            .about(findings.record(position, id))
            .in_process(who);
        let shown_by: Vec<&Event> = self.before.into_iter().chain([self.event]).collect();
        findings.add(violation, &shown_by, wrong_step);
    }
}
