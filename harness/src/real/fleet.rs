//! The worker processes: how they start, end and come back.

#![expect(
    clippy::disallowed_methods,
    reason = "real threads and real time: no part of a simulated build"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::brokers::Brokers;
use super::history::History;
use super::protocol::{OUTPUT, WORKER_VARIABLE, WorkerOrder};
use crate::checker::observation::{Exit, ExitKind, OpenFiles};
use crate::pipeline_under_test::{Context, PipelineUnderTest, Versions};
use crate::plan::Plan;
use crate::trace::{Event, View};

/// How long a supervisor waits before it starts a worker again, as in the simulation.
const SUPERVISOR_DELAY: Duration = Duration::from_secs(1);

/// How long a worker may take to end after SIGTERM before it is killed (Kubernetes' default
/// `terminationGracePeriodSeconds`).
const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// A Rust program that panics ends with it.
const PANIC_EXIT_CODE: i32 = 101;

/// All worker processes. Shared by those who start, hit and heal them.
#[derive(Clone)]
pub(super) struct Fleet(Arc<Shared>);

struct Shared {
    versions: Versions,
    history: Arc<History>,
    folder: PathBuf,
    inner: Mutex<Inner>,
    ended: Condvar,
}

#[derive(Default)]
struct Inner {
    workers: Vec<Worker>,
    exits: Vec<Exit>,
    /// The versions that workers were started as.
    started: BTreeSet<String>,
    open_files: Vec<OpenFiles>,
    /// Nobody is started any more.
    closed: bool,
}

struct Worker {
    name: String,
    host: String,
    context: Context,
    version: String,
    running: Option<Pid>,
    paused: bool,
    /// Counts its starts.
    incarnation: u64,
    /// It should run: a supervisor starts it again when it ends by itself.
    wanted: bool,
    /// Somebody asked it to end.
    asked: bool,
}

