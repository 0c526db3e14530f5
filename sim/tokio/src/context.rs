//! What tokio keeps in a thread-local for each thread, kept here for each simulated task: all
//! tasks share one thread, and one may be suspended in the middle of a poll.

use std::cell::RefCell;
use std::rc::Rc;

use crate::runtime::Handle;
use crate::task::Id;
use crate::task::local_set::LocalTasks;

/// tokio's own words for a call that needs a runtime and has none.
pub(crate) const CONTEXT_MISSING: &str =
    "there is no reactor running, must be called from the context of a Tokio 1.x runtime";

/// Whether the code that runs now may block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Regime {
    /// A process's main, or a task that is not tokio's.
    #[default]
    Outside,
    /// Polled by a runtime: blocking would hold up a worker.
    Async,
    /// Inside `spawn_blocking` or `block_in_place`.
    Blocking,
}

/// The tokio context of the code that runs now.
#[derive(Clone, Default)]
pub(crate) struct Context {
    pub(crate) runtime: Option<Handle>,
    pub(crate) task: Option<Id>,
    pub(crate) local_set: Option<Rc<LocalTasks>>,
    pub(crate) regime: Regime,
    /// Operations left before the task has to yield; `None` is unconstrained.
    pub(crate) budget: Option<u8>,
}

type Cell = Rc<RefCell<Context>>;

thread_local! {
    /// For code outside simulated tasks: destructors when a world ends.
    static OUTSIDE: Cell = Cell::default();
}

fn cell() -> Cell {
    if whitewater_sim::task::try_current_id().is_some() {
        whitewater_sim::task::local()
    } else {
        OUTSIDE.with(Rc::clone)
    }
}

/// A copy of the current context.
pub(crate) fn current() -> Context {
    read(Context::clone)
}

/// Reads the current context.
pub(crate) fn read<R>(f: impl FnOnce(&Context) -> R) -> R {
    f(&cell().borrow())
}

/// Replaces the budget of the current context and returns the old one.
pub(crate) fn replace_budget(budget: Option<u8>) -> Option<u8> {
    std::mem::replace(&mut cell().borrow_mut().budget, budget)
}

/// Makes `context` the current one until the returned scope is dropped.
pub(crate) fn enter(context: Context) -> Scope {
    let cell = cell();
    let outer = cell.replace(context);
    Scope {
        cell,
        outer: Some(outer),
    }
}

/// Puts the outer context back when dropped.
pub(crate) struct Scope {
    cell: Cell,
    outer: Option<Context>,
}

impl Drop for Scope {
    fn drop(&mut self) {
        // What was current may own a runtime, whose drop looks at the context: not while borrowed.
        let _inner = self.outer.take().map(|outer| self.cell.replace(outer));
    }
}
