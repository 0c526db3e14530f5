//! The worker processes: where they run, how they start, end and come back.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use whitewater_sim::disk_volume::DiskLatency;
use whitewater_sim::host::{self, HostId};
use whitewater_sim::process::{self, ExitStatus, ProcessId, Signal};
use whitewater_sim::{cpu, descriptor, disk_mount, task, time, trace};

use crate::checker::observation::{Exit, ExitKind, OpenFiles};
use crate::pipeline_under_test::{Context, PipelineUnderTest, Versions, chain};
use crate::plan::Plan;
use crate::plan::costs::{Costs, SpentAt};

/// How long a supervisor waits before it starts a worker again that ended with an error, as
/// systemd's `RestartSec` or a container's back-off does.
const SUPERVISOR_DELAY: Duration = Duration::from_secs(1);

/// How long a worker may take to end after SIGTERM before it is killed (Kubernetes' default
/// `terminationGracePeriodSeconds`).
const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// The path of a sink on its host's disk.
pub(super) const SINK: &str = "/var/lib/pipeline/sink.db";

/// A worker process of the plan.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) process: ProcessId,
    pub(crate) host: HostId,
    pub(crate) context: Context,
    /// What its next start runs, by the name the runner knows it by.
    version: String,
    /// It should run: a supervisor starts it again when it ends by itself.
    wanted: bool,
    /// Somebody asked it to end.
    asked: bool,
    /// What its main returned, where it was an error.
    error: Option<String>,
}

/// Lets work cost the workers time, whenever and as whatever version they run.
fn charge(costs: &Costs, workers: &[Worker]) {
    let record = Duration::from_nanos(costs.record_ns);
    let fsync = Duration::from_nanos(costs.fsync_ns);
    for worker in workers {
        match costs.spent_at {
            SpentAt::SinkCommit => {
                let batch = Duration::from_nanos(costs.batch_ns);
                cpu::set_batch_cost(worker.process, record, batch);
            }
            SpentAt::HandOver => cpu::set_cost(worker.process, record),
        }
        let volume = disk_mount::volume_of(worker.host);
        volume.set_latency(DiskLatency {
            sync: fsync..fsync + Duration::from_nanos(1),
            ..volume.latency()
        });
    }
}

/// All worker processes. Shared by the tasks that start, hit and heal them.
#[derive(Clone)]
pub(crate) struct Fleet {
    versions: Rc<Versions>,
    inner: Rc<RefCell<Inner>>,
}

struct Inner {
    workers: Vec<Worker>,
    hosts: BTreeMap<String, HostId>,
    exits: Vec<Exit>,
    /// The versions that workers were started as.
    started: BTreeSet<String>,
    /// How often a sink was read.
    readers: u32,
}

impl Fleet {
    /// Makes the hosts and processes of the plan; none runs yet.
    pub(crate) fn create(plan: &Plan, versions: Rc<Versions>, brokers: &str) -> Self {
        let mut hosts = BTreeMap::new();
        for name in plan.worker_hosts() {
            hosts.insert(name.to_owned(), host::create_host(name));
        }
        let workers: Vec<Worker> = plan
            .workers
            .iter()
            .map(|worker| {
                let host = hosts[&worker.host];
                Worker {
                    name: worker.name.clone(),
                    process: process::create_process(host, &worker.name),
                    host,
                    context: Context {
                        brokers: brokers.to_owned(),
                        topics: plan.inputs().map(|topic| topic.name.clone()).collect(),
                        outputs: plan.outputs().map(|topic| topic.name.clone()).collect(),
                        group: plan.group.clone(),
                        sink: PathBuf::from(SINK),
                        worker: worker.name.clone(),
                        settings: plan.settings.clone(),
                    },
                    version: plan.pipeline.clone(),
                    wanted: false,
                    asked: false,
                    error: None,
                }
            })
            .collect();
        if let Some(costs) = &plan.costs {
            charge(costs, &workers);
        }
        let inner = Inner {
            workers,
            hosts,
            exits: Vec::new(),
            started: BTreeSet::new(),
            readers: 0,
        };
        Self {
            versions,
            inner: Rc::new(RefCell::new(inner)),
        }
    }

