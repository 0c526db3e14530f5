//! What a contended lock of the standard library waits on, simulated.
//!
//! `std`'s locks, condition variables, `park` and channels wait in the kernel's futex call. On the
//! world's one thread that would be for ever: the owner of the lock is a suspended coroutine. So
//! a wait suspends the waiting coroutine, and shows in a deadlock's report.
#![cfg_attr(
    not(any(test, madsim)),
    expect(dead_code, reason = "only an interposed system call gets here")
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::process::{self, ProcessId};
use crate::task::{BlockError, try_block_on};
use crate::time::Sleep;
use crate::{time, world};

struct Waiter {
    process: ProcessId,
    incarnation: u64,
    woken: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Waiter {
    /// Waiters of killed processes stay in the queue; a wake-up must not end with them.
    fn is_alive(&self) -> bool {
        process::is_running(self.process) && process::incarnation(self.process) == self.incarnation
    }
}

/// The waiters of each address, first come first served. Addresses differ between runs; nothing
/// depends on their order.
#[derive(Default)]
struct Futexes {
    queues: RefCell<BTreeMap<usize, VecDeque<Rc<Waiter>>>>,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    Woken,
    TimedOut,
}

/// Suspends the calling coroutine until `address` is woken, or monotonic time `until_ns`.
///
/// # Errors
///
/// Where the caller can't block.
pub(crate) fn wait(address: usize, until_ns: Option<u64>) -> Result<Waited, BlockError> {
    let process = process::current();
    let waiter = Rc::new(Waiter {
        process,
        incarnation: process::incarnation(process),
        woken: Cell::new(false),
        waker: RefCell::new(None),
    });
    let futexes = world::extension::<Futexes>();
    let mut queues = futexes.queues.borrow_mut();
    queues.entry(address).or_default().push_back(waiter.clone());
    drop(queues);
    let mut timer = until_ns.map(|at| time::sleep_until(std::time::Duration::from_nanos(at)));
    let waited = try_block_on(poll_fn(|context| {
        if waiter.woken.get() {
            return Poll::Ready(Waited::Woken);
        }
        *waiter.waker.borrow_mut() = Some(context.waker().clone());
        let timer: Option<&mut Sleep> = timer.as_mut();
        match timer.map(|timer| pin!(timer).poll(context)) {
            Some(Poll::Ready(())) => Poll::Ready(Waited::TimedOut),
            _ => Poll::Pending,
        }
    }));
    if waited != Ok(Waited::Woken) {
        let mut queues = futexes.queues.borrow_mut();
        if let Some(queue) = queues.get_mut(&address) {
            queue.retain(|other| !Rc::ptr_eq(other, &waiter));
        }
    }
    waited
}

/// Wakes up to `count` waiters of `address`; how many there were.
pub(crate) fn wake(address: usize, count: usize) -> usize {
    let futexes = world::extension::<Futexes>();
    let mut woken = 0;
    while woken < count {
        let mut queues = futexes.queues.borrow_mut();
        let Some(queue) = queues.get_mut(&address) else {
            break;
        };
        let Some(waiter) = queue.pop_front() else {
            queues.remove(&address);
            break;
        };
        drop(queues);
        if waiter.is_alive() {
            waiter.woken.set(true);
            woken += 1;
            let waker = waiter.waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
    woken
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::{WorldConfig, run};
    use crate::{host, task};

    fn in_world(test: impl Future<Output = ()> + 'static) {
        run(WorldConfig::default(), test).unwrap();
    }

    #[test]
    fn waiters_are_woken_in_order_and_counted() {
        in_world(async {
            let order = Rc::new(RefCell::new(Vec::new()));
            for n in 0..3_u64 {
                let order = order.clone();
                task::spawn_coroutine(async move {
                    task::block_on(time::sleep(Duration::from_millis(n)));
                    assert_eq!(wait(0x10, None), Ok(Waited::Woken));
                    order.borrow_mut().push(n);
                });
            }
            time::sleep(Duration::from_millis(10)).await;
            assert_eq!(wake(0x20, 1), 0);
            assert_eq!(wake(0x10, 2), 2);
            time::sleep(Duration::from_millis(1)).await;
            let mut first = order.take();
            first.sort_unstable();
            assert_eq!(first, [0, 1]);
            assert_eq!(wake(0x10, 5), 1);
        });
    }

    #[test]
    fn a_wait_times_out_and_leaves_the_queue() {
        in_world(async {
            let until = Some(5_000_000);
            let task = task::spawn_coroutine(async move { wait(0x10, until) });
            assert_eq!(task.await.unwrap(), Ok(Waited::TimedOut));
            assert!(time::now() >= Duration::from_millis(5));
            assert_eq!(wake(0x10, 1), 0);
        });
    }

    #[test]
    fn a_killed_waiter_takes_no_wake_up_away() {
        in_world(async {
            let worker = process::create_process(host::create_host("alpha"), "worker");
            process::start(worker, || async {
                let _ = wait(0x10, None);
            });
            time::sleep(Duration::from_millis(1)).await;
            let survivor = task::spawn_coroutine(async { wait(0x10, None) });
            time::sleep(Duration::from_millis(1)).await;
            process::kill(worker);
            assert_eq!(wake(0x10, 1), 1);
            assert_eq!(survivor.await.unwrap(), Ok(Waited::Woken));
        });
    }

    #[test]
    fn a_plain_task_cannot_wait() {
        in_world(async {
            assert_eq!(wait(0x10, None), Err(BlockError::NotACoroutine));
        });
    }
}
