//! Faults that wait for a process to reach a probe, and hit it right there.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::{task, time, world};

/// Who waits for what, in the order in which they began to.
#[derive(Default)]
struct Waiting(RefCell<Vec<Rc<Wait>>>);

struct Wait {
    probe: String,
    /// Whose probe; none for anybody's.
    process: Option<ProcessId>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    reached_by: Option<ProcessId>,
    waker: Option<Waker>,
}

/// Waits until a process reaches a probe: `process`, or any. What the caller does before its next
/// await happens at the probe: the process goes on only after it. False where nobody has reached it
/// at `until`.
pub(super) async fn reached(probe: &str, process: Option<ProcessId>, until: Duration) -> bool {
    let wait = Rc::new(Wait {
        probe: probe.to_owned(),
        process,
        state: RefCell::default(),
    });
    let waiting = world::extension::<Waiting>();
    waiting.0.borrow_mut().push(wait.clone());
    let reached = std::future::poll_fn(|context| {
        let mut state = wait.state.borrow_mut();
        match state.reached_by {
            Some(process) => Poll::Ready(process),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    });
    let left = until.saturating_sub(time::now());
    let reached = time::timeout(left, reached).await;
    waiting
        .0
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, &wait));
    if let Ok(process) = reached {
        process::resume(process);
    }
    reached.is_ok()
}

/// The current process has reached a probe: where somebody waits for that, it stands still until
/// they have done what they want to.
pub(super) fn tell(probe: &str) {
    let waiting = world::extension::<Waiting>();
    let process = process::current();
    let found = {
        let mut waiting = waiting.0.borrow_mut();
        let index = waiting.iter().position(|wait| {
            wait.probe == probe && wait.process.is_none_or(|wanted| wanted == process)
        });
        index.map(|index| waiting.remove(index))
    };
    let Some(wait) = found else { return };
    if process != process::HARNESS && task::may_block() {
        process::pause(process);
    }
    let waker = {
        let mut state = wait.state.borrow_mut();
        state.reached_by = Some(process);
        state.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
    if task::may_block() {
        task::block_on(task::yield_now());
    }
}
