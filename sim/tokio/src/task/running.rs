//! The future that drives a spawned one: cancellation, panics, context, output.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use super::control::Control;
use super::join_handle::Slot;
use super::{JoinError, JoinHandle, coop};
use crate::context::{self, Regime};
use crate::runtime::{Handle, Registration};

/// A spawned future and what its handles share with it.
pub(crate) struct Running<F: Future> {
    future: Option<Pin<Box<F>>>,
    control: Arc<Control>,
    slot: Slot<F::Output>,
    owner: Owner,
    /// Counts the task as alive in its runtime; dropped as soon as the task is done.
    registration: Option<Registration>,
}

/// Who drives a task, and so the context in which it runs.
enum Owner {
    Runtime(Handle, Regime),
    /// The set's driver, whose context the task shares.
    LocalSet,
}

impl<F: Future> Running<F> {
    /// A task of `runtime` and the handle of its output.
    pub(crate) fn on_runtime(
        future: F,
        runtime: Handle,
        regime: Regime,
    ) -> (Self, JoinHandle<F::Output>) {
        let control = Control::new();
        let registration = runtime.register(&control);
        let refused = registration.is_none();
        let owner = Owner::Runtime(runtime, regime);
        let (mut running, handle) = Self::new(future, control, owner, registration);
        if refused {
            running.cancel();
        }
        (running, handle)
    }

    /// A task of a `LocalSet` and the handle of its output.
    pub(crate) fn on_local_set(future: F) -> (Self, JoinHandle<F::Output>) {
        Self::new(future, Control::new(), Owner::LocalSet, None)
    }

    fn new(
        future: F,
        control: Arc<Control>,
        owner: Owner,
        registration: Option<Registration>,
    ) -> (Self, JoinHandle<F::Output>) {
        let slot = Slot::default();
        let handle = JoinHandle::new(control.clone(), slot.clone());
        let running = Self {
            future: Some(Box::pin(future)),
            control,
            slot,
            owner,
            registration,
        };
        (running, handle)
    }

    /// Whether the task was over before it began, because its runtime had been shut down.
    pub(crate) fn is_finished(&self) -> bool {
        self.control.is_finished()
    }

    fn enter(&self) -> context::Scope {
        let task = Some(self.control.id());
        context::enter(match &self.owner {
            Owner::Runtime(runtime, regime) => context::Context {
                task,
                runtime: Some(runtime.clone()),
                local_set: None,
                regime: *regime,
                budget: coop::INITIAL,
            },
            Owner::LocalSet => context::Context {
                task,
                regime: Regime::Async,
                budget: coop::INITIAL,
                ..context::current()
            },
        })
    }

    /// Drops the future in its own context; a panic of its destructors becomes the outcome.
    fn cancel(&mut self) {
        let outcome = match self.drop_future() {
            Ok(()) => JoinError::cancelled(self.control.id()),
            Err(panic) => panic,
        };
        self.finish(Err(outcome));
    }

    fn drop_future(&mut self) -> Result<(), JoinError> {
        let _scope = self.enter();
        let future = self.future.take();
        catch_unwind(AssertUnwindSafe(|| drop(future)))
            .map_err(|payload| JoinError::panic(self.control.id(), payload))
    }

    fn finish(&mut self, outcome: Result<F::Output, JoinError>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.registration = None;
        self.control.finish();
    }
}

// The future is boxed: moving this moves no pinned value.
impl<F: Future> Unpin for Running<F> {}

impl<F: Future> Future for Running<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.control.is_aborted() {
            this.cancel();
            return Poll::Ready(());
        }
        this.control.set_task(cx.waker());
        let polled = {
            let _scope = this.enter();
            let Some(future) = &mut this.future else {
                return Poll::Ready(());
            };
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
        };
        match polled {
            Ok(Poll::Pending) if this.control.is_aborted() => this.cancel(),
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => {
                // A panic while the spent future is dropped does not take the output away.
                let _ = this.drop_future();
                this.finish(Ok(output));
            }
            Err(payload) => {
                let _ = this.drop_future();
                this.finish(Err(JoinError::panic(this.control.id(), payload)));
            }
        }
        Poll::Ready(())
    }
}

impl<F: Future> Drop for Running<F> {
    fn drop(&mut self) {
        if !self.control.is_finished() {
            self.cancel();
        }
    }
}
