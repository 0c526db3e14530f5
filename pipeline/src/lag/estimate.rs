//! How far one partition is behind: from the oldest unprocessed record's broker timestamp, held
//! against what was seen of the log on the monotonic clock.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::lag::sightings::Sightings;

/// By how much a broker timestamp may miss what was seen before clocks are said to disagree.
const CLOCK_TOLERANCE_MS: i64 = 1_000;

/// What an age in [`Estimate`] is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Nothing was left to read at the last look.
    CaughtUp,
    /// The oldest unprocessed record's broker timestamp against this host's wall clock, which
    /// agree with what was seen of the log.
    RecordTimestamp,
    /// The same, but nothing was seen yet that bears them out or speaks against them.
    UnverifiedClock,
    /// Wall clock and broker timestamps disagree: the record is at least so old by what was seen.
    Observed,
    /// The age is not known.
    Unknown,
}

impl Basis {
    /// The name in events and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CaughtUp => "caught_up",
            Self::RecordTimestamp => "record_timestamp",
            Self::UnverifiedClock => "unverified_clock",
            Self::Observed => "observed",
            Self::Unknown => "unknown",
        }
    }
}

/// How far one partition is behind. What is not known is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// The sink's position.
    pub next_offset: Option<i64>,
    /// The log's end as last learned.
    pub end_offset: Option<i64>,
    /// Offsets between the two; 0 when nothing between them can be read (transaction markers).
    pub lag_offsets: Option<i64>,
    /// The age of the oldest unprocessed record in milliseconds; 0 only when caught up.
    pub lag_ms: Option<i64>,
    /// At least so old, whatever the wall clock says.
    pub lag_ms_min: Option<i64>,
    /// What `lag_ms` is based on.
    pub basis: Basis,
    /// The wall clock is at least this much ahead of the clock behind the broker timestamps
    /// (behind, if negative), in milliseconds.
    pub clock_skew_ms: Option<i64>,
}

/// What is known about the clock behind the broker timestamps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ClockCheck {
    /// No record was seen to arrive yet.
    #[default]
    Unverified,
    /// The last record that was seen to arrive bore a timestamp of that time.
    Agrees,
    /// It did not.
    Differs {
        /// The clocks are at least so far apart.
        skew_ms: i64,
        /// The wall clock is ahead by so much at most.
        skew_ms_max: i64,
    },
}

/// The oldest unprocessed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its offset.
    pub offset: i64,
    /// Its broker timestamp, milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
}

/// Everything known about one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Knowledge {
    pub(crate) next_offset: i64,
    pub(crate) sightings: Sightings,
    head: Option<(Head, Instant)>,
    /// From `next_offset` up to here there is nothing to read.
    drained_to: Option<i64>,
}

/// The two clocks of this host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    pub(crate) now: Instant,
    pub(crate) wall_ms: i64,
}

impl Estimate {
    /// Nothing is known.
    pub(crate) const UNKNOWN: Self = Self {
        next_offset: None,
        end_offset: None,
        lag_offsets: None,
        lag_ms: None,
        lag_ms_min: None,
        basis: Basis::Unknown,
        clock_skew_ms: None,
    };

    /// More than `lag_max` behind, as far as is known.
    pub(crate) fn is_over(&self, lag_max: Duration) -> bool {
        let lag_ms = self.lag_ms.max(self.lag_ms_min);
        lag_ms.is_some_and(|lag_ms| lag_ms > ms(lag_max))
    }

    /// Too far behind by clocks that nobody could check.
    pub(crate) fn is_suspicious(&self, lag_max: Duration) -> bool {
        self.basis == Basis::UnverifiedClock
            && self.lag_ms.is_some_and(|lag_ms| lag_ms > ms(lag_max))
    }

    /// A record waits, so it is not caught up, however new the record is.
    fn say_age(&mut self, age_ms: i64, basis: Basis) {
        self.lag_ms = Some(age_ms.max(1));
        self.basis = basis;
    }
}

impl Knowledge {
    /// The sink's position, and the oldest unprocessed record if it was delivered.
    pub(crate) fn progress(&mut self, next_offset: i64, head: Option<Head>, now: Instant) {
        if next_offset != self.next_offset {
            self.next_offset = next_offset;
            self.head = self.head.filter(|(head, _)| head.offset >= next_offset);
            self.drained_to = self.drained_to.filter(|end| *end >= next_offset);
        }
        if let Some(head) = head {
            self.learn_head(head, now);
        }
        self.sightings.forget_before(next_offset);
    }

