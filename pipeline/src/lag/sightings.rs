//! What the ends of a log, as seen over time, say about when a record was appended. Only the
//! monotonic clock counts here, so no wall clock can make it wrong.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sightings that are kept; more are thinned out, which widens bounds but never makes them wrong.
const KEPT_MAX: usize = 128;

/// A log's end offset, and when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sighting {
    end_offset: i64,
    /// When the first answer with this end came: every record before it was there by then.
    first_answered: Instant,
    /// When the last question with this answer was asked: no record after it was there before.
    last_asked: Instant,
}

/// The ends of one partition's log as seen over time.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    seen: VecDeque<Sighting>,
}

impl Sightings {
    /// The log ended at `end_offset`, somewhen between the question and its answer. A log that
    /// went backwards is another log: what was seen of the old one is forgotten.
    pub fn add(&mut self, asked: Instant, answered: Instant, end_offset: i64) {
        match self.seen.back_mut() {
            Some(last) if last.end_offset == end_offset => last.last_asked = asked,
            Some(last) if last.end_offset > end_offset => {
                self.seen.clear();
                self.push(asked, answered, end_offset);
            }
            _ => self.push(asked, answered, end_offset),
        }
    }

    fn push(&mut self, asked: Instant, answered: Instant, end_offset: i64) {
        self.seen.push_back(Sighting {
            end_offset,
            first_answered: answered,
            last_asked: asked,
        });
        if self.seen.len() > KEPT_MAX {
            let mut index = 0;
            let last = self.seen.len() - 1;
            self.seen.retain(|_| {
                index += 1;
                index % 2 == 1 || index > last
            });
        }
    }

    /// Forgets what says nothing about records from `next_offset` on.
    pub fn forget_before(&mut self, next_offset: i64) {
        while self
            .seen
            .get(1)
            .is_some_and(|second| second.end_offset <= next_offset)
        {
            self.seen.pop_front();
        }
    }

    /// The end that was seen last.
    #[must_use]
    pub fn end_offset(&self) -> Option<i64> {
        Some(self.seen.back()?.end_offset)
    }

    /// How long ago the last question that was answered was asked.
    #[must_use]
    pub fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.seen.back()?.last_asked))
    }

    /// The record at `offset` was appended at least so long ago.
    #[must_use]
    pub fn age_min(&self, offset: i64, now: Instant) -> Option<Duration> {
        let there = self.seen.iter().find(|seen| seen.end_offset > offset)?;
        Some(now.saturating_duration_since(there.first_answered))
    }

    /// The record at `offset` was appended (in a transaction: became readable) at most so long ago.
    #[must_use]
    pub fn age_max(&self, offset: i64, now: Instant) -> Option<Duration> {
        let not_yet = self
            .seen
            .iter()
            .rev()
            .find(|seen| seen.end_offset <= offset)?;
        Some(now.saturating_duration_since(not_yet.last_asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the log grows and whenever it is looked at, the bounds hold the truth.
        #[test]
        fn the_bounds_hold_the_truth(
            steps in prop::collection::vec((0_u64..5_000, 0_usize..40, 0_u64..300), 1..400),
            processed in 0.0_f64..1.0,
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut appended: Vec<Instant> = Vec::new();
            let mut sightings = Sightings::default();
            for (pause_ms, records, latency_ms) in steps {
                now += Duration::from_millis(pause_ms);
                appended.resize(appended.len() + records, now);
                let asked = now;
                now += Duration::from_millis(latency_ms);
                sightings.add(asked, now, appended.len() as i64);
                prop_assert!(sightings.seen.len() <= KEPT_MAX);
            }
            let next_offset = (appended.len() as f64 * processed) as usize;
            sightings.forget_before(next_offset as i64);
            for (offset, at) in appended.iter().enumerate().skip(next_offset) {
                let age = now - *at;
                let offset = offset as i64;
                let min = sightings.age_min(offset, now);
                prop_assert!(min.is_some(), "every record is below the last end");
                prop_assert!(min <= Some(age));
                if let Some(max) = sightings.age_max(offset, now) {
                    prop_assert!(age <= max);
                }
            }
            prop_assert_eq!(sightings.end_offset(), Some(appended.len() as i64));
        }
    }

    #[test]
    fn a_log_that_went_backwards_is_another_one() {
        let start = Instant::now();
        let later = start + Duration::from_secs(60);
        let mut sightings = Sightings::default();
        sightings.add(start, start, 100);
        sightings.add(later, later, 10);
        assert_eq!(sightings.end_offset(), Some(10));
        assert_eq!(sightings.age_min(5, later), Some(Duration::ZERO));
    }
}
