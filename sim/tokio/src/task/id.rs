//! Task ids.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;

use crate::context;

thread_local! {
    // A simulated run has a thread of its own, so its ids start at one.
    static NEXT: Cell<NonZeroU64> = const { Cell::new(NonZeroU64::MIN) };
}

/// Identifies a task among those that have not completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(NonZeroU64);

impl Id {
    pub(crate) fn next() -> Self {
        let id = NEXT.get();
        NEXT.set(id.saturating_add(1));
        Self(id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of the task that runs now.
///
/// # Panics
/// Outside a task; `block_on` is not one.
#[track_caller]
pub fn id() -> Id {
    try_id().expect("Can't get a task id when not inside a task")
}

/// The id of the task that runs now, or `None` outside a task.
pub fn try_id() -> Option<Id> {
    context::read(|context| context.task)
}
