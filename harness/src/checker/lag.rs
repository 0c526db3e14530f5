//! Lag: what the pipeline reports of its lag, against the lag that there is.
//!
//! The truth comes from the brokers' appends and from how far the partition was delivered and
//! committed. The sink's position at a moment is only known within bounds, so a report is called
//! wrong where it is so for any position within them:
//! - *wrong*: a report of a log end that is not there yet; of nothing to do while records that
//!   were there at the last look are not in the sink; of a number where the basis is unknown; of
//!   an age, as certain, that is above the true one;
//! - *missed alarm*: the lag stays above the limit while a running worker looks after the
//!   partition, and is not raised in time;
//! - *false alarm*: raised although the lag was below the limit ever since the last look.
//!
//! The reports are trace events `log` with target `lag`: a look (`partition`, `next_offset`,
//! `end_offset`, `lag_offsets`, `lag_ms`, `lag_ms_min`, `basis`; what is not known is absent) and
//! an alert (`partition`, `phase`, `reason`). A pipeline without them is not judged.

use super::findings::Findings;
use super::observation::Observation;
use super::partitions::{Partitions, PerPartition};
use super::scan::{self, At, Follower, LagReport, Place, Step};
use super::violation::{Violation, ViolationKind};
use crate::trace::{AssignmentChange, Event};

/// Reports and alarms that are not as the lag is.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    scan::follow::<Lag<'_>>(observation)
}

/// Looks come at this interval unless the settings say otherwise.
const INTERVAL_MS: u64 = 10_000;

/// More than this is too far behind, unless the settings say otherwise.
const LAG_MS_MAX: u64 = 300_000;

/// Besides three looks an alarm may take this long: for so long an age must hold that rests on a
/// clock which nothing bears out yet.
const DOUBT_MS: u64 = 30_000;

const MS: u64 = 1_000_000;

/// The truth about each partition, and who reports it.
pub(super) struct Lag<'o> {
    lag_ns_max: u64,
    alarm_ns_max: u64,
    partitions: PerPartition<OfPartition<'o>>,
    looked_at_s: u64,
    found: Vec<Found<'o>>,
}

#[derive(Default)]
struct OfPartition<'o> {
    /// The log's end after each append, and when that was.
    ends: Vec<(i64, u64)>,
    /// What is before this is deleted: nobody lags behind it.
    log_start: i64,
    /// The sink is at least here.
    committed: i64,
    /// The sink is at most here.
    delivered: i64,
    watch: Option<Watch<'o>>,
}

/// A worker that looks after a partition, from its first look on.
struct Watch<'o> {
    process: &'o str,
    since_ns: u64,
    last: &'o Event,
    last_next: i64,
    /// The position at the look before the last one.
    next_before: i64,
    /// An alarm is up, or its absence was found.
    raised: bool,
    paused: bool,
}

struct Found<'o> {
    kind: ViolationKind,
    partition: usize,
    offset: i64,
    event: &'o Event,
    message: String,
}

