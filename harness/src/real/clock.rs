//! The time of a run: real time since it began. Whoever waits is woken when the run is called off.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The run was called off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;

/// The run's clock.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    began_unix_ns: u64,
    called_off: Mutex<bool>,
    wake: Condvar,
}

impl Clock {
    /// The run begins now.
    pub(super) fn begin() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            began: Instant::now(),
            began_unix_ns: nanos(since_1970.unwrap_or_default()),
            called_off: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    /// When that was, in nanoseconds since 1970.
    pub(super) fn began_unix_ns(&self) -> u64 {
        self.began_unix_ns
    }

    /// Time since the begin.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The same in nanoseconds.
    pub(super) fn now_ns(&self) -> u64 {
        nanos(self.now())
    }

    /// Wakes everyone: the run is over.
    pub(super) fn call_off(&self) {
        *self
            .called_off
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }

    /// Waits so long.
    pub(super) fn sleep(&self, time: Duration) -> Result<(), Interrupted> {
        self.sleep_until(self.now() + time)
    }

    /// Waits until it is so late.
    pub(super) fn sleep_until(&self, at: Duration) -> Result<(), Interrupted> {
        let mut called_off = self
            .called_off
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if *called_off {
                return Err(Interrupted);
            }
            let left = at.saturating_sub(self.now());
            if left.is_zero() {
                return Ok(());
            }
            let woken = self.wake.wait_timeout(called_off, left);
            called_off = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Nanoseconds as traces hold them.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_woken_when_the_run_is_called_off() {
        let clock = Clock::begin();
        assert_eq!(clock.sleep(Duration::from_millis(1)), Ok(()));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| clock.sleep(Duration::from_secs(3600)));
            clock.call_off();
            assert_eq!(waits.join().expect("no panic"), Err(Interrupted));
        });
        assert_eq!(clock.sleep(Duration::ZERO), Err(Interrupted));
    }
}