    /// Starts a worker, and keeps it running from now on. One that is still on its way out after
    /// SIGTERM is started when it has ended.
    pub(crate) fn start(&self, name: &str) {
        let (process, host) = self.update(name, |worker| {
            worker.wanted = true;
            if !process::is_running(worker.process) {
                worker.asked = false;
                worker.error = None;
            }
            (worker.process, worker.host)
        });
        if process::is_running(process) || !host::is_up(host) {
            return;
        }
        let (context, version) = self.update(name, |worker| {
            (worker.context.clone(), worker.version.clone())
        });
        let (fleet, pipeline) = (self.clone(), self.versions[&version]);
        self.inner.borrow_mut().started.insert(version);
        process::start(process, move || async move {
            let worker = context.worker.clone();
            if let Err(error) = pipeline.start(context).await {
                let error = chain(error.as_ref());
                trace::event(
                    "log",
                    &[
                        ("level", "ERROR".into()),
                        ("target", "main".into()),
                        ("message", error.clone().into()),
                    ],
                );
                fleet.update(&worker, |worker| worker.error = Some(error));
                process::exit(1);
            }
        });
        self.watch(name.to_owned(), process);
    }

    /// Notes how this start of a worker ends, and starts it again if it should run.
    fn watch(&self, name: String, process: ProcessId) {
        let fleet = self.clone();
        task::spawn(async move {
            let status = process::exited(process).await;
            let restart = fleet.note_exit(&name, &status);
            if restart {
                time::sleep(SUPERVISOR_DELAY).await;
                if fleet.update(&name, |worker| worker.wanted) {
                    fleet.start(&name);
                }
            }
        });
    }

    /// Whether it is to be started again: a supervisor does so with whatever should run. What a
    /// fault has killed should not, until the fault is over.
    fn note_exit(&self, name: &str, status: &ExitStatus) -> bool {
        let at_ns = u64::try_from(time::now().as_nanos()).unwrap_or(u64::MAX);
        let mut inner = self.inner.borrow_mut();
        let Some(worker) = inner.workers.iter_mut().find(|worker| worker.name == name) else {
            return false;
        };
        let (asked, wanted) = (worker.asked, worker.wanted);
        let how = match status {
            ExitStatus::Ok => ExitKind::Returned,
            ExitStatus::Exited(code) => ExitKind::Error(
                worker
                    .error
                    .take()
                    .unwrap_or_else(|| format!("exit code {code}")),
            ),
            ExitStatus::Panicked(message) => ExitKind::Panicked(message.clone()),
            ExitStatus::Killed => ExitKind::Killed,
        };
        let killed = how == ExitKind::Killed;
        inner.exits.push(Exit {
            process: name.to_owned(),
            at_ns,
            how,
            asked: asked || killed,
        });
        wanted
    }

    /// SIGKILL. Whether there was anything to kill.
    pub(crate) fn kill(&self, name: &str) -> bool {
        let process = self.update(name, |worker| {
            worker.wanted = false;
            worker.process
        });
        let ran = process::is_running(process);
        process::kill(process);
        ran
    }

    /// SIGTERM, then SIGKILL after the grace period. Returns when the worker has ended.
    pub(crate) async fn stop(&self, name: &str) -> bool {
        let process = self.update(name, |worker| {
            worker.wanted = false;
            worker.asked = true;
            worker.process
        });
        if !process::is_running(process) {
            return false;
        }
        process::signal(process, Signal::Terminate);
        if time::timeout(GRACE_PERIOD, process::exited(process))
            .await
            .is_err()
        {
            process::kill(process);
        }
        true
    }

    /// Whether it runs, or a supervisor is about to start it.
    pub(crate) fn is_wanted(&self, name: &str) -> bool {
        self.update(name, |worker| worker.wanted)
    }

    /// What the next start of a worker runs.
    pub(crate) fn set_version(&self, name: &str, version: &str) {
        self.update(name, |worker| version.clone_into(&mut worker.version));
    }

    /// The version that the workers there from the start run.
    pub(super) fn current(&self) -> (String, &'static dyn PipelineUnderTest) {
        let version = self.inner.borrow().workers[0].version.clone();
        let pipeline = self.versions[&version];
        (version, pipeline)
    }

    /// The versions that ran, and that no worker runs any more.
    pub(super) fn superseded(&self) -> Vec<(String, &'static dyn PipelineUnderTest)> {
        let (current, _) = self.current();
        let inner = self.inner.borrow();
        let others = inner.started.iter().filter(|version| **version != current);
        others
            .map(|version| (version.clone(), self.versions[version]))
            .collect()
    }

