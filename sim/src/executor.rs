//! The single-threaded executor: which task runs next is the seed's choice.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use crate::coroutine::{self, Pool, Resume, Suspend, Worker};
use crate::process::{HARNESS, ProcessId};
use crate::random::Stream;
use crate::task::{AbortHandle, Storage, TaskFuture, TaskId};
use crate::timer::Action;
use crate::waker::TaskWaker;
use crate::world::{StuckTask, World, WorldError};

/// Simulated time that one poll takes. Loops that never sleep make progress towards their
/// deadlines, and no two polls happen at the same time.
pub(crate) const POLL_NS: u64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Coroutine,
}

enum State {
    /// Between polls.
    Idle(TaskFuture),
    /// Inside a poll, blocked, on the worker's stack.
    Blocked(Worker),
    /// Being polled now.
    Running,
}

struct Task {
    process: ProcessId,
    kind: Kind,
    state: State,
    shared: Arc<TaskWaker>,
    waker: Waker,
    spawned_at: &'static Location<'static>,
    abort: bool,
    /// Code in the current poll blocked, so wake-ups meant for the future itself may have been
    /// used up by the blocked code.
    blocked_in_poll: bool,
    locals: Storage,
}

/// The task that runs now.
#[derive(Clone, Copy)]
struct Current {
    id: TaskId,
    slot: u32,
    process: ProcessId,
}

#[derive(Default)]
pub(crate) struct Executor {
    slots: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<u32>>,
    ready: RefCell<Vec<(u32, TaskId)>>,
    pool: RefCell<Pool>,
    last_id: Cell<u64>,
    current: Cell<Option<Current>>,
    polls: Cell<u64>,
}

/// What to do with the task whose turn it is.
enum Turn {
    Poll(TaskFuture, Kind),
    Drop(TaskFuture, Kind),
    Continue(Worker),
}

impl Executor {
    pub(crate) fn polls(&self) -> u64 {
        self.polls.get()
    }

    /// The process of the running task; outside of any task the world acts for the harness.
    pub(crate) fn current_process(&self) -> ProcessId {
        self.current
            .get()
            .map_or(HARNESS, |current| current.process)
    }

    pub(crate) fn current_task(&self) -> Option<TaskId> {
        self.current.get().map(|current| current.id)
    }

    pub(crate) fn current_waker(&self) -> Option<Waker> {
        let current = self.current.get()?;
        self.task(current.slot, current.id, |task| task.waker.clone())
    }

