//! Processes: what runs on a host, how it starts, ends and is hit.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::coroutine;
use crate::descriptor::{CloseReason, Descriptor, DescriptorId, DescriptorPeak};
pub use crate::host::host_name;
use crate::host::{HARNESS_HOST, HostId};
use crate::task::{self, JoinHandle, TaskId};
use crate::trace::{self, Value};
use crate::world::{self, World};

/// Identifies a process of the world. It stays the same when the process is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

/// The process in which the run's main future lives. No fault hits it.
pub const HARNESS: ProcessId = ProcessId(0);

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    /// Its main returned, or it exited with code 0.
    Ok,
    /// It exited with another code.
    Exited(i32),
    /// Its main panicked.
    Panicked(String),
    /// It was killed, by a fault or by a signal that it does not handle.
    Killed,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => formatter.write_str("ok"),
            Self::Exited(code) => write!(formatter, "exited with code {code}"),
            Self::Panicked(message) => write!(formatter, "panicked: {message}"),
            Self::Killed => formatter.write_str("killed"),
        }
    }
}

/// A signal that a process may handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// SIGINT, what Ctrl-C sends.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

#[derive(Default)]
struct SignalState {
    /// How often it arrived in this incarnation. `None`: nobody listens, so it kills.
    received: Option<u64>,
    waiting: Vec<Waker>,
}

pub(crate) struct Process {
    pub(crate) name: Arc<str>,
    pub(crate) host: HostId,
    pub(crate) ip: IpAddr,
    /// Counts the starts.
    pub(crate) incarnation: u64,
    pid: u32,
    running: bool,
    paused: bool,
    /// Tasks that became ready while the process was paused.
    held: Vec<(u32, TaskId)>,
    descriptors: BTreeMap<u64, Box<dyn Descriptor>>,
    last_descriptor: u64,
    /// Files open on the host's disk.
    files: usize,
    pub(crate) peaks: Vec<DescriptorPeak>,
    pub(crate) last_port: u16,
    main: Option<JoinHandle<()>>,
    status: Option<ExitStatus>,
    exit_waiting: Vec<Waker>,
    signals: BTreeMap<Signal, SignalState>,
}

impl Process {
    fn new(name: &str, host: HostId, ip: IpAddr) -> Self {
        Self {
            name: name.into(),
            host,
            ip,
            incarnation: 0,
            pid: 0,
            running: false,
            paused: false,
            held: Vec::new(),
            descriptors: BTreeMap::new(),
            last_descriptor: 0,
            files: 0,
            peaks: Vec::new(),
            last_port: 0,
            main: None,
            status: None,
            exit_waiting: Vec::new(),
            signals: BTreeMap::new(),
        }
    }

    /// Notes a peak if so many descriptors were never open before in this life.
    fn note_peak(&mut self, now_ns: u64) {
        let open = self.descriptors.len() + self.files;
        let is_one = self
            .peaks
            .last()
            .is_none_or(|last| last.incarnation != self.incarnation || last.open < open);
        if is_one {
            self.peaks.push(DescriptorPeak {
                incarnation: self.incarnation,
                at: Duration::from_nanos(now_ns),
                open,
            });
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }
}

#[derive(Default)]
pub(crate) struct Processes {
    processes: Vec<Process>,
    paused: u32,
    last_pid: u32,
}

/// The pid of the harness; those of started processes follow.
const FIRST_PID: u32 = 1_000;

impl Processes {
    pub(crate) fn with_harness() -> Self {
        let ip = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
        let mut harness = Process::new("harness", HARNESS_HOST, ip);
        harness.running = true;
        harness.incarnation = 1;
        harness.pid = FIRST_PID;
        Self {
            processes: vec![harness],
            paused: 0,
            last_pid: FIRST_PID,
        }
    }

