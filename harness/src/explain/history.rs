//! What an explanation asks a trace.

use crate::pipeline_under_test::RecordPosition;
use crate::trace::story::{Line, Narrator, offset_range};
use crate::trace::{AssignmentChange, Event, OffsetCommit, View};

use super::Step;

/// A trace with the questions that explanations ask.
pub(super) struct History<'e> {
    pub(super) events: &'e [Event],
    narrator: Narrator,
}

/// An event, by its place in the trace: two events can have the same time.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'e> {
    pub(super) index: usize,
    pub(super) event: &'e Event,
}

/// An offset commit and the process that asked for it, if that can be told.
pub(super) struct Commit<'e> {
    pub(super) at: At<'e>,
    pub(super) offset: i64,
    pub(super) by: Option<&'e str>,
}

impl<'e> History<'e> {
    pub(super) fn of(events: &'e [Event]) -> Self {
        Self {
            events,
            narrator: Narrator::of(events),
        }
    }

    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = At<'e>> + use<'e> {
        self.events
            .iter()
            .enumerate()
            .map(|(index, event)| At { index, event })
    }

    /// Events from one place on, until before another.
    pub(super) fn between(
        &self,
        from: usize,
        until: usize,
    ) -> impl DoubleEndedIterator<Item = At<'e>> + use<'e> {
        self.all()
            .filter(move |at| (from..until).contains(&at.index))
    }

    pub(super) fn step(&self, at: At<'e>) -> Step {
        self.narrator.line(at.event).into()
    }

