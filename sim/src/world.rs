//! A run of the simulated world: one seed, one history.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::executor::Executor;
use crate::host::Hosts;
use crate::network::Network;
use crate::process::{HARNESS, Processes};
use crate::random::Streams;
use crate::task::{self, TaskId};
use crate::timer::{Action, Timers};
use crate::trace::{self, Trace};

/// What a world starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldConfig {
    /// Decides everything that is not decided by the code that runs.
    pub seed: u64,
    /// Every host's wall clock at the start, in milliseconds since 1970.
    pub wall_ms_at_start: i64,
    /// The run ends with an error once tasks were polled so often. `u64::MAX` for no limit.
    pub poll_budget: u64,
}

impl Default for WorldConfig {
    /// Seed 1, 2026-01-01T00:00:00Z, no limit.
    fn default() -> Self {
        Self {
            seed: 1,
            wall_ms_at_start: 1_767_225_600_000,
            poll_budget: u64::MAX,
        }
    }
}

/// Why a world stopped before its main future was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// Nothing can happen any more.
    #[error("deadlock: no task is ready and no timer is set{}", list(tasks))]
    Deadlock {
        /// Every task that waits.
        tasks: Vec<StuckTask>,
    },
    /// The run took more polls than it was allowed: most likely something spins.
    #[error("the budget of {polls} polls is used up")]
    PollBudgetExhausted {
        /// How many polls were made.
        polls: u64,
    },
    /// The main future panicked.
    #[error("the harness panicked: {message}")]
    MainPanicked {
        /// What the panic said.
        message: String,
    },
}

/// A task that waits for something that will never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckTask {
    /// Which task.
    pub task: TaskId,
    /// The name of its process.
    pub process: String,
    /// Where it was spawned: `file:line:column`.
    pub spawned_at: String,
    /// It waits in a blocking call (or for a lock), not in an `await`.
    pub blocked: bool,
    /// Its process is paused.
    pub paused: bool,
}

fn list(tasks: &[StuckTask]) -> String {
    tasks.iter().map(|task| format!("\n  {task}")).collect()
}

impl fmt::Display for StuckTask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match (self.paused, self.blocked) {
            (true, _) => "is paused",
            (false, true) => "waits in a blocking call",
            (false, false) => "waits",
        };
        let Self {
            task,
            process,
            spawned_at,
            ..
        } = self;
        write!(
            formatter,
            "task {task} of {process} {how}, spawned at {spawned_at}"
        )
    }
}

pub(crate) struct World {
    pub(crate) id: u64,
    pub(crate) wall_ms_at_start: i64,
    pub(crate) poll_budget: u64,
    now_ns: Cell<u64>,
    pub(crate) executor: Executor,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) random: RefCell<Streams>,
    pub(crate) trace: RefCell<Trace>,
    pub(crate) hosts: RefCell<Hosts>,
    pub(crate) processes: RefCell<Processes>,
    pub(crate) network: RefCell<Network>,
    extensions: RefCell<BTreeMap<TypeId, Rc<dyn Any>>>,
}

impl World {
    fn new(config: WorldConfig) -> Self {
        // Tells the wakers of one world from those of another; no run can see it.
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            wall_ms_at_start: config.wall_ms_at_start,
            poll_budget: config.poll_budget,
            now_ns: Cell::new(0),
            executor: Executor::default(),
            timers: RefCell::default(),
            random: RefCell::new(Streams::new(config.seed)),
            trace: RefCell::new(Trace::new()),
            hosts: RefCell::new(Hosts::with_harness()),
            processes: RefCell::new(Processes::with_harness()),
            network: RefCell::default(),
            extensions: RefCell::default(),
        }
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    pub(crate) fn advance_ns(&self, by: u64) {
        self.now_ns.set(self.now_ns.get().saturating_add(by));
    }

    /// The world itself calls `call` with `argument` at `at`.
    pub(crate) fn set_call(&self, at: u64, call: fn(u64), argument: u64) {
        let mut timers = self.timers.borrow_mut();
        timers.insert(at, HARNESS, Action::Call(call, argument));
    }

