//! Exponential back-off with jitter.

use std::time::Duration;

use whitewater_sim::random::{Stream, below_in};

/// How long to wait before the next attempt.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `first`, doubles up to `max`.
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            next: first,
        }
    }

    /// The next wait: the present step less a quarter to plus a half, as librdkafka's reconnects
    /// (rdkafka_broker.c).
    pub(crate) fn step(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.max);
        let range_us = (step * 3 / 4).as_micros() as u64;
        let jittered =
            step * 3 / 4 + Duration::from_micros(below_in(Stream::Entropy, range_us + 1));
        jittered.min(self.max)
    }

    /// Back to the first step.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}