    /// SIGSTOP. Whether it ran.
    pub(crate) fn pause(&self, name: &str) -> bool {
        let process = self.process(name);
        process::pause(process);
        process::is_paused(process)
    }

    /// SIGCONT.
    pub(crate) fn resume(&self, name: &str) {
        process::resume(self.process(name));
    }

    /// The host loses power. Whether anything ran on it.
    pub(crate) fn power_loss(&self, host_name: &str) -> bool {
        let host = self.host(host_name);
        let mut hit = false;
        for name in self.names_on(host) {
            hit |= process::is_running(self.update(&name, |worker| {
                worker.wanted = false;
                worker.process
            }));
        }
        host::power_loss(host);
        hit
    }

    /// Boots the host and starts those of its workers that are there from the start.
    pub(crate) fn boot(&self, host_name: &str, at_start: &dyn Fn(&str) -> bool) {
        let host = self.host(host_name);
        if !host::is_up(host) {
            host::boot(host);
        }
        for name in self.names_on(host).iter().filter(|name| at_start(name)) {
            self.start(name);
        }
    }

    fn names_on(&self, host: HostId) -> Vec<String> {
        let inner = self.inner.borrow();
        inner
            .workers
            .iter()
            .filter(|worker| worker.host == host)
            .map(|worker| worker.name.clone())
            .collect()
    }

    /// The workers' host of this name.
    pub(crate) fn host_named(&self, name: &str) -> Option<HostId> {
        self.inner.borrow().hosts.get(name).copied()
    }

    fn host(&self, name: &str) -> HostId {
        self.inner.borrow().hosts[name]
    }

    /// The process of a worker; of the first one for a name that the plan does not have.
    pub(crate) fn process(&self, name: &str) -> ProcessId {
        self.update(name, |worker| worker.process)
    }

    /// Whether the plan has a worker of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.inner
            .borrow()
            .workers
            .iter()
            .any(|worker| worker.name == name)
    }

    /// Every worker's name, in plan order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.inner
            .borrow()
            .workers
            .iter()
            .map(|worker| worker.name.clone())
            .collect()
    }

    /// The first worker of each host, as its sink is read once.
    pub(crate) fn one_per_host(&self) -> Vec<(HostId, Context)> {
        let mut found: BTreeMap<HostId, Context> = BTreeMap::new();
        for worker in &self.inner.borrow().workers {
            found
                .entry(worker.host)
                .or_insert_with(|| worker.context.clone());
        }
        found.into_iter().collect()
    }

    /// The most descriptors that each worker had open at once, each time that there were more.
    pub(super) fn open_files(&self) -> Vec<OpenFiles> {
        let inner = self.inner.borrow();
        let peaks = inner.workers.iter().flat_map(|worker| {
            let peaks = descriptor::descriptor_peaks(worker.process);
            peaks.into_iter().map(|peak| OpenFiles {
                process: worker.name.clone(),
                incarnation: peak.incarnation,
                at_ns: u64::try_from(peak.at.as_nanos()).unwrap_or(u64::MAX),
                open: peak.open,
            })
        });
        peaks.collect()
    }

    /// The name of a process that reads a sink: never the same again.
    pub(super) fn next_reader(&self) -> String {
        let mut inner = self.inner.borrow_mut();
        inner.readers += 1;
        format!("reader-{}", inner.readers)
    }

    /// What each worker host has on its disk.
    pub(super) fn sink_bytes(&self) -> Vec<u64> {
        let hosts = self.one_per_host();
        hosts
            .into_iter()
            .map(|(host, _)| disk_mount::volume_of(host).disk().used_bytes())
            .collect()
    }

    /// How the workers ended so far.
    pub(crate) fn exits(&self) -> Vec<Exit> {
        self.inner.borrow().exits.clone()
    }

    fn update<R>(&self, name: &str, change: impl FnOnce(&mut Worker) -> R) -> R {
        let mut inner = self.inner.borrow_mut();
        let worker = inner.workers.iter_mut().find(|worker| worker.name == name);
        change(worker.unwrap_or_else(|| panic!("the plan names {name}, and has no such worker")))
    }
}
