//! Tasks that are not `Send`: they run only while their set is driven, in its driver's task.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::JoinHandle;
use super::running::Running;
use crate::context;
use crate::runtime::Runtime;

/// Tasks polled before the set yields to the rest of the world: tokio's figure.
const POLLS_A_TICK_MAX: usize = 61;

type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A set of tasks that run on the task that drives it.
#[derive(Default)]
pub struct LocalSet {
    tasks: Rc<LocalTasks>,
}

/// The tasks of a set, shared with the context in which they run.
#[derive(Default)]
pub(crate) struct LocalTasks {
    futures: RefCell<BTreeMap<u64, LocalFuture>>,
    next_key: Cell<u64>,
    ready: Arc<ReadyQueue>,
}

/// Keys of the tasks to poll, and who drives the set.
#[derive(Default)]
struct ReadyQueue {
    state: Mutex<ReadyState>,
}

#[derive(Default)]
struct ReadyState {
    keys: VecDeque<u64>,
    driver: Option<Waker>,
}

impl ReadyQueue {
    fn push(&self, key: u64) {
        let driver = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !state.keys.contains(&key) {
                state.keys.push_back(key);
            }
            state.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn pop(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.keys.pop_front()
    }

    fn set_driver(&self, waker: &Waker) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.driver = Some(waker.clone());
    }
}

struct LocalWaker {
    key: u64,
    ready: Arc<ReadyQueue>,
}

impl Wake for LocalWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.key);
    }
}

impl LocalTasks {
    fn spawn<F>(self: &Rc<Self>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let (running, handle) = Running::on_local_set(future);
        let key = self.next_key.get();
        self.next_key.set(key + 1);
        self.futures.borrow_mut().insert(key, Box::pin(running));
        self.ready.push(key);
        handle
    }

    /// Polls ready tasks, each in this set's context. True if some are left for the next tick.
    fn tick(self: &Rc<Self>) -> bool {
        for _ in 0..POLLS_A_TICK_MAX {
            let Some(key) = self.ready.pop() else {
                return false;
            };
            // Taken out while it runs: it may spawn into the set.
            let Some(mut future) = self.futures.borrow_mut().remove(&key) else {
                continue;
            };
            let waker = Waker::from(Arc::new(LocalWaker {
                key,
                ready: self.ready.clone(),
            }));
            if future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            {
                self.futures.borrow_mut().insert(key, future);
            }
        }
        true
    }

    fn enter(self: &Rc<Self>) -> context::Scope {
        context::enter(context::Context {
            local_set: Some(self.clone()),
            ..context::current()
        })
    }
}

impl LocalSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes [`spawn_local`] spawn into this set until the guard is dropped.
    pub fn enter(&self) -> LocalEnterGuard {
        LocalEnterGuard {
            _scope: self.tasks.enter(),
        }
    }

    /// Spawns a task, which runs once the set is driven.
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.tasks.spawn(future)
    }

    /// Runs `future` and the set's tasks on `runtime` until `future` is done.
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        runtime.block_on(self.run_until(future))
    }

    /// Runs `future` and the set's tasks until `future` is done.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.tasks.ready.set_driver(cx.waker());
            let _scope = self.tasks.enter();
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            if self.tasks.tick() {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }
}

/// Runs the set's tasks until all are done.
impl Future for LocalSet {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.tasks.ready.set_driver(cx.waker());
        let more = {
            let _scope = self.tasks.enter();
            self.tasks.tick()
        };
        if more {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.tasks.futures.borrow().is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        let _scope = self.tasks.enter();
        // One at a time: a destructor may spawn into the set.
        while let Some((_, future)) = {
            let mut futures = self.tasks.futures.borrow_mut();
            futures.pop_first()
        } {
            drop(future);
        }
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").finish()
    }
}

/// Keeps a [`LocalSet`] the current one.
pub struct LocalEnterGuard {
    _scope: context::Scope,
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish()
    }
}

/// Spawns a task that need not be `Send` into the current [`LocalSet`].
///
/// # Panics
/// Outside one.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match context::read(|context| context.local_set.clone()) {
        Some(tasks) => tasks.spawn(future),
        None => panic!(
            "`spawn_local` called from outside of a `task::LocalSet` or `runtime::LocalRuntime`"
        ),
    }
}
