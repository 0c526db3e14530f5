//! Brings the plan's faults about, each in a task of its own, and ends them.

use std::rc::Rc;
use std::time::Duration;

use whitewater_sim::disk_fault::Operation;
use whitewater_sim::disk_mount::{self, DEFAULT_CAPACITY_BYTES};
use whitewater_sim::disk_volume::DiskLatency;
use whitewater_sim::host::HostId;
use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::{link, task, time, trace, wall_clock};

use super::fleet::Fleet;
use super::loader::Loaded;
use super::{administrator, at_probe};
use crate::fault::action::{BrokerChoice, FaultAction};
use crate::fault::inject::Begun;
use crate::plan::{Plan, PlannedFault};

/// What faults act upon.
#[derive(Clone)]
pub(crate) struct Injector {
    pub(crate) plan: Rc<Plan>,
    pub(crate) fleet: Fleet,
    pub(crate) cluster: ClusterHandle,
    pub(crate) loader: ProcessId,
    pub(crate) loaded: Loaded,
}

impl Injector {
    /// Runs every fault of the plan; what is still on at `heal_at` ends then.
    pub(crate) fn start(&self, heal_at: Duration) -> Vec<task::JoinHandle<()>> {
        let begin = time::now();
        let faults = self.plan.faults.iter().enumerate();
        faults
            .map(|(number, fault)| {
                let (injector, fault) = (self.clone(), fault.clone());
                task::spawn(async move { injector.run(number, &fault, begin, heal_at).await })
            })
            .collect()
    }

    async fn run(&self, number: usize, fault: &PlannedFault, begin: Duration, heal_at: Duration) {
        let at = begin + Duration::from_millis(fault.at_ms);
        if at >= heal_at {
            return;
        }
        time::sleep_until(at).await;
        if let Some(probe) = &fault.when
            && !at_probe::reached(probe, self.whose_probe(&fault.action), heal_at).await
        {
            return;
        }
        let at = time::now();
        let ends_at = fault
            .for_ms
            .map_or(at, |for_ms| at + Duration::from_millis(for_ms))
            .min(heal_at);
        record(number, &fault.action, "begun");
        let Begun { hit, end } = fault.action.begin(self, ends_at).await;
        if hit {
            record(number, &fault.action, "hit");
        }
        time::sleep_until(ends_at).await;
        if end.await {
            record(number, &fault.action, "hit");
        }
        record(number, &fault.action, "ended");
    }

    /// After the safety phase: everything that should run does, every link is whole.
    pub(crate) async fn heal(&self) {
        link::heal_all();
        self.loaded.set_pace(1);
        for host in self.hosts() {
            wall_clock::set_right(host);
            let volume = disk_mount::volume_of(host);
            volume.set_latency(DiskLatency::default());
            volume.disk().set_capacity_bytes(DEFAULT_CAPACITY_BYTES);
            for operation in [Operation::Read, Operation::Write, Operation::Sync] {
                volume.disk().fail(operation, 0, 0);
            }
        }
        for broker in self.cluster.broker_ids() {
            self.cluster.resume_broker(broker);
            self.start_broker(broker);
        }
        for name in self.plan.worker_hosts() {
            self.fleet.boot(name, &|_| false);
        }
        for worker in &self.plan.workers {
            self.fleet.resume(&worker.name);
            if worker.at_start {
                self.fleet.start(&worker.name);
            } else {
                self.fleet.stop(&worker.name).await;
            }
        }
        trace::event(
            "fault",
            &[
                ("name", "heal".into()),
                ("phase", "ended".into()),
                ("target", "everything".into()),
            ],
        );
    }

    /// Whether a worker is there from the start.
    pub(crate) fn is_at_start(&self, worker: &str) -> bool {
        self.plan
            .workers
            .iter()
            .any(|planned| planned.name == worker && planned.at_start)
    }

    /// The worker that a fault is for; none if it is for something else.
    fn whose_probe(&self, action: &FaultAction) -> Option<ProcessId> {
        let target = action.target();
        self.fleet.has(&target).then(|| self.fleet.process(&target))
    }

    /// The broker that a choice means now.
    pub(crate) fn broker_id(&self, choice: &BrokerChoice) -> i32 {
        match choice {
            BrokerChoice::Id(id) => *id,
            BrokerChoice::LeaderOf { topic, partition } => {
                administrator::replica_of(&self.cluster, topic, *partition).unwrap_or(1)
            }
        }
    }

    /// Starts a broker, unless it runs.
    pub(crate) fn start_broker(&self, id: i32) {
        if !process::is_running(self.cluster.broker_process(id)) {
            self.cluster.restart_broker(id);
        }
    }

    /// The host of workers, of a broker or of the loader, by name.
    pub(crate) fn host(&self, name: &str) -> HostId {
        match self.fleet.host_named(name) {
            Some(host) => host,
            None => process::host_of(self.named(name)),
        }
    }

    /// Every host that a fault can hit.
    fn hosts(&self) -> Vec<HostId> {
        let workers = self
            .plan
            .worker_hosts()
            .into_iter()
            .map(|name| self.host(name));
        let brokers = self.cluster.broker_ids().into_iter();
        workers
            .chain(brokers.map(|id| self.cluster.broker_host(id)))
            .chain([process::host_of(self.loader)])
            .collect()
    }

    /// A worker, a broker or the loader by name.
    pub(crate) fn named(&self, name: &str) -> ProcessId {
        if self.fleet.has(name) {
            return self.fleet.process(name);
        }
        let broker = name.strip_prefix("broker-").and_then(|id| id.parse().ok());
        match broker {
            Some(id) if self.cluster.broker_ids().contains(&id) => self.cluster.broker_process(id),
            _ => self.loader,
        }
    }
}

fn record(number: usize, action: &FaultAction, phase: &'static str) {
    trace::event(
        "fault",
        &[
            ("name", action.name().into()),
            ("phase", phase.into()),
            ("target", action.target().into()),
            ("number", number.into()),
        ],
    );
}