    pub(crate) fn advance_to_ns(&self, at: u64) {
        self.now_ns.set(self.now_ns.get().max(at));
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// Does `act` with the current world. It must not suspend the calling coroutine.
#[track_caller]
pub(crate) fn with<R>(act: impl FnOnce(&World) -> R) -> R {
    match try_with(act) {
        Some(result) => result,
        None => panic!(
            "this needs a simulated world, and the thread has none: \
             run the code inside `whitewater_sim::world::run`"
        ),
    }
}

/// Does `act` with the current world, where there is one.
pub(crate) fn try_with<R>(act: impl FnOnce(&World) -> R) -> Option<R> {
    CURRENT
        .try_with(|current| current.borrow().as_deref().map(act))
        .ok()
        .flatten()
}

/// Whether the calling thread has a world.
pub fn in_world() -> bool {
    try_with(|_| ()).is_some()
}

/// How often tasks have been polled so far.
#[track_caller]
pub fn polls() -> u64 {
    with(|world| world.executor.polls())
}

/// The world's one value of type `T`, made at the first call: where parts of the simulator keep
/// their state.
#[track_caller]
pub fn extension<T: Default + 'static>() -> Rc<T> {
    let key = TypeId::of::<T>();
    let known = with(|world| world.extensions.borrow().get(&key).cloned());
    let value = known.unwrap_or_else(|| {
        let made: Rc<dyn Any> = Rc::new(T::default());
        with(|world| world.extensions.borrow_mut().insert(key, made.clone()));
        made
    });
    value.downcast().expect("stored under its own type")
}

/// Removes the world from the thread when a run ends, by a panic too.
struct Entered;

impl Entered {
    fn enter(world: &Rc<World>) -> Self {
        CURRENT.with(|current| {
            let mut current = current.borrow_mut();
            assert!(
                current.is_none(),
                "a simulated world runs on this thread already"
            );
            *current = Some(world.clone());
        });
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let world = CURRENT.with(|current| current.borrow_mut().take());
        if let Some(world) = world {
            world.executor.leak();
            std::mem::forget(world.timers.take());
        }
    }
}

/// Runs `main` as a plain task of the process "harness", which no fault hits, and returns when it
/// is done. What still runs then is leaked: no destructor of it runs.
///
/// # Panics
///
/// Where the thread has a world already.
pub fn run<T: 'static>(
    config: WorldConfig,
    main: impl Future<Output = T> + 'static,
) -> Result<T, WorldError> {
    report_panics();
    let world = Rc::new(World::new(config));
    let _entered = Entered::enter(&world);
    #[cfg(any(test, whitewater_sqlite))]
    crate::sqlite_vfs::register();
    debug_assert_eq!(world.executor.current_process(), HARNESS);
    let main = task::spawn(main);
    world.executor.run(&world, || main.is_finished())?;
    match main.take().expect("the executor ran until it was finished") {
        Ok(output) => Ok(output),
        Err(error) => Err(WorldError::MainPanicked {
            message: error
                .panic_message()
                .unwrap_or("its main task was aborted")
                .to_owned(),
        }),
    }
}

/// From now on a panic inside a world becomes an event of its trace, and one line on stderr. The
/// standard hook would open files to name the frames of a backtrace, which is an escape.
fn report_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let outside = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let inside = try_with(|world| {
                let message = task::panic_message(info.payload());
                let process = world.executor.current_process();
                let place =
                    |file: &str, at: &Location<'_>| format!("{file}:{}:{}", at.line(), at.column());
                let at = info.location();
                let whole = at.map(|at| place(at.file(), at)).unwrap_or_default();
                eprintln!("panicked at {whole}: {message}");
                let location = at
                    .map(|at| place(crate::source_location::portable(at.file()), at))
                    .unwrap_or_default();
                let fields = vec![("message", message.into()), ("location", location.into())];
                trace::record(world, process, "panic", fields);
            });
            if inside.is_none() {
                outside(info);
            }
        }));
    });
}