    pub(crate) fn get(&self, id: ProcessId) -> &Process {
        &self.processes[id.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, id: ProcessId) -> &mut Process {
        &mut self.processes[id.0 as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        (0..).map(ProcessId).zip(&self.processes)
    }

    pub(crate) fn running_on(&self, host: HostId) -> Vec<ProcessId> {
        self.iter()
            .filter(|(_, process)| process.host == host && process.running)
            .map(|(id, _)| id)
            .collect()
    }

    pub(crate) fn hold_if_paused(&mut self, id: ProcessId, task: (u32, TaskId)) -> bool {
        if self.paused == 0 {
            return false;
        }
        let process = self.get_mut(id);
        if process.paused {
            process.held.push(task);
        }
        process.paused
    }

    pub(crate) fn register(
        &mut self,
        id: ProcessId,
        descriptor: Box<dyn Descriptor>,
        now_ns: u64,
    ) -> DescriptorId {
        let process = self.get_mut(id);
        process.last_descriptor += 1;
        let number = process.last_descriptor;
        process.descriptors.insert(number, descriptor);
        process.note_peak(now_ns);
        DescriptorId {
            process: id,
            number,
        }
    }

    pub(crate) fn count_files(&mut self, id: ProcessId, files: usize, now_ns: u64) {
        let process = self.get_mut(id);
        process.files = files;
        process.note_peak(now_ns);
    }

    pub(crate) fn release(&mut self, id: DescriptorId) -> Option<Box<dyn Descriptor>> {
        self.get_mut(id.process).descriptors.remove(&id.number)
    }
}

fn record_phase(world: &World, process: ProcessId, phase: &'static str) {
    trace::record(world, process, "process", vec![("phase", phase.into())]);
}

/// Adds a process to a host, not running yet, with an address of its own.
///
/// # Panics
///
/// Where the name is taken by another process.
#[track_caller]
pub fn create_process(host: HostId, name: &str) -> ProcessId {
    world::with(|world| {
        let mut processes = world.processes.borrow_mut();
        assert!(
            processes.iter().all(|(_, process)| &*process.name != name),
            "there is a process named {name} already"
        );
        let ip = world.hosts.borrow_mut().next_process_ip(host);
        processes.processes.push(Process::new(name, host, ip));
        ProcessId(u32::try_from(processes.processes.len() - 1).expect("fewer than 255 x 249"))
    })
}

/// Starts a process, or starts it again after it ended. `main` runs in a coroutine task, so its
/// code may block; the process ends when it returns.
///
/// # Panics
///
/// Where it runs already, or its host has no power.
#[track_caller]
pub fn start<Fut>(process: ProcessId, main: impl FnOnce() -> Fut + 'static)
where
    Fut: Future<Output = ()> + 'static,
{
    begin(process);
    // Called inside the task, so that `main` itself belongs to the process and may block too.
    let handle = task::spawn_coroutine_on(process, async move { main().await });
    world::with(|world| world.processes.borrow_mut().get_mut(process).main = Some(handle));
}

/// As [`start`], but `main` is a plain task: for servers of the simulator itself.
#[track_caller]
pub fn start_plain<Fut>(process: ProcessId, main: impl FnOnce() -> Fut + 'static)
where
    Fut: Future<Output = ()> + 'static,
{
    begin(process);
    let handle = task::spawn_on(process, async move { main().await });
    world::with(|world| world.processes.borrow_mut().get_mut(process).main = Some(handle));
}

#[track_caller]
fn begin(id: ProcessId) {
    world::with(|world| {
        let mut processes = world.processes.borrow_mut();
        processes.last_pid += 1;
        let pid = processes.last_pid;
        let process = processes.get_mut(id);
        assert!(!process.running, "{} runs already", process.name);
        assert!(
            world.hosts.borrow().get(process.host).up,
            "the host of {} has no power: boot it first",
            process.name
        );
        process.running = true;
        process.incarnation += 1;
        process.files = 0;
        process.pid = pid;
        process.status = None;
        process.signals.clear();
        drop(processes);
        record_phase(world, id, "started");
    });
}

/// Called by the executor after a task has ended: where it was a main, its process ends.
pub(crate) fn task_finished(world: &World, process: ProcessId, task: TaskId) {
    let main = {
        let mut processes = world.processes.borrow_mut();
        let main = &mut processes.get_mut(process).main;
        match main {
            Some(handle) if handle.id() == task => main.take(),
            _ => return,
        }
    };
    let status = match main.and_then(|handle| handle.take()) {
        Some(Err(error)) => match error.panic_message() {
            Some(message) => ExitStatus::Panicked(message.to_owned()),
            None => ExitStatus::Killed,
        },
        _ => ExitStatus::Ok,
    };
    exit_with(process, status);
}

fn exit_with(process: ProcessId, status: ExitStatus) {
    let fields: Vec<(&'static str, Value)> = vec![
        ("phase", "exited".into()),
        ("status", status.to_string().into()),
    ];
    world::with(|world| trace::record(world, process, "process", fields));
    end(process, status, CloseReason::Exited);
}

/// Ends a process: its tasks are leaked, its timers forgotten, its descriptors closed.
pub(crate) fn end(id: ProcessId, status: ExitStatus, how: CloseReason) {
    assert_ne!(id, HARNESS, "the harness does not end before the run does");
    let (descriptors, main, waiting) = world::with(|world| {
        let mut processes = world.processes.borrow_mut();
        if processes.get(id).paused {
            processes.paused -= 1;
        }
        let process = processes.get_mut(id);
        process.running = false;
        process.paused = false;
        process.held.clear();
        process.status = Some(status);
        let ended = (
            std::mem::take(&mut process.descriptors),
            process.main.take(),
            std::mem::take(&mut process.exit_waiting),
        );
        std::mem::forget(std::mem::take(&mut process.signals));
        drop(processes);
        world.executor.kill(id);
        world.timers.borrow_mut().forget_process(id);
        ended
    });
    drop(main);
    for mut descriptor in descriptors.into_values() {
        descriptor.close(how);
    }
    for waker in waiting {
        waker.wake();
    }
}

/// Where the calling code belongs to a process that has ended, it goes no further: its coroutine
/// is suspended, and leaked.
pub(crate) fn vanish_if_ended() {
    while coroutine::is_running() && !is_running(current()) {
        coroutine::suspend();
    }
}

/// SIGKILL: the process's tasks are never polled again and none of their destructors runs; its
/// descriptors are closed, so that peers see the end and locks are free. Nothing where it does not
/// run. A process that kills itself from a coroutine does not return.
#[track_caller]
pub fn kill(process: ProcessId) {
    if !is_running(process) {
        return;
    }
    world::with(|world| record_phase(world, process, "killed"));
    end(process, ExitStatus::Killed, CloseReason::Killed);
    vanish_if_ended();
}

/// Ends the current process as `std::process::exit` does: no destructor runs. Does not return in
/// a coroutine; a plain task runs to the end of its poll.
///
/// # Panics
///
/// In the harness.
#[track_caller]
pub fn exit(code: i32) {
    let status = match code {
        0 => ExitStatus::Ok,
        code => ExitStatus::Exited(code),
    };
    exit_with(current(), status);
    vanish_if_ended();
}

/// SIGSTOP: the process's tasks are not polled until it is resumed. Its timers go on, its sockets
/// still take what arrives. Nothing where it is paused or does not run.
///
/// # Panics
///
/// For the harness.
#[track_caller]
pub fn pause(process: ProcessId) {
    assert_ne!(process, HARNESS, "no fault hits the harness");
    world::with(|world| {
        let mut processes = world.processes.borrow_mut();
        let state = processes.get_mut(process);
        if state.running && !state.paused {
            state.paused = true;
            processes.paused += 1;
            drop(processes);
            record_phase(world, process, "paused");
        }
    });
}

/// SIGCONT: undoes [`pause`].
#[track_caller]
pub fn resume(process: ProcessId) {
    world::with(|world| {
        let mut processes = world.processes.borrow_mut();
        let state = processes.get_mut(process);
        if state.paused {
            state.paused = false;
            let held = std::mem::take(&mut state.held);
            processes.paused -= 1;
            drop(processes);
            world.executor.release(held);
            record_phase(world, process, "resumed");
        }
    });
}

/// Sends a signal. A process that does not listen to it is killed by it.
#[track_caller]
pub fn signal(process: ProcessId, signal: Signal) {
    if !is_running(process) {
        return;
    }
    let waiting = world::with(|world| {
        let mut processes = world.processes.borrow_mut();
        let state = processes.get_mut(process).signals.get_mut(&signal)?;
        let received = state.received.as_mut()?;
        *received += 1;
        Some(std::mem::take(&mut state.waiting))
    });
    match waiting {
        Some(waiting) => waiting.into_iter().for_each(Waker::wake),
        None => kill(process),
    }
}

/// Receives a signal of the process that made it.
#[derive(Debug)]
pub struct SignalListener {
    process: ProcessId,
    signal: Signal,
    seen: u64,
}

/// Listens to a signal in the current process. From now on, and for as long as the process runs,
/// the signal no longer kills it (as with tokio, dropping the listener does not change that).
#[track_caller]
pub fn listen_to_signal(signal: Signal) -> SignalListener {
    world::with(|world| {
        let process = world.executor.current_process();
        let mut processes = world.processes.borrow_mut();
        let state = processes
            .get_mut(process)
            .signals
            .entry(signal)
            .or_default();
        SignalListener {
            process,
            signal,
            seen: *state.received.get_or_insert(0),
        }
    })
}

impl SignalListener {
    /// Completes when the signal has arrived since the last time. Several arrivals between two
    /// calls count as one.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<()> {
        world::with(|world| {
            let mut processes = world.processes.borrow_mut();
            let signals = &mut processes.get_mut(self.process).signals;
            let state = signals.entry(self.signal).or_default();
            let received = *state.received.get_or_insert(0);
            if received > self.seen {
                self.seen = received;
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|w| w.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }

    /// Waits for the signal.
    pub async fn recv(&mut self) {
        poll_fn(|context| self.poll_recv(context)).await;
    }
}

/// Whether the process runs (a paused one does).
#[track_caller]
pub fn is_running(process: ProcessId) -> bool {
    world::with(|world| world.processes.borrow().get(process).running)
}

/// Whether the process is paused.
#[track_caller]
pub fn is_paused(process: ProcessId) -> bool {
    world::with(|world| world.processes.borrow().get(process).paused)
}

/// The process that calls.
#[track_caller]
pub fn current() -> ProcessId {
    world::with(|world| world.executor.current_process())
}

/// The process's name.
#[track_caller]
pub fn name(process: ProcessId) -> String {
    world::with(|world| world.processes.borrow().get(process).name.to_string())
}

/// The host that the process runs on.
#[track_caller]
pub fn host_of(process: ProcessId) -> HostId {
    world::with(|world| world.processes.borrow().get(process).host)
}

/// The process's address.
#[track_caller]
pub fn ip(process: ProcessId) -> IpAddr {
    world::with(|world| world.processes.borrow().get(process).ip)
}

/// How often the process was started.
#[track_caller]
pub fn incarnation(process: ProcessId) -> u64 {
    world::with(|world| world.processes.borrow().get(process).incarnation)
}

/// What `getpid` says in the process: another number for each start.
#[track_caller]
pub fn pid(process: ProcessId) -> u32 {
    world::with(|world| world.processes.borrow().get(process).pid)
}

/// The process named `name`.
#[track_caller]
pub fn find(name: &str) -> Option<ProcessId> {
    world::with(|world| {
        let processes = world.processes.borrow();
        processes
            .iter()
            .find_map(|(id, process)| (&*process.name == name).then_some(id))
    })
}

/// The process whose address is `ip`.
#[track_caller]
pub fn at(ip: IpAddr) -> Option<ProcessId> {
    world::with(|world| {
        let processes = world.processes.borrow();
        processes
            .iter()
            .find_map(|(id, process)| (process.ip == ip).then_some(id))
    })
}

/// How the process ended the last time; `None` while it runs, or before its first start.
#[track_caller]
pub fn exit_status(process: ProcessId) -> Option<ExitStatus> {
    world::with(|world| world.processes.borrow().get(process).status.clone())
}

/// Waits until the process has ended.
pub async fn exited(process: ProcessId) -> ExitStatus {
    poll_fn(|context| {
        world::with(|world| {
            let mut processes = world.processes.borrow_mut();
            let state = processes.get_mut(process);
            match (&state.status, state.running) {
                (Some(status), false) => Poll::Ready(status.clone()),
                _ => {
                    let waiting = &mut state.exit_waiting;
                    if !waiting.iter().any(|w| w.will_wake(context.waker())) {
                        waiting.push(context.waker().clone());
                    }
                    Poll::Pending
                }
            }
        })
    })
    .await
}
