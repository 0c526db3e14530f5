//! How far a connection's responses may fall behind.

use std::sync::{Condvar, Mutex, PoisonError};

/// Responses that one client may leave unread before its next request is not read either.
const RESPONSES_MAX: usize = 64;

/// Counts the responses of one connection that are not yet written.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    unwritten: usize,
    closed: bool,
}

impl Backlog {
    pub(super) fn push(&self) {
        self.with(|state| state.unwritten += 1);
    }

    pub(super) fn pop(&self) {
        self.with(|state| state.unwritten = state.unwritten.saturating_sub(1));
    }

    /// Nothing more will be written: nobody shall wait for it.
    pub(super) fn close(&self) {
        self.with(|state| state.closed = true);
    }

    /// Waits until the client has taken enough of its responses.
    pub(super) fn wait(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |state: &mut State| state.unwritten >= RESPONSES_MAX && !state.closed;
        drop(self.changed.wait_while(state, full));
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}
