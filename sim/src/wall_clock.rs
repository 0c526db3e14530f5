//! The wall clock of a host: how far it is off, how fast it drifts, who looks at it.
//!
//! Only the wall clock can be wrong. The monotonic clock is the world's own, the same everywhere:
//! on Linux it is slewed at most, and no code may assume that it follows the calendar.

use std::cell::Cell;

use crate::host::HostId;
use crate::world;

/// How far a clock is off, from some moment on.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    /// Ahead of true time (behind it, where negative) at `since_ns`.
    offset_ns: i128,
    /// How much faster than true time it runs, in parts per million.
    drift_ppm: i64,
    since_ns: u64,
    reads: Cell<u64>,
}

impl WallClock {
    /// How far it is ahead of true time.
    pub(crate) fn offset_ns(&self, now_ns: u64) -> i128 {
        let passed_ns = i128::from(now_ns.saturating_sub(self.since_ns));
        self.offset_ns + passed_ns * i128::from(self.drift_ppm) / 1_000_000
    }

    /// Notes that somebody looks at it.
    pub(crate) fn count_read(&self) {
        self.reads.set(self.reads.get() + 1);
    }

    fn change(&mut self, now_ns: u64, jump_ns: i64, drift_ppm: i64) {
        self.offset_ns = self.offset_ns(now_ns) + i128::from(jump_ns);
        self.drift_ppm += drift_ppm;
        self.since_ns = now_ns;
    }
}

/// Steps the host's wall clock forward, or back where negative, at once.
#[track_caller]
pub fn jump(host: HostId, by_ns: i64) {
    change(host, by_ns, 0);
}

/// Lets the host's wall clock run faster from now on, or slower where negative, by so many parts
/// per million of true time; on top of what it drifts already. It never jumps.
#[track_caller]
pub fn drift(host: HostId, by_ppm: i64) {
    change(host, 0, by_ppm);
}

#[track_caller]
fn change(host: HostId, by_ns: i64, by_ppm: i64) {
    world::with(|world| {
        let now_ns = world.now_ns();
        let mut hosts = world.hosts.borrow_mut();
        hosts.clock_mut(host).change(now_ns, by_ns, by_ppm);
    });
}

/// Sets the host's wall clock right, as a time server does.
#[track_caller]
pub fn set_right(host: HostId) {
    world::with(|world| {
        let mut hosts = world.hosts.borrow_mut();
        let clock = hosts.clock_mut(host);
        (clock.offset_ns, clock.drift_ppm) = (0, 0);
    });
}

/// How far the host's wall clock is ahead of true time, or behind it where negative.
#[track_caller]
pub fn offset_ns(host: HostId) -> i128 {
    world::with(|world| {
        let now_ns = world.now_ns();
        world.hosts.borrow_mut().clock_mut(host).offset_ns(now_ns)
    })
}

/// How often processes of the host have looked at its wall clock so far, by whatever way.
#[track_caller]
pub fn reads(host: HostId) -> u64 {
    world::with(|world| world.hosts.borrow_mut().clock_mut(host).reads.get())
}