impl Fleet {
    /// The workers of the plan; none runs yet. A folder below `folder` stands for each host.
    pub(super) fn create(
        plan: &Plan,
        versions: Versions,
        brokers: &Brokers,
        folder: &Path,
        history: Arc<History>,
    ) -> std::io::Result<Self> {
        for host in plan.worker_hosts() {
            std::fs::create_dir_all(folder.join(host))?;
        }
        let workers = plan.workers.iter().map(|worker| Worker {
            name: worker.name.clone(),
            host: worker.host.clone(),
            context: Context {
                brokers: brokers.servers_for(&worker.name),
                topics: plan.inputs().map(|topic| topic.name.clone()).collect(),
                outputs: plan.outputs().map(|topic| topic.name.clone()).collect(),
                group: plan.group.clone(),
                sink: folder.join(&worker.host).join("sink.db"),
                worker: worker.name.clone(),
                settings: plan.settings.clone(),
            },
            version: plan.pipeline.clone(),
            running: None,
            paused: false,
            incarnation: 0,
            wanted: false,
            asked: false,
        });
        let inner = Inner {
            workers: workers.collect(),
            ..Inner::default()
        };
        Ok(Self(Arc::new(Shared {
            versions,
            history,
            folder: folder.to_owned(),
            inner: Mutex::new(inner),
            ended: Condvar::new(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a worker, and keeps it running from now on. One that is still on its way out is
    /// started when it has ended.
    pub(super) fn start(&self, name: &str) {
        let mut inner = self.inner();
        let closed = inner.closed;
        let worker = inner.worker(name);
        worker.wanted = !closed;
        if closed || worker.running.is_some() {
            return;
        }
        worker.asked = false;
        worker.paused = false;
        worker.incarnation += 1;
        match self.spawn(worker) {
            Ok(child) => {
                worker.running = Some(Pid::from_child(&child));
                let version = worker.version.clone();
                self.process_event(worker, "started");
                inner.started.insert(version);
                let (fleet, name) = (self.clone(), name.to_owned());
                std::thread::spawn(move || fleet.watch(&name, child));
            }
            Err(error) => {
                worker.wanted = false;
                let exit = Exit {
                    process: name.to_owned(),
                    at_ns: self.0.history.clock.now_ns(),
                    how: ExitKind::Error(format!("can't be started: {error}")),
                    asked: false,
                };
                inner.exits.push(exit);
            }
        }
    }

    fn spawn(&self, worker: &Worker) -> std::io::Result<Child> {
        let order = WorkerOrder {
            pipeline: worker.version.clone(),
            context: worker.context.clone(),
            host: worker.host.clone(),
            events: self.events_of(worker, worker.incarnation),
            began_unix_ns: self.0.history.clock.began_unix_ns(),
        };
        let output = append_to(&self.0.folder.join(OUTPUT))?;
        Command::new(std::env::current_exe()?)
            .env(WORKER_VARIABLE, serde_json::to_string(&order)?)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
    }

    /// Where one life of a worker is written down.
    fn events_of(&self, worker: &Worker, incarnation: u64) -> PathBuf {
        let name = format!("{}-{incarnation}.jsonl", worker.name);
        self.0.folder.join(name)
    }

    /// Notes how this start of a worker ends, and starts it again if it should run.
    fn watch(&self, name: &str, mut child: Child) {
        let pid = Pid::from_child(&child);
        // It stays a zombie until it is known here that it ended: nobody hits a stranger that got
        // its number.
        let _ = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
        let restart = {
            let mut inner = self.inner();
            let status = child.wait();
            let worker = inner.worker(name);
            worker.running = None;
            let events = read_events(&self.events_of(worker, worker.incarnation));
            let how = status.map_or_else(
                |error| ExitKind::Error(error.to_string()),
                |status| exit_kind(status, worker.asked, &events),
            );
            let killed = how == ExitKind::Killed;
            self.process_event(worker, if killed { "killed" } else { "exited" });
            let exit = Exit {
                process: name.to_owned(),
                at_ns: self.0.history.clock.now_ns(),
                how,
                asked: worker.asked || killed,
            };
            let wanted = worker.wanted;
            inner.exits.push(exit);
            wanted
        };
        self.0.ended.notify_all();
        if restart && self.0.history.clock.sleep(SUPERVISOR_DELAY).is_ok() && self.is_wanted(name) {
            self.start(name);
        }
    }

    fn process_event(&self, worker: &Worker, phase: &'static str) {
        self.0.history.event(
            &worker.host,
            &worker.name,
            "process",
            &[("phase", phase.into())],
        );
    }

    /// SIGKILL. Whether there was anything to kill. Returns when it has ended.
    pub(super) fn kill(&self, name: &str) -> bool {
        self.end(name, Signal::KILL, None)
    }

    /// SIGTERM, then SIGKILL after the grace period. Returns when the worker has ended.
    pub(super) fn stop(&self, name: &str) -> bool {
        let ran = self.end(name, Signal::TERM, Some(GRACE_PERIOD));
        if ran {
            self.kill(name);
        }
        ran
    }

    /// Sends a worker a signal to end by, and waits until it has, or for so long. Whether it ran.
    fn end(&self, name: &str, by: Signal, at_most: Option<Duration>) -> bool {
        let mut inner = self.inner();
        let worker = inner.worker(name);
        worker.wanted = false;
        worker.asked = true;
        let Some(pid) = worker.running else {
            return false;
        };
        signal(pid, by);
        drop(self.wait_for_end(inner, name, at_most));
        true
    }

    /// Waits until a worker does not run, or for so long.
    fn wait_for_end<'f>(
        &'f self,
        inner: MutexGuard<'f, Inner>,
        name: &str,
        at_most: Option<Duration>,
    ) -> MutexGuard<'f, Inner> {
        let runs = |inner: &mut Inner| inner.worker(name).running.is_some();
        match at_most {
            Some(time) => {
                let waited = self.0.ended.wait_timeout_while(inner, time, runs);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.0.ended.wait_while(inner, runs);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// SIGSTOP. Whether it ran.
    pub(super) fn pause(&self, name: &str) -> bool {
        self.stand_still(name, true)
    }

    /// SIGCONT.
    pub(super) fn resume(&self, name: &str) {
        self.stand_still(name, false);
    }

    fn stand_still(&self, name: &str, paused: bool) -> bool {
        let mut inner = self.inner();
        let worker = inner.worker(name);
        let Some(pid) = worker.running.filter(|_| worker.paused != paused) else {
            return false;
        };
        worker.paused = paused;
        let (number, phase) = match paused {
            true => (Signal::STOP, "paused"),
            false => (Signal::CONT, "resumed"),
        };
        signal(pid, number);
        self.process_event(worker, phase);
        true
    }

    /// Kills everyone; nobody is started any more.
    pub(super) fn close(&self) {
        self.inner().closed = true;
        for name in self.names() {
            self.kill(&name);
        }
    }

    /// Whether it runs, or a supervisor is about to start it.
    pub(super) fn is_wanted(&self, name: &str) -> bool {
        self.inner().worker(name).wanted
    }

    /// What the next start of a worker runs.
    pub(super) fn set_version(&self, name: &str, version: &str) {
        version.clone_into(&mut self.inner().worker(name).version);
    }

    /// The version that the workers there from the start run.
    pub(super) fn current(&self) -> (String, &'static dyn PipelineUnderTest) {
        let version = self.inner().workers[0].version.clone();
        let pipeline = self.0.versions[&version];
        (version, pipeline)
    }

    /// The versions that ran, and that no worker runs any more.
    pub(super) fn superseded(&self) -> Vec<(String, &'static dyn PipelineUnderTest)> {
        let (current, _) = self.current();
        let inner = self.inner();
        let others = inner.started.iter().filter(|version| **version != current);
        others
            .map(|version| (version.clone(), self.0.versions[version]))
            .collect()
    }

    /// Every worker's name, in plan order.
    pub(super) fn names(&self) -> Vec<String> {
        let inner = self.inner();
        inner
            .workers
            .iter()
            .map(|worker| worker.name.clone())
            .collect()
    }

    /// The first worker of each host by the host's name, as its sink is read once.
    pub(super) fn one_per_host(&self) -> BTreeMap<String, Context> {
        let inner = self.inner();
        let mut found = BTreeMap::new();
        for worker in &inner.workers {
            let context = || worker.context.clone();
            found.entry(worker.host.clone()).or_insert_with(context);
        }
        found
    }

    /// Looks how many descriptors each worker has open, and keeps what was never seen before.
    pub(super) fn look_at_open_files(&self) {
        let at_ns = self.0.history.clock.now_ns();
        let mut inner = self.inner();
        let Inner {
            workers,
            open_files,
            ..
        } = &mut *inner;
        for worker in workers {
            let Some(pid) = worker.running else { continue };
            let descriptors = format!("/proc/{}/fd", pid.as_raw_nonzero());
            let open = std::fs::read_dir(descriptors).map_or(0, Iterator::count);
            let is_of = |peak: &OpenFiles| {
                peak.process == worker.name && peak.incarnation == worker.incarnation
            };
            let most = open_files
                .iter()
                .filter(|peak| is_of(peak))
                .map(|peak| peak.open);
            if most.max().is_none_or(|most| open > most) {
                open_files.push(OpenFiles {
                    process: worker.name.clone(),
                    incarnation: worker.incarnation,
                    at_ns,
                    open,
                });
            }
        }
    }

    /// The peaks of each life of each worker, one after another.
    pub(super) fn open_files(&self) -> Vec<OpenFiles> {
        let mut peaks = self.inner().open_files.clone();
        peaks.sort_by_key(|peak| (peak.process.clone(), peak.incarnation, peak.at_ns));
        peaks
    }

    /// How the workers ended so far.
    pub(super) fn exits(&self) -> Vec<Exit> {
        self.inner().exits.clone()
    }

    /// What the workers wrote down of themselves.
    pub(super) fn events(&self) -> Vec<Event> {
        let inner = self.inner();
        let mut events = Vec::new();
        for worker in &inner.workers {
            for incarnation in 1..=worker.incarnation {
                events.extend(read_events(&self.events_of(worker, incarnation)));
            }
        }
        events
    }
}

impl Inner {
    fn worker(&mut self, name: &str) -> &mut Worker {
        let mut workers = self.workers.iter_mut();
        workers
            .find(|worker| worker.name == name)
            .unwrap_or_else(|| panic!("the plan names {name}, and has no such worker"))
    }
}

fn append_to(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn signal(pid: Pid, number: Signal) {
    // It is a child that was not waited for: it is there, if only as a zombie.
    let _ = kill_process(pid, number);
}

/// The events of one life of a worker. The last line may be torn: it was killed.
fn read_events(path: &Path) -> Vec<Event> {
    let text = std::fs::read(path).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

fn exit_kind(status: ExitStatus, asked: bool, events: &[Event]) -> ExitKind {
    let last = |wanted: fn(&Event) -> Option<String>| events.iter().rev().find_map(wanted);
    match (status.code(), status.signal()) {
        (Some(0), _) => ExitKind::Returned,
        (Some(PANIC_EXIT_CODE), _) => ExitKind::Panicked(
            last(|event| match event.view() {
                View::Panic { message, .. } => Some(message.to_owned()),
                _ => None,
            })
            .unwrap_or_default(),
        ),
        (Some(code), _) => ExitKind::Error(
            last(|event| {
                let is_main = event.text("target") == Some("main");
                is_main.then(|| event.text("message").map(str::to_owned))?
            })
            .unwrap_or_else(|| format!("exit code {code}")),
        ),
        (None, Some(number)) if number == Signal::KILL.as_raw() => ExitKind::Killed,
        // A program that does not listen for SIGTERM ends by it.
        (None, Some(number)) if asked && number == Signal::TERM.as_raw() => ExitKind::Returned,
        (None, number) => {
            ExitKind::Panicked(format!("ended by signal {}", number.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_told_from_its_status() {
        let kind = |raw: i32, asked| exit_kind(ExitStatus::from_raw(raw), asked, &[]);
        assert_eq!(kind(0, false), ExitKind::Returned);
        assert_eq!(kind(9, false), ExitKind::Killed);
        assert_eq!(kind(15, true), ExitKind::Returned);
        assert!(matches!(kind(15, false), ExitKind::Panicked(_)));
        assert!(matches!(kind(11, true), ExitKind::Panicked(why) if why.contains("11")));
        assert_eq!(
            kind(1 << 8, false),
            ExitKind::Error("exit code 1".to_owned())
        );
        assert!(matches!(kind(101 << 8, false), ExitKind::Panicked(_)));
    }
}
