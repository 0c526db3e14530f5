//! How fast the load is sent: its own time, which a burst makes run faster.

use std::task::{Poll, Waker};
use std::time::Duration;

/// Load time: as simulated time, or so many times as fast.
#[derive(Debug)]
pub struct Pace {
    factor: u32,
    /// When it was set last.
    since: Duration,
    /// The load time at that moment.
    load_time: Duration,
    /// How often it was set.
    version: u64,
    waker: Option<Waker>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            factor: 1,
            since: Duration::ZERO,
            load_time: Duration::ZERO,
            version: 0,
            waker: None,
        }
    }
}

impl Pace {
    /// Load time begins.
    pub fn begin(&mut self, now: Duration) {
        (self.since, self.load_time) = (now, Duration::ZERO);
    }

    /// From now on load time is so many times as fast as simulated time.
    pub fn set(&mut self, now: Duration, factor: u64) {
        self.load_time = self.load_time(now);
        self.since = now;
        self.factor = u32::try_from(factor.max(1)).unwrap_or(u32::MAX);
        self.version += 1;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// How long, as things stand, until load time is `at`; none if it is or was.
    #[must_use]
    pub fn time_until(&self, now: Duration, at: Duration) -> Option<Duration> {
        let left = at
            .checked_sub(self.load_time(now))
            .filter(|left| !left.is_zero())?;
        // Rounded up: a wait of nothing would never end.
        Some((left / self.factor).max(Duration::from_nanos(1)))
    }

    /// How often it was set.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Ready once it was set anew since `version`.
    pub fn poll_changed(&mut self, version: u64, waker: &Waker) -> Poll<()> {
        if self.version != version {
            return Poll::Ready(());
        }
        self.waker = Some(waker.clone());
        Poll::Pending
    }

    fn load_time(&self, now: Duration) -> Duration {
        self.load_time + now.saturating_sub(self.since) * self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_makes_up_time_and_then_all_is_as_before() {
        let s = Duration::from_secs;
        let mut pace = Pace::default();
        pace.begin(s(5));
        assert_eq!(pace.time_until(s(6), s(3)), Some(s(2)));
        pace.set(s(6), 10);
        assert_eq!(pace.time_until(s(6), s(21)), Some(s(2)));
        assert_eq!(pace.time_until(s(7), s(11)), None);
        pace.set(s(8), 1);
        assert_eq!(pace.time_until(s(8), s(22)), Some(s(1)));
        assert_eq!(
            pace.time_until(s(8), s(21) + Duration::from_nanos(1)),
            Some(Duration::from_nanos(1))
        );
    }
}