impl<'o> Follower<'o> for Lag<'o> {
    fn begin(observation: &'o Observation, _: &mut Partitions<'o>) -> Self {
        let setting = |name: &str, default: u64| {
            let set = observation.settings.get(name);
            set.and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        Self {
            lag_ns_max: setting("lag_ms_max", LAG_MS_MAX) * MS,
            alarm_ns_max: (3 * setting("lag_interval_ms", INTERVAL_MS) + DOUBT_MS) * MS,
            partitions: PerPartition::default(),
            looked_at_s: 0,
            found: Vec::new(),
        }
    }

    fn follow(&mut self, partitions: &Partitions<'o>, at: At<'o>, step: &Step<'o>) {
        let second = at.event.at_ns / 1_000_000_000;
        if second > self.looked_at_s {
            self.looked_at_s = second;
            self.look_for_missed_alarms(partitions, at.event.at_ns);
        }
        match step {
            Step::Append {
                first,
                records,
                committed: true,
            } => {
                let end = first.offset + records;
                let ends = &mut self.partitions.of(first.partition).ends;
                ends.push((end, at.event.at_ns));
            }
            Step::Marker(Place { partition, offset }) => {
                let ends = &mut self.partitions.of(*partition).ends;
                ends.push((*offset + 1, at.event.at_ns));
            }
            Step::HighWatermark(Place { partition, offset }) => {
                let ends = &mut self.partitions.of(*partition).ends;
                ends.push((*offset, at.event.at_ns));
            }
            Step::LogStart(Place { partition, offset }) => {
                self.partitions.of(*partition).log_start = *offset;
            }
            Step::Deliver(Place { partition, offset }) => {
                let of = self.partitions.of(*partition);
                of.delivered = of.delivered.max(offset + 1);
            }
            Step::OffsetCommit(commit) => {
                let of = self.partitions.of(commit.place.partition);
                of.committed = of.committed.max(commit.place.offset);
            }
            Step::Lag(report) => self.report(partitions, at.event, *report),
            Step::Assignment(assignment) if assignment.change != AssignmentChange::Assigned => {
                for &partition in &assignment.partitions {
                    self.end_watch(partition, &at.event.process);
                }
            }
            Step::Life => {
                for partition in partitions.numbers() {
                    self.end_watch(partition, &at.event.process);
                }
            }
            Step::Pause { paused } => {
                for of in self.partitions.iter_mut() {
                    let watch = of.watch.as_mut();
                    if let Some(watch) = watch.filter(|w| *w.process == *at.event.process) {
                        watch.paused = *paused;
                        watch.since_ns = at.event.at_ns;
                    }
                }
            }
            _ => {}
        }
    }

    fn finish(self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        for found in self.found {
            let position = partitions.position(found.partition, found.offset);
            let violation = Violation::new(found.kind, found.message.clone())
                .about(findings.record(position, None))
                .in_process(&found.event.process);
            findings.add(violation, &[found.event], found.message);
        }
    }
}

impl<'o> Lag<'o> {
    fn end_watch(&mut self, partition: usize, process: &str) {
        let watch = &mut self.partitions.of(partition).watch;
        if watch.as_ref().is_some_and(|watch| watch.process == process) {
            *watch = None;
        }
    }

    fn report(&mut self, partitions: &Partitions<'o>, event: &'o Event, report: LagReport<'o>) {
        match report.phase {
            None => self.look(partitions, event, report.partition),
            Some(phase) => self.alert(event, report, phase),
        }
    }

    fn look(&mut self, partitions: &Partitions<'o>, event: &'o Event, partition: usize) {
        let Some(next) = event.int("next_offset") else {
            return;
        };
        let of = self.partitions.of(partition);
        let process: &'o str = &event.process;
        let before = of.watch.take().filter(|watch| watch.process == process);
        let message = of.wrong_in(event, next, before.as_ref(), partitions, partition);
        of.watch = Some(Watch {
            process,
            since_ns: before.as_ref().map_or(event.at_ns, |watch| watch.since_ns),
            last: event,
            last_next: next,
            next_before: before.as_ref().map_or(0, |watch| watch.last_next),
            raised: before.is_some_and(|watch| watch.raised),
            paused: false,
        });
        if let Some(message) = message {
            let name = partitions.name(partition);
            self.found.push(Found {
                kind: ViolationKind::LagWrong,
                partition,
                offset: next,
                event,
                message: format!("{process} reports of {name} {message}"),
            });
        }
    }

