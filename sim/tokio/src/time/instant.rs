//! A point on the simulated monotonic clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

/// How far `Duration::MAX` from now is: thirty years, as tokio has it, so that sums do not overflow.
const FAR_FUTURE: Duration = Duration::from_secs(86_400 * 365 * 30);

/// A point on the simulated monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: std::time::Instant,
}

impl Instant {
    /// The current simulated time.
    #[track_caller]
    pub fn now() -> Self {
        Self::from_std(clock::now())
    }

    /// The same point, of std's type. In a simulated build std's clock is the simulated one.
    pub fn from_std(std: std::time::Instant) -> Self {
        Self { std }
    }

    /// The same point, as std's type.
    pub fn into_std(self) -> std::time::Instant {
        self.std
    }

    /// The time since `earlier`, or zero.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// The time since `earlier`, or `None` if it is later.
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// The time since `earlier`, or zero.
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }

    /// The time since this point, or zero.
    #[track_caller]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// The point `duration` later, unless it can't be represented.
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.std.checked_add(duration).map(Self::from_std)
    }

    /// The point `duration` earlier, unless it can't be represented.
    pub fn checked_sub(&self, duration: Duration) -> Option<Self> {
        self.std.checked_sub(duration).map(Self::from_std)
    }

    /// The point `duration` from now, or thirty years from now.
    #[track_caller]
    pub(crate) fn after(duration: Duration) -> Self {
        let now = Self::now();
        now.checked_add(duration).unwrap_or(now + FAR_FUTURE)
    }
}

#[cfg(madsim)]
mod clock {
    /// std's clock is interposed.
    pub(super) fn now() -> std::time::Instant {
        std::time::Instant::now()
    }
}

#[cfg(not(madsim))]
mod clock {
    use std::time::Instant;

    thread_local! {
        /// Where simulated time begins, among the values that std's type can take.
        static START: Instant = Instant::now();
    }

    /// std's clock is the real one, so only its type is used.
    #[track_caller]
    pub(super) fn now() -> Instant {
        START.with(|start| *start) + whitewater_sim::time::now()
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Self {
        Self::from_std(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> Self {
        instant.into_std()
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[track_caller]
    fn add(self, duration: Duration) -> Self {
        Self::from_std(self.std + duration)
    }
}

impl AddAssign<Duration> for Instant {
    #[track_caller]
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    #[track_caller]
    fn sub(self, duration: Duration) -> Self {
        Self::from_std(self.std - duration)
    }
}

impl SubAssign<Duration> for Instant {
    #[track_caller]
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
