//! Tasks: plain ones, and coroutines whose code may block.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::coroutine;
use crate::executor::Kind;
use crate::process::ProcessId;
use crate::world;

/// Identifies a task in its world. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Starts a task of the current process. It has no stack of its own, so it must never block.
#[track_caller]
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    spawn_as(None, Kind::Plain, future)
}

/// Starts a task of the current process for code that may call [`block_on`].
#[track_caller]
pub fn spawn_coroutine<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    spawn_as(None, Kind::Coroutine, future)
}

/// Starts a plain task of another process, which must be running.
#[track_caller]
pub fn spawn_on<T: 'static>(
    process: ProcessId,
    future: impl Future<Output = T> + 'static,
) -> JoinHandle<T> {
    spawn_as(Some(process), Kind::Plain, future)
}

/// Starts a coroutine task of another process, which must be running.
#[track_caller]
pub fn spawn_coroutine_on<T: 'static>(
    process: ProcessId,
    future: impl Future<Output = T> + 'static,
) -> JoinHandle<T> {
    spawn_as(Some(process), Kind::Coroutine, future)
}

#[track_caller]
fn spawn_as<T: 'static>(
    process: Option<ProcessId>,
    kind: Kind,
    future: impl Future<Output = T> + 'static,
) -> JoinHandle<T> {
    let spawned_at = Location::caller();
    world::with(|world| {
        let process = process.unwrap_or_else(|| world.executor.current_process());
        let shared = Arc::new(Mutex::new(JoinState::default()));
        let future = Running {
            future: Some(Box::pin(future)),
            join: shared.clone(),
        };
        let handle = world
            .executor
            .spawn(world, process, kind, spawned_at, Box::new(future));
        JoinHandle {
            shared,
            abort: handle,
        }
    })
}

/// Runs `future` to completion, suspending the calling coroutine (and nothing else) while it
/// waits. Calls may nest.
///
/// # Panics
///
/// In a plain task and outside of tasks, where there is no stack to suspend; and while the thread
/// is panicking, where suspending would make every other task believe that it panics too: use
/// [`try_block_on`] in destructors.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match try_block_on(future) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

/// Why a call could not block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The caller has no stack of its own.
    #[error(
        "a blocking call waits outside of a coroutine: start this task with \
         `whitewater_sim::task::spawn_coroutine`, or await the future instead"
    )]
    NotACoroutine,
    /// The thread is panicking.
    #[error(
        "a blocking call waits while its task panics: a simulated task must not block then, \
         since the thread's other tasks would believe that they panic too"
    )]
    Panicking,
}

/// As [`block_on`], but says so where it would have to wait and can't. A future that is ready at
/// its first poll succeeds anywhere.
pub fn try_block_on<F: Future>(future: F) -> Result<F::Output, BlockError> {
    let mut future = pin!(future);
    let waker = world::try_with(|world| world.executor.current_waker()).flatten();
    let waker = waker.unwrap_or_else(|| Waker::noop().clone());
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        if !coroutine::is_running() {
            return Err(BlockError::NotACoroutine);
        }
        if std::thread::panicking() {
            return Err(BlockError::Panicking);
        }
        coroutine::suspend();
    }
}

/// Whether the caller may call [`block_on`] and wait.
pub fn may_block() -> bool {
    coroutine::is_running() && !std::thread::panicking()
}

/// Lets every other ready task have a chance to run first.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The task that calls.
///
/// # Panics
///
/// Outside of a task.
#[track_caller]
pub fn current_id() -> TaskId {
    try_current_id().expect("not called from a task of a simulated world")
}

/// The task that calls, where one does.
pub fn try_current_id() -> Option<TaskId> {
    world::try_with(|world| world.executor.current_task()).flatten()
}

/// Values that belong to one task, by type. What a thread-local would hold in a program with
/// one thread per task; a thread-local itself is shared by every task of the world.
pub(crate) type Storage = BTreeMap<TypeId, Rc<dyn Any>>;

/// The current task's own value of type `T`, made at the first call. It dies with the task.
///
/// # Panics
///
/// Outside of a task.
#[track_caller]
pub fn local<T: Default + 'static>() -> Rc<T> {
    world::with(|world| world.executor.task_local::<T>())
        .expect("not called from a task of a simulated world")
}

/// A task's future, its output type erased.
pub(crate) trait ErasedFuture {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

pub(crate) type TaskFuture = Box<dyn ErasedFuture>;

struct Running<F: Future> {
    /// `None` once it is done.
    future: Option<Pin<Box<F>>>,
    join: Arc<Mutex<JoinState<F::Output>>>,
}

impl<F: Future> ErasedFuture for Running<F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(());
        };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(Failure::panicked(payload)),
        };
        // The future's own destructors run before anyone hears of its end. One that panics does
        // not change the result; the panic hook has reported it.
        let future = self.future.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
        complete(&self.join, result);
        Poll::Ready(())
    }
}