    fn alert(&mut self, event: &'o Event, report: LagReport<'o>, phase: &str) {
        let lag_ns_max = self.lag_ns_max;
        let of = self.partitions.of(report.partition);
        let position = of
            .watch
            .as_ref()
            .filter(|watch| *watch.process == *event.process)
            .map_or(0, |watch| watch.next_before);
        if let Some(watch) = &mut of.watch {
            watch.raised = phase == "raised";
        }
        if phase != "raised" || event.text("reason") != Some("behind") {
            return;
        }
        // This look may be told already. Since the one before it the sink was never behind its
        // position then, so the lag never above that.
        let lag_ns = of.lag_ns(position, event.at_ns);
        if lag_ns <= lag_ns_max {
            self.found.push(Found {
                kind: ViolationKind::FalseAlarm,
                partition: report.partition,
                offset: position,
                event,
                message: format!(
                    "{} raised an alarm at a lag of at most {} ms, the limit is {} ms",
                    event.process,
                    lag_ns / MS,
                    lag_ns_max / MS
                ),
            });
        }
    }

    fn look_for_missed_alarms(&mut self, partitions: &Partitions<'o>, now_ns: u64) {
        for partition in partitions.numbers() {
            let of = self.partitions.of(partition);
            let position = of.delivered.max(of.committed).max(of.log_start);
            let lag_ns = of.lag_ns(position, now_ns);
            let Some(watch) = of.watch.as_mut() else {
                continue;
            };
            let above_ns = lag_ns.saturating_sub(self.lag_ns_max);
            let known_ns = above_ns.min(now_ns.saturating_sub(watch.since_ns));
            if watch.raised || watch.paused || known_ns <= self.alarm_ns_max {
                continue;
            }
            watch.raised = true;
            let (process, last) = (watch.process, watch.last);
            self.found.push(Found {
                kind: ViolationKind::MissedAlarm,
                partition,
                offset: position,
                event: last,
                message: format!(
                    "{process} raised no alarm for {}, which lags {} ms, the limit is {} ms",
                    partitions.name(partition),
                    lag_ns / MS,
                    self.lag_ns_max / MS
                ),
            });
        }
    }
}

impl OfPartition<'_> {
    /// How long the first record at or past the position has been there.
    fn lag_ns(&self, position: i64, now_ns: u64) -> u64 {
        let at = self.ends.partition_point(|(end, _)| *end <= position);
        let appended = self.ends.get(at).map(|(_, at_ns)| *at_ns);
        appended.map_or(0, |at_ns| now_ns.saturating_sub(at_ns))
    }

    fn end_at(&self, at_ns: u64) -> i64 {
        let after = self.ends.partition_point(|(_, end_at)| *end_at <= at_ns);
        after.checked_sub(1).map_or(0, |last| self.ends[last].0)
    }

    /// What is wrong in a look, in words that follow "reports of trades-3".
    fn wrong_in(
        &self,
        look: &Event,
        next: i64,
        before: Option<&Watch<'_>>,
        partitions: &Partitions<'_>,
        partition: usize,
    ) -> Option<String> {
        let end = self.end_at(look.at_ns);
        let lag_ms = look.int("lag_ms");
        if let Some(reported) = look.int("end_offset").filter(|reported| *reported > end) {
            return Some(format!("the end {reported}, the log ends at {end}"));
        }
        if let (Some("unknown"), Some(lag_ms)) = (look.text("basis"), lag_ms) {
            return Some(format!("a lag of {lag_ms} ms, and that it is unknown"));
        }
        let nothing = look.int("lag_offsets") == Some(0) || lag_ms == Some(0);
        if let (true, Some(before)) = (nothing, before) {
            let waiting = partitions.between(partition, next, self.end_at(before.last.at_ns));
            if let Some(first) = waiting.first() {
                return Some(format!(
                    "no lag, and {} was there at its last look",
                    first.position()
                ));
            }
        }
        let true_ms = self.lag_ns(next, look.at_ns).div_ceil(MS);
        let certain = look.int("lag_ms_min").and_then(|ms| u64::try_from(ms).ok());
        certain
            .filter(|certain| *certain > true_ms)
            .map(|certain| format!("a lag of at least {certain} ms, it is {true_ms} ms"))
    }
}

#[cfg(test)]
#[path = "lag_tests.rs"]
mod tests;
