//! The lag of everything that one worker owns: what to ask the log, what the answers say, and which
//! alarms change. Pure: clocks and answers come from outside.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::lag::alarm::{Alarm, AlertPhase};
use crate::lag::alert::Alert;
use crate::lag::estimate::{ClockCheck, Clocks, Estimate, Head, Knowledge};
use crate::topic_partition::TopicPartition;
/// Wall and monotonic clock may part by so much between two judgements before the wall clock
/// counts as having jumped.
const JUMP_MS: i64 = 1_000;

/// How far a partition has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The partition.
    pub partition: TopicPartition,
    /// The sink's position; `None` while it is not known.
    pub next_offset: Option<i64>,
    /// The oldest unprocessed record, if it was delivered.
    pub head: Option<Head>,
}

/// What to ask the log of one partition, besides its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The partition.
    pub partition: TopicPartition,
    /// Which record to read, if it is there.
    pub read_at: Option<i64>,
}

/// What the log of one partition answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The partition.
    pub partition: TopicPartition,
    /// Before the question for the end.
    pub asked: Instant,
    /// After its answer.
    pub answered: Instant,
    /// The end.
    pub end_offset: i64,
    /// What stood at [`Question::read_at`] or after.
    pub read: Option<Read>,
}

/// What was read from a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Where reading began.
    pub from: i64,
    /// The first record there is from there on; `None` if nothing can be read up to the end.
    pub found: Option<Head>,
}

/// What is to be told about one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The partition.
    pub partition: TopicPartition,
    /// How far behind it is.
    pub estimate: Estimate,
    /// Whether its alarm is on.
    pub raised: bool,
}

/// The lag of all partitions of one worker.
#[derive(Debug)]
pub struct Monitor {
    lag_max: Duration,
    interval: Duration,
    partitions: BTreeMap<TopicPartition, Watched>,
    clock: ClockCheck,
    judged: Option<(Instant, i64)>,
}

#[derive(Debug, Default)]
struct Watched {
    knowledge: Knowledge,
    alarm: Alarm,
    /// The sink's position is known.
    placed: bool,
    /// It is to be judged.
    due: bool,
    /// The last look was answered.
    confirmed: bool,
    /// Its age rests on clocks that nobody could check.
    suspicious: bool,
}

impl Monitor {
    /// Alerts above `lag_max`; the log is looked at every `interval`.
    #[must_use]
    pub fn new(lag_max: Duration, interval: Duration) -> Self {
        Self {
            lag_max,
            interval,
            partitions: BTreeMap::new(),
            clock: ClockCheck::Unverified,
            judged: None,
        }
    }

    /// Takes note of what is owned now, all of it, and how far it has come. A partition that is
    /// not in it any more is released.
    pub fn progress(&mut self, now: Instant, owned: &[Progress]) -> Vec<Alert> {
        let mut released = Vec::new();
        let lag_max = self.lag_max;
        self.partitions.retain(|partition, watched| {
            let stays = owned.iter().any(|owned| owned.partition == *partition);
            if let (false, Some(reason)) = (stays, watched.alarm.raised()) {
                released.push(Alert {
                    partition: partition.clone(),
                    phase: AlertPhase::Released,
                    reason,
                    estimate: Estimate::UNKNOWN,
                    lag_max,
                });
            }
            stays
        });
        for progress in owned {
            let watched = match self.partitions.get_mut(&progress.partition) {
                Some(watched) => watched,
                None => self
                    .partitions
                    .entry(progress.partition.clone())
                    .or_default(),
            };
            watched.placed = progress.next_offset.is_some();
            if let Some(next_offset) = progress.next_offset {
                watched.knowledge.progress(next_offset, progress.head, now);
            }
        }
        released
    }