    /// The oldest unprocessed record is known.
    pub(crate) fn learn_head(&mut self, head: Head, now: Instant) {
        if head.offset >= self.next_offset && self.head.is_none_or(|(known, _)| known != head) {
            self.head = Some((head, now));
        }
    }

    /// There was nothing to read from the sink's position up to `end_offset`.
    pub(crate) fn learn_drained(&mut self, end_offset: i64) {
        self.drained_to = Some(end_offset);
    }

    /// The oldest unprocessed record, if it is known.
    pub(crate) fn head(&self) -> Option<Head> {
        self.head.map(|(head, _)| head)
    }

    /// Nothing is waiting, or the record that waits longest is known.
    pub(crate) fn is_settled(&self) -> bool {
        let sees_end = || {
            let end_offset = self.sightings.end_offset();
            end_offset.is_some_and(|end| end >= self.next_offset)
        };
        self.head.is_some() || (sees_end() && !self.wants_head())
    }

    /// Offsets wait, and nobody knows the record that waits longest.
    pub(crate) fn wants_head(&self) -> bool {
        self.head.is_none()
            && self.sightings.end_offset().is_some_and(|end_offset| {
                end_offset > self.next_offset && self.drained_to.is_none_or(|to| to < end_offset)
            })
    }

    /// What a record that was seen to arrive says about the clocks; `None` if it was not seen.
    pub(crate) fn check_clock(&self, record: Head, clocks: Clocks) -> Option<ClockCheck> {
        let raw_ms = clocks.wall_ms - record.timestamp_ms?;
        let min_ms = ms(self.sightings.age_min(record.offset, clocks.now)?);
        let max_ms = ms(self.sightings.age_max(record.offset, clocks.now)?);
        let apart_ms = (raw_ms - max_ms).max(0) + (raw_ms - min_ms).min(0);
        Some(if apart_ms.abs() <= CLOCK_TOLERANCE_MS {
            ClockCheck::Agrees
        } else {
            ClockCheck::Differs {
                skew_ms: apart_ms,
                skew_ms_max: raw_ms - min_ms,
            }
        })
    }

    /// How far behind, now. Looks older than `fresh` say nothing about the log's end any more, nor do
    /// those that saw an end which the sink has passed since: another worker may have taken it there.
    pub(crate) fn estimate(&self, clocks: Clocks, clock: ClockCheck, fresh: Duration) -> Estimate {
        let is_fresh = self
            .sightings
            .age(clocks.now)
            .is_some_and(|age| age <= fresh);
        let known_end = self
            .sightings
            .end_offset()
            .filter(|end| is_fresh && (self.head.is_some() || *end >= self.next_offset));
        let end_offset = match self.head {
            Some((head, _)) => Some(known_end.unwrap_or(0).max(head.offset + 1)),
            None => known_end,
        };
        let mut estimate = Estimate {
            next_offset: Some(self.next_offset),
            end_offset,
            lag_offsets: known_end.map(|end| {
                let end = end.max(end_offset.unwrap_or(0));
                (end - self.next_offset).max(0)
            }),
            lag_ms: None,
            lag_ms_min: None,
            basis: Basis::Unknown,
            clock_skew_ms: None,
        };
        if let Some((head, seen_at)) = self.head {
            self.age(head, seen_at, clocks, clock, &mut estimate);
        } else if let Some(end) = known_end
            && (end <= self.next_offset || self.drained_to.is_some_and(|to| to >= end))
        {
            estimate.lag_offsets = Some(0);
            estimate.lag_ms = Some(0);
            estimate.basis = Basis::CaughtUp;
        } else if self.drained_to.is_none() {
            estimate.lag_ms_min = self.sightings.age_min(self.next_offset, clocks.now).map(ms);
        }
        estimate
    }

