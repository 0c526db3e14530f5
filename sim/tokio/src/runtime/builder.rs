//! Builds runtimes.

use std::fmt;
use std::io;
use std::time::Duration;

use super::local_runtime::{LocalOptions, LocalRuntime};
use super::shared::Settings;
use super::{Handle, Runtime, RuntimeFlavor};

/// Workers that a runtime reports where nothing else was said.
const WORKER_THREADS_DEFAULT: usize = 4;

/// tokio's default size of the blocking pool.
const BLOCKING_THREADS_DEFAULT: usize = 512;

/// Builds a [`Runtime`].
///
/// Options that tune threads and queues are accepted and have no effect: the simulated world has
/// one thread, and its seed decides the order of tasks. What has an effect: the flavour,
/// `max_blocking_threads`, `enable_time`, `enable_io`, `enable_all`, and, in what is reported,
/// `worker_threads` and `name`.
#[derive(Clone)]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    fn new(flavor: RuntimeFlavor, worker_threads: usize) -> Self {
        Self {
            settings: Settings {
                flavor,
                name: None,
                worker_threads,
                max_blocking_threads: BLOCKING_THREADS_DEFAULT,
                time: false,
                io: false,
            },
        }
    }

    /// Builds a current-thread runtime.
    pub fn new_current_thread() -> Self {
        Self::new(RuntimeFlavor::CurrentThread, 1)
    }

    /// Builds a multi-thread runtime.
    pub fn new_multi_thread() -> Self {
        Self::new(RuntimeFlavor::MultiThread, WORKER_THREADS_DEFAULT)
    }

    /// Enables time and I/O.
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io().enable_time()
    }

    /// Enables sockets and signals, which panic in a runtime without.
    pub fn enable_io(&mut self) -> &mut Self {
        self.settings.io = true;
        self
    }

    /// Enables timers, which panic in a runtime without.
    pub fn enable_time(&mut self) -> &mut Self {
        self.settings.time = true;
        self
    }

    /// How many workers the runtime reports.
    ///
    /// # Panics
    /// If zero.
    #[track_caller]
    pub fn worker_threads(&mut self, val: usize) -> &mut Self {
        assert!(val > 0, "Worker threads cannot be set to 0");
        if self.settings.flavor == RuntimeFlavor::MultiThread {
            self.settings.worker_threads = val;
        }
        self
    }

    /// How many closures of `spawn_blocking` run at once; more wait.
    ///
    /// # Panics
    /// If zero.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, val: usize) -> &mut Self {
        assert!(val > 0, "Max blocking threads cannot be set to 0");
        self.settings.max_blocking_threads = val;
        self
    }

    /// The name that the runtime reports.
    pub fn name(&mut self, val: impl Into<String>) -> &mut Self {
        self.settings.name = Some(val.into());
        self
    }

    /// No effect: there are no threads.
    pub fn thread_name(&mut self, _val: impl Into<String>) -> &mut Self {
        self
    }

    /// No effect: there are no threads.
    pub fn thread_name_fn<F>(&mut self, _f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self
    }

    /// No effect: a simulated task's stack is as large as a main thread's.
    pub fn thread_stack_size(&mut self, _val: usize) -> &mut Self {
        self
    }

    /// No effect: no thread starts.
    pub fn on_thread_start<F>(&mut self, _f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self
    }

    /// No effect: no thread stops.
    pub fn on_thread_stop<F>(&mut self, _f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self
    }

    /// No effect: no thread parks.
    pub fn on_thread_park<F>(&mut self, _f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self
    }

    /// No effect: no thread parks.
    pub fn on_thread_unpark<F>(&mut self, _f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self
    }

    /// No effect: idle threads cost nothing here.
    pub fn thread_keep_alive(&mut self, _duration: Duration) -> &mut Self {
        self
    }

    /// No effect: the seed decides the order of tasks.
    ///
    /// # Panics
    /// If zero.
    #[track_caller]
    pub fn global_queue_interval(&mut self, val: u32) -> &mut Self {
        assert!(val > 0, "global_queue_interval must be greater than 0");
        self
    }

    /// No effect: the seed decides the order of tasks and events.
    ///
    /// # Panics
    /// If zero.
    #[track_caller]
    pub fn event_interval(&mut self, val: u32) -> &mut Self {
        assert!(val > 0, "event_interval must be greater than 0");
        self
    }

    /// No effect: the network delivers what is due.
    pub fn max_io_events_per_tick(&mut self, _capacity: usize) -> &mut Self {
        self
    }

    /// Builds the runtime.
    ///
    /// # Errors
    /// None here; tokio's fails where the system has no descriptors left.
    pub fn build(&mut self) -> io::Result<Runtime> {
        Ok(Runtime::from_handle(self.build_handle()))
    }

    /// A runtime that nobody drops.
    pub(crate) fn build_handle(&mut self) -> Handle {
        Handle::new(self.settings.clone())
    }

    /// Builds a runtime for tasks that are not `Send`.
    ///
    /// # Errors
    /// None here.
    ///
    /// # Panics
    /// If this is a multi-thread builder.
    #[track_caller]
    pub fn build_local(&mut self, _options: LocalOptions) -> io::Result<LocalRuntime> {
        assert!(
            self.settings.flavor == RuntimeFlavor::CurrentThread,
            "multi_thread is not supported for LocalRuntime"
        );
        Ok(LocalRuntime::from_runtime(self.build()?))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .finish()
    }
}
