//! What a task shares with its handles, whatever its output.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::Id;

/// The cancellation flag and the wakers of one task.
#[derive(Debug)]
pub(crate) struct Control {
    id: Id,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    aborted: bool,
    finished: bool,
    /// Wakes the task.
    task: Option<Waker>,
    /// Wakes whoever awaits its handle.
    joiner: Option<Waker>,
}

impl Control {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            id: Id::next(),
            state: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the task to end at its next yield point.
    pub(crate) fn abort(&self) {
        let waker = {
            let mut state = self.state();
            state.aborted = true;
            state.task.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.state().aborted
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.state().finished
    }

    pub(crate) fn set_task(&self, waker: &Waker) {
        set(&mut self.state().task, waker);
    }

    pub(crate) fn set_joiner(&self, waker: &Waker) {
        set(&mut self.state().joiner, waker);
    }

    pub(crate) fn finish(&self) {
        let joiner = {
            let mut state = self.state();
            state.finished = true;
            state.task = None;
            state.joiner.take()
        };
        if let Some(joiner) = joiner {
            joiner.wake();
        }
    }
}

fn set(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(old) => old.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}
