//! Wakers of the world's tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread::ThreadId;

use crate::task::TaskId;
use crate::world;

/// Wakes one task. Outlives it freely: once the task is gone (finished, aborted, its process
/// killed), waking it does nothing.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    pub(crate) id: TaskId,
    pub(crate) slot: u32,
    /// In the ready list already, so a second wake-up changes nothing.
    pub(crate) queued: AtomicBool,
    world: u64,
    thread: ThreadId,
}

impl TaskWaker {
    pub(crate) fn new(id: TaskId, slot: u32, world: u64) -> Self {
        Self {
            id,
            slot,
            queued: AtomicBool::new(false),
            world,
            thread: std::thread::current().id(),
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = world::try_with(|world| {
            let same = world.id == self.world;
            if same {
                world.executor.schedule(self);
            }
            same
        });
        // Where the world is over the wake-up is late and harmless. From another thread it would
        // arrive at a moment that no seed decides.
        assert!(
            here == Some(true) || std::thread::current().id() == self.thread,
            "{:?} of a simulated world was woken from another thread: \
             the moment of such a wake-up is not a function of the seed",
            self.id,
        );
    }
}

impl TaskWaker {
    /// Marks the task as ready; false where it was already.
    pub(crate) fn enqueue(&self) -> bool {
        !self.queued.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn dequeue(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }
}