    pub(crate) fn task_local<T: Default + 'static>(&self) -> Option<Rc<T>> {
        let current = self.current.get()?;
        let key = TypeId::of::<T>();
        let known = self.task(current.slot, current.id, |task| {
            task.locals.get(&key).cloned()
        })?;
        let value = known.unwrap_or_else(|| {
            let made: Rc<dyn std::any::Any> = Rc::new(T::default());
            self.task(current.slot, current.id, |task| {
                task.locals.insert(key, made.clone());
            });
            made
        });
        Some(value.downcast().expect("stored under its own type"))
    }

    /// `read` of a task that is alive.
    fn task<R>(&self, slot: u32, id: TaskId, read: impl FnOnce(&mut Task) -> R) -> Option<R> {
        let mut slots = self.slots.borrow_mut();
        let task = slots.get_mut(slot as usize)?.as_mut()?;
        (task.shared.id == id).then(|| read(task))
    }

    pub(crate) fn is_alive(&self, slot: u32, id: TaskId) -> bool {
        self.task(slot, id, |_| ()).is_some()
    }

    pub(crate) fn spawn(
        &self,
        world: &World,
        process: ProcessId,
        kind: Kind,
        spawned_at: &'static Location<'static>,
        future: TaskFuture,
    ) -> AbortHandle {
        let id = TaskId(self.last_id.get() + 1);
        self.last_id.set(id.0);
        let mut slots = self.slots.borrow_mut();
        if !world.processes.borrow().get(process).is_running() {
            // Code of a process that was killed while it ran: nothing of it happens any more.
            std::mem::forget(future);
            return AbortHandle {
                id,
                slot: u32::MAX,
                world: world.id,
            };
        }
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(None);
            u32::try_from(slots.len() - 1).expect("fewer than 2^32 tasks fit into memory")
        });
        let shared = Arc::new(TaskWaker::new(id, slot, world.id));
        slots[slot as usize] = Some(Task {
            process,
            kind,
            state: State::Idle(future),
            waker: shared.clone().into(),
            shared: shared.clone(),
            spawned_at,
            abort: false,
            blocked_in_poll: false,
            locals: Storage::new(),
        });
        drop(slots);
        self.schedule(&shared);
        AbortHandle {
            id,
            slot,
            world: world.id,
        }
    }

    pub(crate) fn schedule(&self, waker: &TaskWaker) {
        if waker.enqueue() {
            self.ready.borrow_mut().push((waker.slot, waker.id));
        }
    }

    pub(crate) fn abort(&self, slot: u32, id: TaskId) {
        let shared = self.task(slot, id, |task| {
            task.abort = true;
            task.shared.clone()
        });
        if let Some(shared) = shared {
            self.schedule(&shared);
        }
    }

    /// Puts tasks that were held back into the ready list again.
    pub(crate) fn release(&self, held: Vec<(u32, TaskId)>) {
        self.ready.borrow_mut().extend(held);
    }

    /// Runs tasks until `done` says so.
    pub(crate) fn run(&self, world: &World, done: impl Fn() -> bool) -> Result<(), WorldError> {
        while !done() {
            self.fire_timers(world);
            let Some((slot, id)) = self.pick(world) else {
                self.advance_to_next_timer(world)?;
                continue;
            };
            if self.polls.get() >= world.poll_budget {
                return Err(WorldError::PollBudgetExhausted {
                    polls: self.polls.get(),
                });
            }
            if self.take_turn(world, slot, id) {
                self.polls.set(self.polls.get() + 1);
                world.advance_ns(POLL_NS);
            }
        }
        Ok(())
    }

    /// One of the ready tasks, chosen by the seed.
    fn pick(&self, world: &World) -> Option<(u32, TaskId)> {
        let mut ready = self.ready.borrow_mut();
        let index = match ready.len() {
            0 => return None,
            1 => 0,
            n => world.random.borrow_mut().below(Stream::Scheduler, n as u64) as usize,
        };
        Some(ready.swap_remove(index))
    }

    fn fire_timers(&self, world: &World) {
        let now = world.now_ns();
        loop {
            let due = world.timers.borrow_mut().pop_due(now);
            match due {
                Some(Action::Wake(waker)) => waker.wake(),
                Some(Action::Call(call, argument)) => call(argument),
                None => return,
            }
        }
    }

    fn advance_to_next_timer(&self, world: &World) -> Result<(), WorldError> {
        let next = world.timers.borrow().next_at();
        match next {
            Some(at) => {
                world.advance_to_ns(at);
                Ok(())
            }
            None => Err(WorldError::Deadlock {
                tasks: self.stuck_tasks(world),
            }),
        }
    }

    /// Polls a task, or holds it back where its process is paused. False where nothing ran.
    fn take_turn(&self, world: &World, slot: u32, id: TaskId) -> bool {
        let Some((turn, waker, process)) = self.begin_turn(world, slot, id) else {
            return false;
        };
        self.current.set(Some(Current { id, slot, process }));
        let (suspend, worker) = match turn {
            Turn::Poll(future, Kind::Plain) => (coroutine::poll(future, &waker), None),
            Turn::Drop(future, Kind::Plain) => {
                coroutine::drop_future(future);
                (Suspend::Done, None)
            }
            Turn::Poll(future, Kind::Coroutine) => self.resume(None, Resume::Poll(future, waker)),
            Turn::Drop(future, Kind::Coroutine) => self.resume(None, Resume::Drop(future)),
            Turn::Continue(worker) => self.resume(Some(worker), Resume::Continue),
        };
        self.end_turn(world, slot, id, suspend, worker);
        self.current.set(None);
        true
    }

    fn begin_turn(&self, world: &World, slot: u32, id: TaskId) -> Option<(Turn, Waker, ProcessId)> {
        let mut slots = self.slots.borrow_mut();
        let task = slots[slot as usize]
            .as_mut()
            .filter(|task| task.shared.id == id)?;
        let mut processes = world.processes.borrow_mut();
        if processes.hold_if_paused(task.process, (slot, id)) {
            return None;
        }
        task.shared.dequeue();
        let turn = match std::mem::replace(&mut task.state, State::Running) {
            State::Idle(future) if task.abort => Turn::Drop(future, task.kind),
            State::Idle(future) => Turn::Poll(future, task.kind),
            State::Blocked(worker) => Turn::Continue(worker),
            State::Running => unreachable!("a task is polled by nobody but its turn"),
        };
        Some((turn, task.waker.clone(), task.process))
    }

    /// Runs a worker; gives it back where it still has the task on its stack.
    fn resume(&self, worker: Option<Worker>, input: Resume) -> (Suspend, Option<Worker>) {
        let mut worker = worker.unwrap_or_else(|| self.pool.borrow_mut().take());
        let suspend = worker.resume(input);
        if matches!(suspend, Suspend::Blocked) {
            return (suspend, Some(worker));
        }
        self.pool.borrow_mut().put(worker);
        (suspend, None)
    }

    fn end_turn(
        &self,
        world: &World,
        slot: u32,
        id: TaskId,
        suspend: Suspend,
        worker: Option<Worker>,
    ) {
        let mut slots = self.slots.borrow_mut();
        let alive = slots[slot as usize]
            .as_mut()
            .filter(|task| task.shared.id == id);
        let Some(task) = alive else {
            // Killed while it ran: what is left of it is leaked, as SIGKILL runs no destructor.
            std::mem::forget((suspend, worker));
            return;
        };
        match (suspend, worker) {
            (Suspend::Blocked, Some(worker)) => {
                task.state = State::Blocked(worker);
                task.blocked_in_poll = true;
            }
            (Suspend::Pending(future), _) => {
                task.state = State::Idle(future);
                if std::mem::take(&mut task.blocked_in_poll) || task.abort {
                    self.schedule(&task.shared);
                }
            }
            (Suspend::Done | Suspend::Blocked, _) => {
                let process = task.process;
                let finished = slots[slot as usize].take();
                self.free.borrow_mut().push(slot);
                drop(slots);
                drop(finished);
                crate::process::task_finished(world, process, id);
            }
        }
    }

    /// Removes every task of a process that has ended, and leaks it.
    pub(crate) fn kill(&self, process: ProcessId) {
        let mut slots = self.slots.borrow_mut();
        let mut free = self.free.borrow_mut();
        for (slot, entry) in (0_u32..).zip(slots.iter_mut()) {
            if entry.as_ref().is_some_and(|task| task.process == process) {
                std::mem::forget(entry.take());
                free.push(slot);
            }
        }
    }

    /// Every task that is left, for the report of a world that can't go on.
    fn stuck_tasks(&self, world: &World) -> Vec<StuckTask> {
        let slots = self.slots.borrow();
        let processes = world.processes.borrow();
        let mut stuck: Vec<StuckTask> = slots
            .iter()
            .flatten()
            .map(|task| StuckTask {
                task: task.shared.id,
                process: processes.get(task.process).name.to_string(),
                spawned_at: task.spawned_at.to_string(),
                blocked: matches!(task.state, State::Blocked(_)),
                paused: processes.get(task.process).is_paused(),
            })
            .collect();
        stuck.sort_by_key(|stuck| stuck.task);
        stuck
    }

    /// Leaks every task: when a world ends, its processes end as if killed.
    pub(crate) fn leak(&self) {
        for task in self.slots.take() {
            std::mem::forget(task);
        }
        self.ready.take();
    }
}
