//! Several tasks waiting for one event: the simulated network wakes only the last that asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// Wakes everyone who waits.
#[derive(Debug, Default)]
struct Waiting {
    wakers: Mutex<Vec<Waker>>,
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        let wakers = {
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *wakers)
        };
        for waker in wakers {
            waker.wake();
        }
    }
}

/// The tasks that wait for one event.
#[derive(Debug)]
pub(crate) struct Wakers {
    waiting: Arc<Waiting>,
    shared: Waker,
}

impl Wakers {
    pub(crate) fn new() -> Self {
        let waiting = Arc::<Waiting>::default();
        Self {
            shared: Waker::from(waiting.clone()),
            waiting,
        }
    }

    /// Adds the task of `cx` and returns the waker that wakes all of them.
    pub(crate) fn join(&self, cx: &Context<'_>) -> &Waker {
        let mut wakers = self
            .waiting
            .wakers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        &self.shared
    }
}