    pub(super) fn deliveries(&self, position: &RecordPosition) -> Vec<At<'e>> {
        self.all()
            .filter(|at| matches!(at.event.view(), View::Deliver(found) if found == *position))
            .collect()
    }

    /// The positions at which records of this id were loaded.
    pub(super) fn positions_of(&self, id: &str) -> Vec<RecordPosition> {
        let mut positions: Vec<RecordPosition> = Vec::new();
        for event in self.events {
            if let View::Loaded {
                position,
                id: found,
                ..
            } = event.view()
                && found == id
                && !positions.contains(&position)
            {
                positions.push(position);
            }
        }
        positions
    }

    /// The delivery told with its neighbours: the stretch of offsets that the process got until
    /// it did something else.
    pub(super) fn delivery_step(&self, delivery: At<'e>, position: &RecordPosition) -> Step {
        let neighbour = |at: &At<'e>| match at.event.view() {
            View::Deliver(found) => Some(
                (found.topic == position.topic && found.partition == position.partition)
                    .then_some(found.offset),
            ),
            _ => None,
        };
        let same_process = |at: &At<'e>| at.event.process == delivery.event.process;
        let mut first = (position.offset, delivery.event.at_ns);
        for at in self.between(0, delivery.index).rev().filter(same_process) {
            match neighbour(&at) {
                Some(Some(offset)) if offset + 1 == first.0 => first = (offset, at.event.at_ns),
                Some(None) => {}
                Some(Some(_)) | None => break,
            }
        }
        let mut last = position.offset;
        for at in self
            .between(delivery.index + 1, usize::MAX)
            .filter(same_process)
        {
            match neighbour(&at) {
                Some(Some(offset)) if offset == last + 1 => last = offset,
                Some(None) => {}
                Some(Some(_)) | None => break,
            }
        }
        Step {
            at_ns: first.1,
            who: delivery.event.process.to_string(),
            what: format!(
                "polls {}-{}@{}",
                position.topic,
                position.partition,
                offset_range(first.0, last)
            ),
        }
    }

    /// The first offset commit past the position, wherever it is in the trace.
    pub(super) fn commit_past(&self, position: &RecordPosition) -> Option<Commit<'e>> {
        self.all().find_map(|at| match at.event.view() {
            View::OffsetCommit(commit)
                if same_partition(&commit.position, position)
                    && commit.position.offset > position.offset =>
            {
                Some(Commit {
                    at,
                    offset: commit.position.offset,
                    by: self.committer(at, &commit),
                })
            }
            _ => None,
        })
    }

    /// Who asked for an offset commit: the process of this `client.id`, else the member that was
    /// last assigned the partition.
    fn committer(&self, at: At<'e>, commit: &OffsetCommit<'e>) -> Option<&'e str> {
        self.narrator.process_of(commit.client_id).or_else(|| {
            self.owner_before(at.index, &commit.position)
                .map(|(process, _)| process)
        })
    }

    /// The process that was last assigned the partition before this place, and its generation.
    pub(super) fn owner_before(
        &self,
        index: usize,
        position: &RecordPosition,
    ) -> Option<(&'e str, i64)> {
        self.between(0, index)
            .rev()
            .find_map(|at| assigned(at, position).map(|generation| (process(at), generation)))
    }

    /// Assignments of the partition between two places.
    pub(super) fn assignments(
        &self,
        from: usize,
        until: usize,
        position: &RecordPosition,
    ) -> Vec<(At<'e>, i64)> {
        self.between(from, until)
            .filter_map(|at| assigned(at, position).map(|generation| (at, generation)))
            .collect()
    }

    /// Starts of fetching the partition between two places, with their offsets.
    pub(super) fn fetch_starts(
        &self,
        from: usize,
        until: usize,
        position: &RecordPosition,
    ) -> Vec<(At<'e>, i64)> {
        self.between(from, until)
            .filter_map(|at| match at.event.view() {
                View::FetchStart(start) if same_partition(&start, position) => {
                    Some((at, start.offset))
                }
                _ => None,
            })
            .collect()
    }

    /// Sink commits of a process between two places.
    pub(super) fn sink_commits(&self, process: &str, from: usize, until: usize) -> Vec<At<'e>> {
        self.between(from, until)
            .filter(|at| {
                *at.event.process == *process && matches!(at.event.view(), View::SinkCommit { .. })
            })
            .collect()
    }

    /// Faults that begin between two places and hit the process or its host, directly or on a
    /// link.
    pub(super) fn faults(
        &self,
        host_and_process: (&str, &str),
        from: usize,
        until: usize,
    ) -> Vec<At<'e>> {
        let (host, process) = host_and_process;
        self.between(from, until)
            .filter(|at| match at.event.view() {
                View::Fault {
                    phase: "begun",
                    target,
                    ..
                } => target
                    .split_whitespace()
                    .any(|word| word == process || word == host || word == "group"),
                _ => false,
            })
            .collect()
    }

    /// The end of a process by force, or its long silence, between two places.
    pub(super) fn downs(&self, process: &str, from: usize, until: usize) -> Vec<At<'e>> {
        self.between(from, until)
            .filter(|at| {
                *at.event.process == *process
                    && matches!(
                        at.event.view(),
                        View::Process {
                            phase: "killed" | "power_loss" | "paused" | "exited"
                        }
                    )
            })
            .collect()
    }
}

pub(super) fn process(at: At<'_>) -> &str {
    &at.event.process
}

pub(super) fn host_and_process<'e>(at: At<'e>) -> (&'e str, &'e str) {
    (&at.event.host, &at.event.process)
}

/// Steps for lines that were made by hand.
pub(super) fn step(at: At<'_>, what: String) -> Step {
    Line {
        at_ns: at.event.at_ns,
        who: at.event.process.to_string(),
        what,
    }
    .into()
}

fn same_partition(a: &RecordPosition, b: &RecordPosition) -> bool {
    a.topic == b.topic && a.partition == b.partition
}

/// The generation, if the event assigns the partition.
fn assigned(at: At<'_>, position: &RecordPosition) -> Option<i64> {
    match at.event.view() {
        View::Assignment {
            change: AssignmentChange::Assigned,
            partitions,
            generation,
            ..
        } if partitions.contains(&(position.topic.as_str(), position.partition)) => {
            Some(generation)
        }
        _ => None,
    }
}
