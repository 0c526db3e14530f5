//! Task-local values.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::LocalKey as ThreadKey;

use pin_project_lite::pin_project;

use whitewater_sim::task::{TaskId, try_current_id};

/// The values of one key, by simulated task: a task may be suspended inside its scope.
#[doc(hidden)]
pub type Values<T> = RefCell<BTreeMap<Option<TaskId>, T>>;

/// A key declared by [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    #[doc(hidden)]
    pub inner: ThreadKey<Values<T>>,
}

impl<T: 'static> LocalKey<T> {
    /// Sets the value while `future` runs.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture {
            local: self,
            slot: Some(value),
            future: Some(future),
            _pinned: PhantomPinned,
        }
    }

    /// Sets the value while `f` runs.
    ///
    /// # Panics
    /// Inside [`with`](Self::with) of the same key.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut slot = Some(value);
        self.scope_inner(&mut slot, f)
    }

    /// Swaps `slot` with the current value around `f`.
    #[track_caller]
    fn scope_inner<R>(&'static self, slot: &mut Option<T>, f: impl FnOnce() -> R) -> R {
        let mut scope = Swapped {
            key: &self.inner,
            task: try_current_id(),
            slot,
        };
        scope.swap();
        f()
    }

    /// Reads the value.
    ///
    /// # Panics
    /// Outside a scope.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => {
                panic!("cannot access a task-local storage value without setting it first")
            }
        }
    }

    /// Reads the value.
    ///
    /// # Errors
    /// Outside a scope.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        self.inner.with(|values| {
            let values = values.borrow();
            values
                .get(&try_current_id())
                .map(f)
                .ok_or(AccessError { _private: () })
        })
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A copy of the value.
    ///
    /// # Panics
    /// Outside a scope.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A copy of the value.
    ///
    /// # Errors
    /// Outside a scope.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LocalKey { .. }")
    }
}

/// Swaps back when dropped, for the task that it swapped for.
struct Swapped<'a, T: 'static> {
    key: &'static ThreadKey<Values<T>>,
    task: Option<TaskId>,
    slot: &'a mut Option<T>,
}

impl<T: 'static> Swapped<'_, T> {
    #[track_caller]
    fn swap(&mut self) {
        self.key.with(|values| {
            let Ok(mut values) = values.try_borrow_mut() else {
                panic!("cannot enter a task-local scope while the task-local storage is borrowed");
            };
            let current = values.remove(&self.task);
            if let Some(value) = std::mem::replace(self.slot, current) {
                values.insert(self.task, value);
            }
        });
    }
}

impl<T: 'static> Drop for Swapped<'_, T> {
    fn drop(&mut self) {
        self.swap();
    }
}

pin_project! {
    /// A future with a task-local value: see [`LocalKey::scope`].
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        local: &'static LocalKey<T>,
        slot: Option<T>,
        #[pin]
        future: Option<F>,
        #[pin]
        _pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut future = this.future;
            if future.is_some() {
                // The destructors of a future see its task-local too.
                this.local.scope_inner(this.slot, || future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, done or not; the future has none from then on.
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().slot.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut future = this.future;
        this.local.scope_inner(this.slot, || {
            let Some(running) = future.as_mut().as_pin_mut() else {
                panic!("`TaskLocalFuture` polled after completion");
            };
            let polled = running.poll(cx);
            if polled.is_ready() {
                future.set(None);
            }
            polled
        })
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture")
            .field("value", &self.slot)
            .finish()
    }
}

/// There is no value outside a scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set")
    }
}

impl Error for AccessError {}
