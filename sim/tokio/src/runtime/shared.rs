//! What a runtime shares with its handles and its tasks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use real_tokio::sync::Semaphore;

use super::RuntimeFlavor;
use crate::task::{Control, Id as TaskId};

thread_local! {
    static NEXT_ID: Cell<NonZeroU64> = const { Cell::new(NonZeroU64::MIN) };
}

/// Identifies a runtime among those that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(NonZeroU64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a builder chose.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) flavor: RuntimeFlavor,
    pub(crate) name: Option<String>,
    pub(crate) worker_threads: usize,
    pub(crate) max_blocking_threads: usize,
    pub(crate) time: bool,
    pub(crate) io: bool,
}

/// A runtime's state.
pub(crate) struct Shared {
    pub(crate) id: Id,
    pub(crate) settings: Settings,
    /// The blocking pool's threads.
    pub(crate) blocking: Arc<Semaphore>,
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    alive: BTreeMap<TaskId, Arc<Control>>,
    shut_down: bool,
    /// Wakes whoever waits for the last task.
    idle: Option<Waker>,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let id = NEXT_ID.get();
        NEXT_ID.set(id.saturating_add(1));
        Arc::new(Self {
            id: Id(id),
            blocking: Arc::new(Semaphore::new(settings.max_blocking_threads)),
            settings,
            tasks: Mutex::default(),
        })
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a task as alive; `None` once the runtime has been shut down.
    pub(crate) fn register(self: &Arc<Self>, control: &Arc<Control>) -> Option<Registration> {
        let mut tasks = self.tasks();
        if tasks.shut_down {
            return None;
        }
        tasks.alive.insert(control.id(), control.clone());
        Some(Registration {
            shared: self.clone(),
            id: control.id(),
        })
    }

    pub(crate) fn alive(&self) -> usize {
        self.tasks().alive.len()
    }

    /// Refuses new tasks and aborts those there are.
    pub(crate) fn shut_down(&self) {
        let controls: Vec<Arc<Control>> = {
            let mut tasks = self.tasks();
            tasks.shut_down = true;
            tasks.alive.values().cloned().collect()
        };
        for control in controls {
            control.abort();
        }
    }

    /// Ready once no task is alive.
    pub(crate) fn idle(&self) -> impl Future<Output = ()> {
        poll_fn(|cx| {
            let mut tasks = self.tasks();
            if tasks.alive.is_empty() {
                return Poll::Ready(());
            }
            tasks.idle = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// Keeps a task counted as alive.
pub(crate) struct Registration {
    shared: Arc<Shared>,
    id: TaskId,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let (_control, idle) = {
            let mut tasks = self.shared.tasks();
            let control = tasks.alive.remove(&self.id);
            let idle = tasks.alive.is_empty().then(|| tasks.idle.take()).flatten();
            (control, idle)
        };
        if let Some(idle) = idle {
            idle.wake();
        }
    }
}
