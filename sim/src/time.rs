//! Simulated time: the monotonic clock of the world, the wall clocks of its hosts, timers.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::timer::{Action, NEVER, TimerKey};
use crate::{host, world};

/// Monotonic simulated time since the world began, the same on every host.
#[track_caller]
pub fn now() -> Duration {
    world::with(|world| Duration::from_nanos(world.now_ns()))
}

/// The wall clock of the current process's host, in milliseconds since 1970.
#[track_caller]
pub fn wall_ms() -> i64 {
    i64::try_from(wall_ns() / 1_000_000).expect("milliseconds of an i128 of nanoseconds near now")
}

/// The wall clock of the current process's host, in nanoseconds since 1970.
#[track_caller]
pub(crate) fn wall_ns() -> i128 {
    world::with(|world| {
        let host = host::current_of(world);
        let now_ns = world.now_ns();
        let hosts = world.hosts.borrow();
        let clock = hosts.clock(host);
        clock.count_read();
        i128::from(world.wall_ms_at_start) * 1_000_000
            + i128::from(now_ns)
            + clock.offset_ns(now_ns)
    })
}

/// Completes `duration` from now. There is no minimum; a duration past the end of time
/// (`Duration::MAX`) never completes.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let now = world::with(|world| world.now_ns());
    Sleep::new(now.saturating_add(nanos(duration)))
}

/// Completes when the monotonic clock reaches `at`.
pub fn sleep_until(at: Duration) -> Sleep {
    Sleep::new(nanos(at))
}

/// Nanoseconds, where those past the end of time mean never.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

/// A timer. Registered at its first poll, cancelled when dropped.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    deadline: u64,
    key: Option<TimerKey>,
}

impl Sleep {
    fn new(deadline: u64) -> Self {
        Self {
            deadline,
            key: None,
        }
    }

    /// The monotonic time at which it completes.
    pub fn deadline(&self) -> Duration {
        Duration::from_nanos(self.deadline)
    }

    /// Moves the deadline. The task that polled last is not woken for it: poll again.
    pub fn reset(&mut self, at: Duration) {
        self.cancel();
        self.deadline = nanos(at);
    }

    /// Whether the deadline has passed.
    #[track_caller]
    pub fn is_elapsed(&self) -> bool {
        world::with(|world| world.now_ns()) >= self.deadline
    }

    fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            // Dropped after the borrow has ended: a waker's destructor may run anything.
            let _action = world::try_with(|world| world.timers.borrow_mut().cancel(key));
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_elapsed() {
            self.cancel();
            return Poll::Ready(());
        }
        if self.deadline != NEVER {
            let deadline = self.deadline;
            let key = self.key;
            self.key = world::with(|world| {
                let mut timers = world.timers.borrow_mut();
                match key {
                    Some(key) => {
                        timers.update(key, context.waker());
                        Some(key)
                    }
                    None => Some(timers.insert(
                        deadline,
                        world.executor.current_process(),
                        Action::Wake(context.waker().clone()),
                    )),
                }
            });
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The time allowed for a future ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("deadline has elapsed")]
pub struct Elapsed;

/// Runs `future` for at most `duration`. A future that is ready at once succeeds even if the
/// duration is zero.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut sleep = sleep(duration);
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut sleep).poll(context).map(|()| Err(Elapsed))
    })
    .await
}