    /// The age of the oldest unprocessed record.
    fn age(
        &self,
        head: Head,
        seen_at: Instant,
        clocks: Clocks,
        clock: ClockCheck,
        into: &mut Estimate,
    ) {
        let held_ms = ms(clocks.now.saturating_duration_since(seen_at));
        let seen_ms = self
            .sightings
            .age_min(head.offset, clocks.now)
            .map_or(0, ms);
        let min_ms = held_ms.max(seen_ms);
        let seen_to_arrive = self.sightings.age_max(head.offset, clocks.now).map(ms);
        into.lag_ms_min = Some(min_ms);
        let Some(timestamp_ms) = head.timestamp_ms else {
            return;
        };
        let raw_ms = clocks.wall_ms - timestamp_ms;
        let ahead_ms = seen_to_arrive.map_or(0, |max_ms| (raw_ms - max_ms).max(0));
        let behind_ms = (raw_ms - min_ms).min(0);
        let apart_ms = ahead_ms + behind_ms;
        let agrees = apart_ms.abs() <= CLOCK_TOLERANCE_MS;
        if !agrees {
            into.clock_skew_ms = Some(apart_ms);
        }
        let by_clock_ms = raw_ms.max(min_ms);
        match (seen_to_arrive, clock) {
            (Some(_), _) if agrees => into.say_age(by_clock_ms, Basis::RecordTimestamp),
            (Some(_), _) => into.say_age(min_ms, Basis::Observed),
            // It was there when we came, so only timestamps tell how long. They are no certainty: its
            // producer may have held it back, or had another clock than it has now.
            (
                None,
                ClockCheck::Differs {
                    skew_ms,
                    skew_ms_max,
                },
            ) => {
                into.clock_skew_ms = Some(skew_ms);
                let corrected_ms = min_ms.max(raw_ms - skew_ms_max);
                into.say_age(corrected_ms, Basis::RecordTimestamp);
            }
            // It bears a time that is yet to come.
            (None, _) if !agrees => {}
            (None, ClockCheck::Agrees) => into.say_age(by_clock_ms, Basis::RecordTimestamp),
            (None, ClockCheck::Unverified) => into.say_age(by_clock_ms, Basis::UnverifiedClock),
        }
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Duration = Duration::from_secs(30);
    const WALL_MS: i64 = 1_700_000_000_000;

    struct Case {
        start: Instant,
        knowledge: Knowledge,
    }

    impl Case {
        fn new() -> Self {
            Self {
                start: Instant::now(),
                knowledge: Knowledge::default(),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn saw_end(&mut self, seconds: u64, end_offset: i64) {
            let at = self.at(seconds);
            self.knowledge.sightings.add(at, at, end_offset);
        }

        fn head(&mut self, seconds: u64, offset: i64, timestamp_s: i64) {
            let head = Head {
                offset,
                timestamp_ms: Some(WALL_MS + timestamp_s * 1_000),
            };
            let next_offset = self.knowledge.next_offset;
            self.knowledge
                .progress(next_offset, Some(head), self.at(seconds));
        }

        /// The wall clock is `skew_s` ahead of the clock that stamps records.
        fn tell(&self, seconds: u64, skew_s: i64, clock: ClockCheck) -> String {
            let clocks = Clocks {
                now: self.at(seconds),
                wall_ms: WALL_MS + (seconds as i64 + skew_s) * 1_000,
            };
            let estimate = self.knowledge.estimate(clocks, clock, FRESH);
            let seconds = |ms: Option<i64>| {
                ms.map_or("?".to_owned(), |ms| format!("{} s", ms as f64 / 1_000.0))
            };
            format!(
                "{} offsets, {} (at least {}), {}, skew {}",
                estimate
                    .lag_offsets
                    .map_or("?".to_owned(), |lag| lag.to_string()),
                seconds(estimate.lag_ms),
                seconds(estimate.lag_ms_min),
                estimate.basis.name(),
                seconds(estimate.clock_skew_ms),
            )
        }
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        let mut case = Case::new();
        let unverified = ClockCheck::Unverified;
        insta::assert_snapshot!(case.tell(0, 0, unverified), @"? offsets, ? (at least ?), unknown, skew ?");
        case.saw_end(1, 0);
        insta::assert_snapshot!(case.tell(20, 0, unverified), @"0 offsets, 0 s (at least ?), caught_up, skew ?");
        // The broker has not answered for too long.
        insta::assert_snapshot!(case.tell(40, 0, unverified), @"? offsets, ? (at least ?), unknown, skew ?");
    }

    #[test]
    fn an_end_that_the_sink_has_passed_says_nothing() {
        let mut case = Case::new();
        case.saw_end(0, 39);
        // Another worker had the partition meanwhile, and nobody can look at the log just now.
        case.knowledge.progress(76, None, case.at(10));
        assert!(!case.knowledge.is_settled());
        insta::assert_snapshot!(case.tell(20, 0, ClockCheck::Unverified), @"? offsets, ? (at least ?), unknown, skew ?");
        case.saw_end(21, 76);
        insta::assert_snapshot!(case.tell(22, 0, ClockCheck::Unverified), @"0 offsets, 0 s (at least ?), caught_up, skew ?");
    }

    #[test]
    fn an_idle_topic_does_not_grow() {
        let mut case = Case::new();
        case.knowledge.next_offset = 10;
        for seconds in (0..100_000).step_by(10) {
            case.saw_end(seconds, 10);
        }
        insta::assert_snapshot!(case.tell(99_999, 0, ClockCheck::Agrees), @"0 offsets, 0 s (at least ?), caught_up, skew ?");
    }

    #[test]
    fn transaction_markers_at_the_end_are_no_lag() {
        let mut case = Case::new();
        case.knowledge.next_offset = 10;
        case.saw_end(0, 11);
        insta::assert_snapshot!(case.tell(20, 0, ClockCheck::Agrees), @"1 offsets, ? (at least 20 s), unknown, skew ?");
        assert!(case.knowledge.wants_head());
        case.knowledge.learn_drained(11);
        assert!(!case.knowledge.wants_head());
        insta::assert_snapshot!(case.tell(20, 0, ClockCheck::Agrees), @"0 offsets, 0 s (at least ?), caught_up, skew ?");
    }

    #[test]
    fn the_oldest_unprocessed_record_says_how_long() {
        let mut case = Case::new();
        case.saw_end(0, 0);
        case.saw_end(10, 5);
        case.head(11, 0, 4);
        insta::assert_snapshot!(case.tell(20, 0, ClockCheck::Unverified), @"5 offsets, 16 s (at least 10 s), record_timestamp, skew ?");
    }

    #[test]
    fn a_record_that_came_just_now_waits_all_the_same() {
        let mut case = Case::new();
        case.saw_end(0, 0);
        case.saw_end(10, 5);
        case.head(10, 0, 10);
        insta::assert_snapshot!(case.tell(10, 0, ClockCheck::Unverified), @"5 offsets, 0.001 s (at least 0 s), record_timestamp, skew ?");
        insta::assert_snapshot!(case.tell(10, -86_400, ClockCheck::Unverified), @"5 offsets, 0.001 s (at least 0 s), observed, skew -86400 s");
    }

    #[test]
    fn clocks_that_disagree_are_not_believed() {
        let mut case = Case::new();
        case.saw_end(0, 0);
        case.saw_end(10, 5);
        case.head(11, 0, 4);
        let unverified = ClockCheck::Unverified;
        insta::assert_snapshot!(case.tell(20, 86_400, unverified), @"5 offsets, 10 s (at least 10 s), observed, skew 86396 s");
        insta::assert_snapshot!(case.tell(20, -86_400, unverified), @"5 offsets, 10 s (at least 10 s), observed, skew -86394 s");
    }

    #[test]
    fn a_backlog_from_before_rests_on_clocks_and_is_never_certain() {
        let mut case = Case::new();
        case.saw_end(0, 5);
        case.head(1, 0, -600);
        let differs = ClockCheck::Differs {
            skew_ms: 86_395_000,
            skew_ms_max: 86_400_000,
        };
        insta::assert_snapshot!(
            [
                case.tell(2, 0, ClockCheck::Unverified),
                case.tell(2, 0, ClockCheck::Agrees),
                case.tell(2, 86_400, differs),
                case.tell(2, -86_400, ClockCheck::Unverified),
            ].join("\n"),
            @r"
        5 offsets, 602 s (at least 2 s), unverified_clock, skew ?
        5 offsets, 602 s (at least 2 s), record_timestamp, skew ?
        5 offsets, 602 s (at least 2 s), record_timestamp, skew 86395 s
        5 offsets, ? (at least 2 s), unknown, skew -85800 s
        "
        );
    }
}
