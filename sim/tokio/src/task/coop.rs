//! Cooperative scheduling: a budget of operations for each poll of a task.
//!
//! tokio's own `sync` types are the real ones and know nothing of this budget: here it bounds
//! timers, sockets, join handles and [`consume_budget`].

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::context;

/// What a task may spend in one poll: tokio's figure.
pub(crate) const INITIAL: Option<u8> = Some(128);

/// Whether the current task may go on without yielding.
pub fn has_budget_remaining() -> bool {
    context::read(|context| context.budget) != Some(0)
}

/// Yields if the current task has spent its budget, otherwise spends one unit of it.
pub async fn consume_budget() {
    poll_fn(|cx| {
        let budget = ready!(poll_proceed(cx));
        budget.made_progress();
        Poll::Ready(())
    })
    .await;
}

/// Spends one unit, given back when the result is dropped without
/// [`made_progress`](RestoreOnPending::made_progress). Pending, and woken again, with nothing left.
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    let before = context::read(|context| context.budget);
    match before {
        Some(0) => {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Some(left) => {
            context::replace_budget(Some(left - 1));
        }
        None => {}
    }
    Poll::Ready(RestoreOnPending {
        before: Cell::new(before),
        not_send: PhantomData,
    })
}

/// Gives the unit that [`poll_proceed`] took back, unless progress was made.
#[derive(Debug)]
#[must_use]
pub struct RestoreOnPending {
    before: Cell<Option<u8>>,
    not_send: PhantomData<*mut ()>,
}

impl RestoreOnPending {
    /// Keeps the unit spent.
    pub fn made_progress(&self) {
        self.before.set(None);
    }
}

impl Drop for RestoreOnPending {
    fn drop(&mut self) {
        if let Some(before) = self.before.get() {
            context::replace_budget(Some(before));
        }
    }
}

pin_project! {
    /// A future that spends budget whenever it completes: see [`cooperative`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Coop<F> {
        #[pin]
        inner: F,
    }
}

/// Makes `inner` spend one unit when it completes, and yield when there is none.
pub fn cooperative<F: Future>(inner: F) -> Coop<F> {
    Coop { inner }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let budget = ready!(poll_proceed(cx));
        let output = ready!(self.project().inner.poll(cx));
        budget.made_progress();
        Poll::Ready(output)
    }
}

pin_project! {
    /// A future without a budget: see [`unconstrained`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

/// Takes the budget away from `inner`: it is never made to yield.
pub fn unconstrained<F>(inner: F) -> Unconstrained<F> {
    Unconstrained { inner }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let inner = self.project().inner;
        let _budget = Budget::enter(None);
        inner.poll(cx)
    }
}

/// Another budget for a while.
pub(crate) struct Budget {
    outer: Option<u8>,
}

impl Budget {
    pub(crate) fn enter(budget: Option<u8>) -> Self {
        Self {
            outer: context::replace_budget(budget),
        }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        context::replace_budget(self.outer);
    }
}
