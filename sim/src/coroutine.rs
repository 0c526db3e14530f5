//! Stacks of their own for tasks whose code may block.
//!
//! A worker is a coroutine that polls one future after another. While the polls return, one worker
//! serves every task; when code inside a poll blocks, the worker stays with its task until the
//! poll returns, and the pool makes another.
#![expect(
    unsafe_code,
    reason = "reaches the yielder of the running coroutine from code below it on its stack"
)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::task::{Context, Poll, Waker};

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::task::TaskFuture;

/// As large as the main thread's stack on Linux, so that nothing overflows here that fits there.
/// Memory is only used where it is touched.
const STACK_BYTES: usize = 8 << 20;

pub(crate) enum Resume {
    /// Poll a future.
    Poll(TaskFuture, Waker),
    /// Drop a future; its destructors may block.
    Drop(TaskFuture),
    /// Go on where the poll blocked.
    Continue,
    /// Let the worker end.
    Finish,
}

pub(crate) enum Suspend {
    /// The poll returned `Pending`.
    Pending(TaskFuture),
    /// The future is done, or dropped.
    Done,
    /// Code inside the poll blocks.
    Blocked,
}

type WorkerYielder = Yielder<Resume, Suspend>;

thread_local! {
    /// The yielder of the coroutine that runs now; null while none does.
    static RUNNING: Cell<*const WorkerYielder> = const { Cell::new(ptr::null()) };
}

/// A coroutine that polls futures.
pub(crate) struct Worker {
    coroutine: Coroutine<Resume, Suspend, ()>,
}

impl Worker {
    fn new() -> Self {
        let stack = DefaultStack::new(STACK_BYTES)
            .expect("no address space left for another coroutine's stack");
        avoid_huge_pages(&stack);
        Self {
            coroutine: Coroutine::with_stack(stack, serve),
        }
    }

    /// Runs the worker until its poll returns or blocks. A worker that said `Blocked` takes
    /// nothing but `Continue`.
    pub(crate) fn resume(&mut self, input: Resume) -> Suspend {
        let result = self.coroutine.resume(input);
        RUNNING.set(ptr::null());
        match result {
            CoroutineResult::Yield(suspend) => suspend,
            CoroutineResult::Return(()) => Suspend::Done,
        }
    }
}

fn serve(yielder: &WorkerYielder, mut input: Resume) {
    loop {
        RUNNING.set(yielder);
        let output = match input {
            Resume::Poll(future, waker) => poll(future, &waker),
            Resume::Drop(future) => {
                drop_future(future);
                Suspend::Done
            }
            Resume::Continue => Suspend::Done,
            Resume::Finish => return,
        };
        input = yielder.suspend(output);
    }
}

/// Polls a task's future. Panics of the task itself are caught inside it; one that still gets here
/// came from a destructor, and ends the task.
pub(crate) fn poll(mut future: TaskFuture, waker: &Waker) -> Suspend {
    let mut context = Context::from_waker(waker);
    let polled = catch_unwind(AssertUnwindSafe(|| future.poll(&mut context)));
    match polled {
        Ok(Poll::Pending) => Suspend::Pending(future),
        Ok(Poll::Ready(())) | Err(_) => {
            drop_future(future);
            Suspend::Done
        }
    }
}

/// Drops a task's future; a panic of its destructors has been reported by the panic hook.
pub(crate) fn drop_future(future: TaskFuture) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
}

/// Whether the calling code runs in a coroutine, so may suspend.
pub(crate) fn is_running() -> bool {
    !RUNNING.get().is_null()
}

/// Suspends the running coroutine until its task is woken.
///
/// # Panics
///
/// Where none runs.
pub(crate) fn suspend() {
    let running = RUNNING.get();
    assert!(!running.is_null(), "no coroutine is running");
    // SAFETY: `serve` stores the address of its yielder, which lives on the coroutine's stack as
    // long as the coroutine does; `resume` clears it whenever control leaves the coroutine. So it
    // is the yielder of the coroutine on whose stack this function runs.
    let yielder = unsafe { &*running };
    yielder.suspend(Suspend::Blocked);
    RUNNING.set(running);
}

/// A stack would otherwise cost 2 MiB as soon as it is touched, where the system makes huge pages
/// of any mapping.
fn avoid_huge_pages(stack: &DefaultStack) {
    let (limit, base) = (stack.limit().get(), stack.base().get());
    // SAFETY: the range is the mapping that `stack` owns; the advice changes none of its contents.
    // A refusal is harmless.
    unsafe {
        libc::madvise(
            ptr::with_exposed_provenance_mut(limit),
            base - limit,
            libc::MADV_NOHUGEPAGE,
        );
    }
}

/// Workers that serve no task at the moment.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Vec<Worker>,
}

/// More idle workers than this are ended, and their stacks given back.
const IDLE_MAX: usize = 64;

impl Pool {
    pub(crate) fn take(&mut self) -> Worker {
        self.idle.pop().unwrap_or_else(Worker::new)
    }

    pub(crate) fn put(&mut self, mut worker: Worker) {
        if self.idle.len() < IDLE_MAX {
            self.idle.push(worker);
        } else {
            worker.resume(Resume::Finish);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for worker in &mut self.idle {
            worker.resume(Resume::Finish);
        }
    }
}
