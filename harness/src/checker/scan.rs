//! One pass over the trace for all checkers that follow the history step by step.
//!
//! Each event is read once, into a [`Step`] that borrows from it: partitions become numbers, and
//! what no follower asks for is passed over by its kind. A run may take few milliseconds, and a
//! trace has thousands of events.

use super::findings::Findings;
use super::group::Group;
use super::lag::Lag;
use super::log::Log;
use super::observation::Observation;
use super::offsets::Offsets;
use super::partitions::Partitions;
use super::violation::Violation;
use crate::trace::{AssignmentChange, Event};

/// A record's place: the partition by its number in [`Partitions`], and the offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) partition: usize,
    pub(super) offset: i64,
}

/// An event that some checker follows. Process and time are the event's.
#[derive(Debug)]
pub(super) enum Step<'o> {
    /// The application received a message.
    Deliver(Place),
    /// A consumer starts to fetch at this offset.
    FetchStart(Place),
    /// The loader got an acknowledgement for a record of this id, which may be empty.
    Loaded { place: Place, id: &'o str },
    /// A broker appended a batch.
    Append {
        first: Place,
        records: i64,
        /// Consumers can read it already.
        committed: bool,
    },
    /// A broker wrote the marker of a transaction: an offset that no record has.
    Marker(Place),
    /// Consumers can read up to this offset now, of a partition with several replicas.
    HighWatermark(Place),
    /// A log begins at this offset from now on: what is before it can no longer be read.
    LogStart(Place),
    /// A producer sends records again whose outcome it does not know.
    ProduceRetry { partition: usize },
    /// A rebalance callback ran.
    Assignment(Assignment<'o>),
    /// The group coordinator took an offset commit.
    OffsetCommit(Commit<'o>),
    /// The group changed its state.
    GroupState {
        group: &'o str,
        state: &'o str,
        generation: i64,
    },
    /// A member of the consumer protocol took a step towards its target assignment.
    Reconciled(Reconciliation<'o>),
    /// The coordinator has a member no more: it left, or was silent for too long.
    MemberGone { group: &'o str, member_id: &'o str },
    /// A write transaction of a sink ended.
    SinkCommit { path: &'o str, rows: i64 },
    /// The disk under a file failed: whether the write transaction that met it will be in the file
    /// is unknown, to its process too.
    DiskError { path: &'o str },
    /// A process started, or ended in whatever way: what it held in memory is gone.
    Life,
    /// A process was stopped for a while, or goes on.
    Pause { paused: bool },
    /// The pipeline says something about its lag.
    Lag(LagReport<'o>),
}

/// A rebalance callback.
#[derive(Debug)]
pub(super) struct Assignment<'o> {
    pub(super) change: AssignmentChange,
    pub(super) group: &'o str,
    pub(super) member_id: &'o str,
    /// −1 where the member knows none.
    pub(super) generation: i64,
    pub(super) partitions: Vec<usize>,
}

/// Where a member of the consumer protocol stands after a step, as its coordinator tells it.
#[derive(Debug)]
pub(super) struct Reconciliation<'o> {
    pub(super) group: &'o str,
    pub(super) member_id: &'o str,
    pub(super) epoch: i64,
    pub(super) assigned: Vec<usize>,
    /// What it was told to give up, and has not said that it did.
    pub(super) pending_revocation: Vec<usize>,
}

/// An offset commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commit<'o> {
    pub(super) group: &'o str,
    pub(super) place: Place,
    /// −1 for a commit outside the group's protocol, such as an administrator's. The member's epoch
    /// in the consumer protocol.
    pub(super) generation: i64,
    /// Empty where the trace does not say.
    pub(super) member_id: &'o str,
    /// The process that asked; empty where the trace does not say.
    pub(super) client: &'o str,
}

/// A report of the pipeline's lag; its numbers are the event's.
#[derive(Debug, Clone, Copy)]
pub(super) struct LagReport<'o> {
    pub(super) partition: usize,
    /// `raised`, `cleared` or `released`; none for a look.
    pub(super) phase: Option<&'o str>,
}

/// An event with its place in the trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'o> {
    pub(super) index: usize,
    pub(super) event: &'o Event,
}

/// A checker that follows the history.
pub(super) trait Follower<'o>: Sized {
    /// Begins with what is known once the run is over.
    fn begin(observation: &'o Observation, partitions: &mut Partitions<'o>) -> Self;
    /// Takes the next step.
    fn follow(&mut self, partitions: &Partitions<'o>, at: At<'o>, step: &Step<'o>);
    /// Says what was wrong.
    fn finish(self, partitions: &Partitions<'o>, findings: &mut Findings<'o>);
}

/// What *offsets*, *group*, *log* and *lag* find, in this order.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    follow::<((Offsets<'_>, Group<'_>), (Log<'_>, Lag<'_>))>(observation)
}

/// What one follower finds.
pub(super) fn follow<'o, F: Follower<'o>>(observation: &'o Observation) -> Vec<Violation> {
    let mut partitions = Partitions::of(&observation.log);
    let mut follower = F::begin(observation, &mut partitions);
    let mut history = observation.trace.iter();
    let has_members = history.any(|event| event.kind == "assigned");
    for (index, event) in observation.trace.iter().enumerate() {
        if has_members && is_by_hand(event) {
            continue;
        }
        if let Some(step) = step(event, &mut partitions) {
            follower.follow(&partitions, At { index, event }, &step);
        }
    }
    let mut findings = Findings::of(observation);
    follower.finish(&partitions, &mut findings);
    findings.into_violations()
}