impl<F: Future> Drop for Running<F> {
    fn drop(&mut self) {
        if self.future.is_some() {
            let future = self.future.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
            complete(&self.join, Err(Failure::Cancelled));
        }
    }
}

/// What a panic said, where it said it in words.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a payload that is not text".to_owned()
    }
}

enum Failure {
    Cancelled,
    /// The mutex makes it `Sync`, as an error has to be.
    Panicked {
        message: String,
        payload: Mutex<Box<dyn Any + Send>>,
    },
}

impl Failure {
    fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self::Panicked {
            message: panic_message(payload.as_ref()),
            payload: Mutex::new(payload),
        }
    }
}

struct JoinState<T> {
    result: Option<Result<T, Failure>>,
    finished: bool,
    waiting: Option<Waker>,
}

impl<T> Default for JoinState<T> {
    fn default() -> Self {
        Self {
            result: None,
            finished: false,
            waiting: None,
        }
    }
}

/// The lock is held for moves of plain data only, so nothing can panic while holding it.
fn lock<T>(join: &Mutex<JoinState<T>>) -> std::sync::MutexGuard<'_, JoinState<T>> {
    join.lock().unwrap_or_else(PoisonError::into_inner)
}

fn complete<T>(join: &Mutex<JoinState<T>>, result: Result<T, Failure>) {
    let waiting = {
        let mut state = lock(join);
        state.result = Some(result);
        state.finished = true;
        state.waiting.take()
    };
    if let Some(waker) = waiting {
        waker.wake();
    }
}

/// Awaits a task's end. Dropping it leaves the task running.
pub struct JoinHandle<T> {
    shared: Arc<Mutex<JoinState<T>>>,
    abort: AbortHandle,
}

impl<T> JoinHandle<T> {
    /// Asks the task to end. It does at its next turn, unless it has finished; code that blocks
    /// goes on until its poll returns. Awaiting the handle then gives a cancelled error.
    pub fn abort(&self) {
        self.abort.abort();
    }

    /// Whether the task has ended and dropped everything it held.
    pub fn is_finished(&self) -> bool {
        lock(&self.shared).finished
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.abort.id
    }

    /// A handle that can abort the task and nothing else.
    pub fn abort_handle(&self) -> AbortHandle {
        self.abort.clone()
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JoinHandle")
            .field("id", &self.abort.id)
            .finish_non_exhaustive()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    ///
    /// Where the result was taken by an earlier poll.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.abort.id;
        let mut state = lock(&self.shared);
        if let Some(result) = state.result.take() {
            return Poll::Ready(result.map_err(|failure| JoinError { id, failure }));
        }
        assert!(!state.finished, "JoinHandle polled after completion");
        let previous = state.waiting.replace(context.waker().clone());
        drop(state);
        drop(previous);
        Poll::Pending
    }
}

/// Can abort one task.
#[derive(Debug, Clone)]
pub struct AbortHandle {
    pub(crate) id: TaskId,
    pub(crate) slot: u32,
    pub(crate) world: u64,
}

impl AbortHandle {
    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        world::try_with(|world| {
            if world.id == self.world {
                world.executor.abort(self.slot, self.id);
            }
        });
    }

    /// Whether the task has ended, or its process has.
    pub fn is_finished(&self) -> bool {
        world::try_with(|world| {
            world.id != self.world || !world.executor.is_alive(self.slot, self.id)
        })
        .unwrap_or(true)
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }
}

/// A task ended without a result.
pub struct JoinError {
    id: TaskId,
    failure: Failure,
}

impl JoinError {
    /// Whether it was aborted.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.failure, Failure::Cancelled)
    }

    /// Whether it panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.failure, Failure::Panicked { .. })
    }

    /// The panic's payload.
    ///
    /// # Panics
    ///
    /// Where the task was aborted.
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("{error}: there is no panic to take"),
        }
    }

    /// The panic's payload, or the error itself where the task was aborted.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.failure {
            Failure::Panicked { payload, .. } => {
                Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            Failure::Cancelled => Err(self),
        }
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JoinError({self})")
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            Failure::Cancelled => write!(formatter, "task {} was cancelled", self.id),
            Failure::Panicked { message, .. } => {
                write!(formatter, "task {} panicked: {message}", self.id)
            }
        }
    }
}

impl std::error::Error for JoinError {}

impl JoinError {
    /// What the panic said; `None` where the task was aborted.
    pub fn panic_message(&self) -> Option<&str> {
        match &self.failure {
            Failure::Panicked { message, .. } => Some(message),
            Failure::Cancelled => None,
        }
    }
}

impl<T> JoinHandle<T> {
    /// The result, where there is one and nobody took it.
    pub(crate) fn take(&self) -> Option<Result<T, JoinError>> {
        let result = lock(&self.shared).result.take()?;
        let id = self.abort.id;
        Some(result.map_err(|failure| JoinError { id, failure }))
    }
}
