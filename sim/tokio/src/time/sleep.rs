//! Waiting until a point in simulated time.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use whitewater_sim::time as world;

use super::Instant;
use crate::runtime;
use crate::task::coop;

/// Completes `duration` from now. There is no granularity of a millisecond as tokio has it.
///
/// # Panics
/// Outside a runtime with timers.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    runtime::require_time();
    Sleep::new(Instant::after(duration))
}

/// Completes at `deadline`.
///
/// # Panics
/// Outside a runtime with timers.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    runtime::require_time();
    Sleep::new(deadline)
}

pin_project! {
    /// A timer: see [`sleep`]. Cancelled when dropped.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        deadline: Instant,
        timer: world::Sleep,
        // Whom the timer wakes, once polled.
        waker: Option<Waker>,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl Sleep {
    #[track_caller]
    fn new(deadline: Instant) -> Self {
        Self {
            deadline,
            timer: world::sleep_until(on_world_clock(deadline)),
            waker: None,
            _pinned: PhantomPinned,
        }
    }

    /// When it completes.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        self.timer.is_elapsed()
    }

    /// Moves the deadline. Whoever polled last is woken at the new one.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        this.timer.reset(on_world_clock(deadline));
        if let Some(waker) = this.waker.take() {
            let polled = Pin::new(this.timer).poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                waker.wake();
            } else {
                *this.waker = Some(waker);
            }
        }
    }
}

/// `deadline` as time since the world began.
#[track_caller]
fn on_world_clock(deadline: Instant) -> Duration {
    let left = deadline.duration_since(Instant::now());
    world::now().saturating_add(left)
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let budget = ready!(coop::poll_proceed(cx));
        let this = self.project();
        if Pin::new(this.timer).poll(cx).is_ready() {
            *this.waker = None;
            budget.made_progress();
            return Poll::Ready(());
        }
        match this.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *this.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .finish()
    }
}