impl<'o, A: Follower<'o>, B: Follower<'o>> Follower<'o> for (A, B) {
    fn begin(observation: &'o Observation, partitions: &mut Partitions<'o>) -> Self {
        (
            A::begin(observation, partitions),
            B::begin(observation, partitions),
        )
    }

    fn follow(&mut self, partitions: &Partitions<'o>, at: At<'o>, step: &Step<'o>) {
        self.0.follow(partitions, at, step);
        self.1.follow(partitions, at, step);
    }

    fn finish(self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        self.0.finish(partitions, findings);
        self.1.finish(partitions, findings);
    }
}

/// Whether it is of a consumer that assigns partitions itself. Beside a group such a consumer looks at
/// the log on the side: what the group promises is not about it, and the trace tells it from the
/// group's member by this only. Where nobody is in a group it is the pipeline.
fn is_by_hand(event: &Event) -> bool {
    matches!(&*event.kind, "deliver" | "fetch_start") && event.fields.get("by_hand").is_some()
}

/// The event as a step; none for a kind that nobody follows, or without the fields it should have.
fn step<'o>(event: &'o Event, partitions: &mut Partitions<'o>) -> Option<Step<'o>> {
    let kind: &str = &event.kind;
    Some(match kind {
        "deliver" => Step::Deliver(place(event, "offset", partitions)?),
        "fetch_start" => Step::FetchStart(place(event, "offset", partitions)?),
        "loaded" => Step::Loaded {
            place: place(event, "offset", partitions)?,
            id: event.text("id").unwrap_or_default(),
        },
        "append" => Step::Append {
            first: place(event, "base_offset", partitions)?,
            records: event.int("records")?,
            committed: event.fields.get("committed").is_none(),
        },
        "transaction_marker" => Step::Marker(place(event, "offset", partitions)?),
        "high_watermark" => Step::HighWatermark(place(event, "offset", partitions)?),
        "log_start_moved" => Step::LogStart(place(event, "to", partitions)?),
        "produce_retry" => Step::ProduceRetry {
            partition: partition(event, partitions)?,
        },
        "assigned" => assignment(event, AssignmentChange::Assigned, partitions)?,
        "revoked" => assignment(event, AssignmentChange::Revoked, partitions)?,
        "lost" => assignment(event, AssignmentChange::Lost, partitions)?,
        "offset_commit" => Step::OffsetCommit(Commit {
            group: event.text("group")?,
            place: place(event, "offset", partitions)?,
            generation: event.int("generation").unwrap_or(-1),
            member_id: event.text("member_id").unwrap_or_default(),
            client: event.text("client").unwrap_or_default(),
        }),
        "group_state" => Step::GroupState {
            group: event.text("group")?,
            state: event.text("state")?,
            generation: event.int("generation")?,
        },
        "member_reconciled" => Step::Reconciled(Reconciliation {
            group: event.text("group")?,
            member_id: event.text("member_id")?,
            epoch: event.int("member_epoch")?,
            assigned: numbers(event.text("assigned")?, partitions),
            pending_revocation: numbers(event.text("pending_revocation")?, partitions),
        }),
        "member_left" | "member_expired" => Step::MemberGone {
            group: event.text("group")?,
            member_id: event.text("member_id")?,
        },
        "sink_commit" => Step::SinkCommit {
            path: event.text("path")?,
            rows: event.int("rows")?,
        },
        "disk_error" => Step::DiskError {
            path: event.text("path")?,
        },
        "process" => match event.text("phase")? {
            "started" | "exited" | "killed" | "power_loss" => Step::Life,
            "paused" => Step::Pause { paused: true },
            "resumed" => Step::Pause { paused: false },
            _ => return None,
        },
        "log" if event.text("target") == Some("lag") => {
            let named = crate::trace::parse_partitions(event.text("partition")?);
            let &[(topic, partition)] = named.as_slice() else {
                return None;
            };
            Step::Lag(LagReport {
                partition: partitions.number(topic, partition),
                phase: event.text("phase"),
            })
        }
        _ => return None,
    })
}

fn partition<'o>(event: &'o Event, partitions: &mut Partitions<'o>) -> Option<usize> {
    let partition = i32::try_from(event.int("partition")?).ok()?;
    Some(partitions.number(event.text("topic")?, partition))
}

fn place<'o>(
    event: &'o Event,
    offset_field: &str,
    partitions: &mut Partitions<'o>,
) -> Option<Place> {
    Some(Place {
        partition: partition(event, partitions)?,
        offset: event.int(offset_field)?,
    })
}

fn assignment<'o>(
    event: &'o Event,
    change: AssignmentChange,
    partitions: &mut Partitions<'o>,
) -> Option<Step<'o>> {
    let partitions = numbers(event.text("partitions")?, partitions);
    Some(Step::Assignment(Assignment {
        change,
        group: event.text("group").unwrap_or_default(),
        member_id: event.text("member_id").unwrap_or_default(),
        generation: event.int("generation").unwrap_or(-1),
        partitions,
    }))
}

/// The numbers of the partitions that a text names.
fn numbers<'o>(text: &'o str, partitions: &mut Partitions<'o>) -> Vec<usize> {
    let named = crate::trace::parse_partitions(text).into_iter();
    let numbers = named.map(|(topic, partition)| partitions.number(topic, partition));
    numbers.collect()
}
