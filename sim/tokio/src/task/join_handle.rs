//! Handles of a spawned task.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use super::control::Control;
use super::{Id, JoinError, coop};

/// Where a task leaves its output for its handle.
pub(crate) type Slot<T> = Arc<Mutex<Option<Result<T, JoinError>>>>;

/// Awaits a task's output. Dropping it detaches the task.
pub struct JoinHandle<T> {
    control: Arc<Control>,
    slot: Slot<T>,
}

impl<T> Unpin for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(crate) fn new(control: Arc<Control>, slot: Slot<T>) -> Self {
        Self { control, slot }
    }

    /// Ends the task at its next yield point, unless it completes first.
    pub fn abort(&self) {
        self.control.abort();
    }

    /// Whether the task has completed or its cancellation has.
    pub fn is_finished(&self) -> bool {
        self.control.is_finished()
    }

    /// A handle that can only abort the task.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle {
            control: self.control.clone(),
        }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.control.id()
    }

    /// Wakes `waker` once the task is done.
    pub(crate) fn set_joiner(&self, waker: &Waker) {
        self.control.set_joiner(waker);
    }

    /// The output, if the task is done.
    pub(crate) fn take_output(&self) -> Option<Result<T, JoinError>> {
        self.slot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let budget = ready!(coop::poll_proceed(cx));
        if let Some(output) = self.take_output() {
            budget.made_progress();
            return Poll::Ready(output);
        }
        assert!(
            !self.control.is_finished(),
            "JoinHandle polled after completion"
        );
        self.control.set_joiner(cx.waker());
        Poll::Pending
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .finish()
    }
}

/// Aborts a task without awaiting it.
#[derive(Clone)]
pub struct AbortHandle {
    control: Arc<Control>,
}

impl AbortHandle {
    /// Ends the task at its next yield point, unless it completes first.
    pub fn abort(&self) {
        self.control.abort();
    }

    /// Whether the task has completed or its cancellation has.
    pub fn is_finished(&self) -> bool {
        self.control.is_finished()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.control.id()
    }
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .finish()
    }
}