    /// What to ask now: the end of each log; the record that waits longest, where records wait and
    /// it was not delivered; and a record that was seen to arrive, when clocks are in doubt.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let in_doubt = self.clock == ClockCheck::Unverified
            && self.partitions.values().any(|watched| watched.suspicious);
        let newest = |knowledge: &Knowledge, now: Instant| {
            let newest = knowledge.sightings.end_offset()? - 1;
            knowledge.sightings.age_max(newest, now)?;
            Some(newest)
        };
        let mut check_clock = in_doubt;
        self.partitions
            .iter()
            .map(|(partition, watched)| {
                let knowledge = &watched.knowledge;
                let wants_head = watched.placed && knowledge.wants_head();
                let mut read_at = wants_head.then_some(knowledge.next_offset);
                if check_clock
                    && read_at.is_none()
                    && let Some((now, _)) = self.judged
                    && let Some(newest) = newest(knowledge, now)
                {
                    read_at = Some(newest);
                    check_clock = false;
                }
                Question {
                    partition: partition.clone(),
                    read_at,
                }
            })
            .collect()
    }

    /// Takes in what the log answered, at `now` by both clocks. Everything is to be judged then.
    pub fn answered(&mut self, now: Instant, wall_ms: i64, answers: &[Answer]) {
        for watched in self.partitions.values_mut() {
            watched.due = true;
            watched.confirmed = false;
        }
        for answer in answers {
            let Some(watched) = self.partitions.get_mut(&answer.partition) else {
                continue;
            };
            watched.confirmed = true;
            let knowledge = &mut watched.knowledge;
            knowledge
                .sightings
                .add(answer.asked, answer.answered, answer.end_offset);
            let next_offset = knowledge.next_offset;
            match answer.read {
                Some(Read {
                    from,
                    found: Some(record),
                }) => {
                    let is_head = from <= next_offset && next_offset <= record.offset;
                    if is_head && knowledge.head().is_none() {
                        knowledge.learn_head(record, now);
                    }
                }
                Some(Read { from, found: None }) if from <= next_offset => {
                    knowledge.learn_drained(answer.end_offset);
                }
                _ => {}
            }
            if let Some(record) = answer.read.and_then(|read| read.found)
                && let Some(check) = knowledge.check_clock(record, Clocks { now, wall_ms })
            {
                self.clock = check;
            }
        }
    }

    /// Something is to be judged.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.partitions.values().any(|watched| watched.due)
    }

    /// Says how far behind is what is due, and which alarms have changed. Unless it is for the
    /// `last` time until the next look, what may become clearer in a moment is left for later: a
    /// busy worker has another partition's records in hand each time.
    pub fn judge(&mut self, now: Instant, wall_ms: i64, last: bool) -> (Vec<Reading>, Vec<Alert>) {
        let clocks = Clocks { now, wall_ms };
        self.watch_clocks(clocks);
        // An end that the last look did not confirm, or that no look has asked for since, may be far behind
        // by now: then it is unknown.
        let fresh = self.interval + self.interval / 2;
        let mut readings = Vec::with_capacity(self.partitions.len());
        let mut alerts = Vec::new();
        for (partition, watched) in &mut self.partitions {
            let settled = watched.placed && watched.knowledge.is_settled();
            if !watched.due || !(last || settled) {
                continue;
            }
            watched.due = false;
            let estimate = if watched.placed {
                let fresh = if watched.confirmed {
                    fresh
                } else {
                    Duration::ZERO
                };
                watched.knowledge.estimate(clocks, self.clock, fresh)
            } else {
                Estimate::UNKNOWN
            };
            watched.suspicious = estimate.is_suspicious(self.lag_max);
            if let Some((phase, reason)) = watched.alarm.judge(now, &estimate, self.lag_max) {
                alerts.push(Alert {
                    partition: partition.clone(),
                    phase,
                    reason,
                    estimate: estimate.clone(),
                    lag_max: self.lag_max,
                });
            }
            readings.push(Reading {
                partition: partition.clone(),
                estimate,
                raised: watched.alarm.raised().is_some(),
            });
        }
        (readings, alerts)
    }

    /// A wall clock that jumped is a new clock; records that were seen to arrive say what it is worth.
    fn watch_clocks(&mut self, clocks: Clocks) {
        if let Some((then, wall_ms)) = self.judged {
            let elapsed = clocks.now.saturating_duration_since(then).as_millis();
            let elapsed_ms = i64::try_from(elapsed).unwrap_or(i64::MAX);
            if (clocks.wall_ms - wall_ms - elapsed_ms).abs() > JUMP_MS {
                self.clock = ClockCheck::Unverified;
            }
        }
        self.judged = Some((clocks.now, clocks.wall_ms));
        let mut heads = self.partitions.values().filter_map(|watched| {
            let head = watched.knowledge.head()?;
            watched.knowledge.check_clock(head, clocks)
        });
        if let Some(check) = heads.next_back() {
            self.clock = check;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lag::alarm::AlertReason;
    use crate::lag::estimate::Basis;
    use proptest::prelude::*;

    const LAG_MAX: Duration = Duration::from_secs(60);
    const INTERVAL: Duration = Duration::from_secs(5);
    const WALL_MS: i64 = 1_700_000_000_000;

    fn partition() -> TopicPartition {
        TopicPartition::new("trades", 0)
    }

    /// A world of one partition, in steps of a second; it knows the true lag.
    struct World {
        start: Instant,
        second: u64,
        /// When each record was appended.
        appended: Vec<u64>,
        next_offset: usize,
        delivered: bool,
        /// Wall clock of the worker minus clock of the broker, in seconds.
        skew_s: i64,
        monitor: Monitor,
        alerts: Vec<Alert>,
    }

    impl World {
        fn new(backlog: &[u64], skew_s: i64, start_second: u64) -> Self {
            Self {
                start: Instant::now(),
                second: start_second,
                appended: backlog.to_vec(),
                next_offset: 0,
                delivered: false,
                skew_s,
                monitor: Monitor::new(LAG_MAX, INTERVAL),
                alerts: Vec::new(),
            }
        }

        fn now(&self) -> Instant {
            self.start + Duration::from_secs(self.second)
        }

        fn wall_ms(&self) -> i64 {
            WALL_MS + (self.second as i64 + self.skew_s) * 1_000
        }

        fn record(&self, offset: usize) -> Head {
            Head {
                offset: offset as i64,
                timestamp_ms: Some(WALL_MS + self.appended[offset] as i64 * 1_000),
            }
        }

        fn true_lag_ms(&self) -> i64 {
            self.appended
                .get(self.next_offset)
                .map_or(0, |at| (self.second - at) as i64 * 1_000)
        }

        /// What the worker does at a look: the log answers, everything is judged.
        fn look(&mut self, answers: bool) -> Reading {
            let head = (self.delivered && self.next_offset < self.appended.len())
                .then(|| self.record(self.next_offset));
            let now = self.now();
            let owned = [Progress {
                partition: partition(),
                next_offset: Some(self.next_offset as i64),
                head,
            }];
            self.alerts.extend(self.monitor.progress(now, &owned));
            let mut answered = Vec::new();
            if answers {
                let question = self.monitor.questions().remove(0);
                answered.push(Answer {
                    partition: partition(),
                    asked: now,
                    answered: now,
                    end_offset: self.appended.len() as i64,
                    read: question.read_at.map(|from| Read {
                        from,
                        found: (from < self.appended.len() as i64)
                            .then(|| self.record(from as usize)),
                    }),
                });
            }
            self.monitor.answered(now, self.wall_ms(), &answered);
            let (mut readings, alerts) = self.monitor.judge(now, self.wall_ms(), true);
            self.alerts.extend(alerts);
            readings.remove(0)
        }
    }

    #[derive(Debug, Clone)]
    struct Step {
        seconds: u64,
        appends: usize,
        processes: usize,
        delivered: bool,
        jump_s: i64,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let jump = prop_oneof![30 => Just(0_i64), 1 => -90_000_i64..90_000];
        let step = (1_u64..5, 0_usize..4, 0_usize..6, any::<bool>(), jump).prop_map(
            |(seconds, appends, processes, delivered, jump_s)| Step {
                seconds,
                appends,
                processes,
                delivered,
                jump_s,
            },
        );
        // Phases, so that records pile up and drain for longer than the limit.
        let phase =
            (prop::collection::vec(step, 1..40), any::<bool>()).prop_map(|(steps, stalled)| {
                let stall = |step: Step| Step {
                    processes: if stalled { 0 } else { step.processes },
                    ..step
                };
                steps.into_iter().map(stall).collect::<Vec<_>>()
            });
        prop::collection::vec(phase, 1..10).prop_map(|phases| phases.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// A worker that has watched the log from its first record on: whatever clocks say and do,
        /// its numbers are bounds of the truth, there is no missed alarm and no false one.
        #[test]
        fn no_missed_alarm_and_no_false_one(steps in steps(), skew_s in -90_000_i64..90_000) {
            let mut world = World::new(&[], skew_s, 0);
            world.look(true);
            let mut worst_since_look = 0;
            let mut over_since: Option<u64> = None;
            for step in steps {
                world.second += step.seconds;
                worst_since_look = worst_since_look.max(world.true_lag_ms());
                world.skew_s += step.jump_s;
                world.appended.resize(world.appended.len() + step.appends, world.second);
                world.next_offset = (world.next_offset + step.processes).min(world.appended.len());
                world.delivered = step.delivered;
                let truth = world.true_lag_ms();
                let raised_before = world.monitor.partitions[&partition()].alarm.raised();
                let reading = world.look(true);
                let estimate = &reading.estimate;
                let backlog = (world.appended.len() - world.next_offset) as i64;
                prop_assert_eq!(estimate.lag_offsets, Some(backlog));
                prop_assert!(estimate.lag_ms_min.unwrap_or(0) <= truth, "{:?} {}", estimate, truth);
                prop_assert_eq!(estimate.basis == Basis::CaughtUp, backlog == 0);
                prop_assert!(estimate.basis != Basis::UnverifiedClock, "every record was seen to arrive");
                if let (Some(lag_ms), true) = (estimate.lag_ms, backlog > 0) {
                    // What was seen of the log bounds the error, whatever the clocks do.
                    let sightings = &world.monitor.partitions[&partition()].knowledge.sightings;
                    let (offset, now) = (world.next_offset as i64, world.now());
                    let youngest = sightings.age_min(offset, now).unwrap_or_default();
                    let oldest = sightings.age_max(offset, now).unwrap_or_default();
                    let error_max = (oldest.saturating_sub(youngest)).as_millis() as i64 + 1_000;
                    let error = (lag_ms - truth).abs();
                    prop_assert!(error <= error_max, "{:?} {}", estimate, truth);
                }
                if raised_before.is_none() && reading.raised {
                    prop_assert!(worst_since_look > 60_000, "false alarm: {:?} {}", estimate, truth);
                }
                over_since = (truth > 60_000).then(|| over_since.unwrap_or(world.second));
                if let Some(since) = over_since {
                    let late_s = world.second - since;
                    prop_assert!(reading.raised || late_s <= 15, "missed alarm: {:?} {}", estimate, truth);
                } else if truth <= 25_000 {
                    prop_assert!(!reading.raised, "not cleared: {:?} {}", estimate, truth);
                }
                worst_since_look = truth;
            }
        }
    }

    #[test]
    fn a_backlog_from_before_is_an_alarm_once_it_has_held() {
        // Nobody writes: no clock can be checked.
        let mut world = World::new(&[0, 0, 0], 0, 400);
        let mut raised_at = None;
        for _ in 0..10 {
            if world.look(true).raised {
                raised_at = raised_at.or(Some(world.second - 400));
            }
            world.second += 5;
        }
        assert_eq!(raised_at, Some(35));
        // Someone writes, and a record that was seen to arrive vouches for the clock; those before may
        // have been held back by their producer all the same.
        let mut world = World::new(&[0, 0, 0], 0, 400);
        let mut raised_at = None;
        for _ in 0..10 {
            world.appended.push(world.second);
            if world.look(true).raised {
                raised_at = raised_at.or(Some(world.second - 400));
            }
            world.second += 5;
        }
        assert_eq!(raised_at, Some(35));
    }

    #[test]
    fn a_worker_that_starts_with_a_wrong_clock_wakes_nobody_up() {
        // One second of backlog, a clock that is a day ahead, and someone who writes.
        let mut world = World::new(&[399, 399, 399], 86_400, 400);
        for _ in 0..11 {
            world.appended.push(world.second);
            world.look(true);
            world.second += 5;
        }
        assert!(world.alerts.is_empty(), "{:?}", world.alerts);
        let reading = world.look(true);
        assert_eq!(reading.estimate.basis, Basis::RecordTimestamp);
        assert!(reading.estimate.clock_skew_ms >= Some(86_390_000));
        // It is right all the same when the backlog was seen to stay.
        world.second += 10;
        assert!(world.look(true).raised);
    }

    #[test]
    fn a_log_that_does_not_answer_is_unknown_and_then_an_alarm() {
        let mut world = World::new(&[], 0, 0);
        world.look(true);
        let mut story = Vec::new();
        for _ in 0..20 {
            world.second += 5;
            let reading = world.look(false);
            let line = format!("{} {}", reading.estimate.basis.name(), reading.raised);
            if story.last().is_none_or(|(_, last)| *last != line) {
                story.push((world.second, line));
            }
        }
        insta::assert_debug_snapshot!(story, @r#"
        [
            (
                5,
                "unknown false",
            ),
            (
                70,
                "unknown true",
            ),
        ]
        "#);
        assert_eq!(
            world.alerts.last().map(|alert| alert.reason),
            Some(AlertReason::Unknown)
        );
    }

    #[test]
    fn a_partition_that_leaves_is_released() {
        let mut world = World::new(&[], 0, 0);
        world.look(true);
        world.appended.push(1);
        for _ in 0..20 {
            world.second += 5;
            world.look(true);
        }
        let released = world.monitor.progress(world.now(), &[]);
        assert_eq!(released.len(), 1);
        assert_eq!(released[0].phase, AlertPhase::Released);
        assert!(world.monitor.progress(world.now(), &[]).is_empty());
    }
}
