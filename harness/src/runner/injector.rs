//! Brings the plan's faults about, each in a task of its own, and ends them.

use std::rc::Rc;
use std::time::Duration;

use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::{link, task, time, trace};

use super::administrator;
use super::fleet::Fleet;
use crate::fault::action::{BrokerChoice, FaultAction, MemberChange};
use crate::plan::{Plan, PlannedFault};

/// What faults act upon.
#[derive(Clone)]
pub(super) struct Injector {
    pub(super) plan: Rc<Plan>,
    pub(super) fleet: Fleet,
    pub(super) cluster: ClusterHandle,
    pub(super) loader: ProcessId,
}

/// A fault that is on, and what its end undoes.
enum Ongoing {
    /// It was over at once, or had nothing to hit.
    Nothing,
    Worker(String),
    Paused(String),
    Host(String),
    Joined(String),
    Broker(i32),
    Cut {
        from: ProcessId,
        to: ProcessId,
        both_ways: bool,
    },
    Delayed {
        from: ProcessId,
        to: ProcessId,
    },
    Workers(Vec<String>),
}

impl Injector {
    /// Runs every fault of the plan; what is still on at `heal_at` ends then.
    pub(super) fn start(&self, heal_at: Duration) -> Vec<task::JoinHandle<()>> {
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
        let ends_at = fault
            .for_ms
            .map_or(at, |for_ms| at + Duration::from_millis(for_ms))
            .min(heal_at);
        record(number, &fault.action, "begun");
        let (ongoing, hit) = self.begin(&fault.action, ends_at).await;
        if hit {
            record(number, &fault.action, "hit");
        }
        time::sleep_until(ends_at).await;
        self.end(ongoing).await;
        record(number, &fault.action, "ended");
    }

    async fn begin(&self, action: &FaultAction, ends_at: Duration) -> (Ongoing, bool) {
        match action {
            FaultAction::Kill { worker } => {
                (Ongoing::Worker(worker.clone()), self.fleet.kill(worker))
            }
            FaultAction::Pause { worker } => {
                (Ongoing::Paused(worker.clone()), self.fleet.pause(worker))
            }
            FaultAction::PowerLoss { host } => {
                (Ongoing::Host(host.clone()), self.fleet.power_loss(host))
            }
            FaultAction::MemberChurn {
                worker,
                change: MemberChange::Join,
            } => {
                self.fleet.start(worker);
                (Ongoing::Joined(worker.clone()), true)
            }
            FaultAction::MemberChurn {
                worker,
                change: MemberChange::Leave,
            } => (
                Ongoing::Worker(worker.clone()),
                self.fleet.stop(worker).await,
            ),
            FaultAction::ForceRebalance { member } => {
                (Ongoing::Nothing, self.remove_member(*member))
            }
            FaultAction::BrokerKill { broker } => self.kill_broker(broker),
            FaultAction::NetworkCut {
                from,
                to,
                both_ways,
            } => self.cut(from, to, *both_ways),
            FaultAction::Delay {
                from,
                to,
                latency_us_min,
                latency_us_max,
            } => {
                let latency = Duration::from_micros(*latency_us_min)
                    ..Duration::from_micros(latency_us_max + 1);
                self.delay(from, to, latency)
            }
            FaultAction::RewindCommitted { records } => self.rewind(*records, ends_at).await,
        }
    }

    async fn end(&self, ongoing: Ongoing) {
        match ongoing {
            Ongoing::Nothing => {}
            Ongoing::Worker(name) => self.fleet.start(&name),
            Ongoing::Paused(name) => self.fleet.resume(&name),
            Ongoing::Host(name) => self.fleet.boot(&name, &|worker| self.is_at_start(worker)),
            Ongoing::Joined(name) => {
                self.fleet.stop(&name).await;
            }
            Ongoing::Broker(id) => self.start_broker(id),
            Ongoing::Cut {
                from,
                to,
                both_ways,
            } => {
                link::heal(from, to);
                if both_ways {
                    link::heal(to, from);
                }
            }
            Ongoing::Delayed { from, to } => {
                link::clear_delay(from, to);
                link::clear_delay(to, from);
            }
            Ongoing::Workers(names) => names.iter().for_each(|name| self.fleet.start(name)),
        }
    }

    /// After the safety phase: everything that should run does, every link is whole.
    pub(super) async fn heal(&self) {
        link::heal_all();
        for broker in self.cluster.broker_ids() {
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

    fn is_at_start(&self, worker: &str) -> bool {
        self.plan
            .workers
            .iter()
            .any(|planned| planned.name == worker && planned.at_start)
    }

    /// An administrator removes a member (KIP-345).
    fn remove_member(&self, member: u32) -> bool {
        let members = administrator::members(&self.cluster, &self.plan.group);
        let Some(index) = (member as usize).checked_rem(members.len()) else {
            return false;
        };
        administrator::remove_member(&self.cluster, &self.plan.group, &members[index]);
        true
    }

    fn kill_broker(&self, choice: &BrokerChoice) -> (Ongoing, bool) {
        let id = match choice {
            BrokerChoice::Id(id) => *id,
            BrokerChoice::LeaderOf { topic, partition } => {
                administrator::replica_of(&self.cluster, topic, *partition).unwrap_or(1)
            }
        };
        if !self.cluster.with(|cluster| cluster.is_running(id)) {
            return (Ongoing::Nothing, false);
        }
        self.cluster.kill_broker(id);
        (Ongoing::Broker(id), true)
    }

    fn start_broker(&self, id: i32) {
        if !process::is_running(self.cluster.broker_process(id)) {
            self.cluster.restart_broker(id);
        }
    }

    fn cut(&self, from: &str, to: &str, both_ways: bool) -> (Ongoing, bool) {
        let (from, to) = (self.named(from), self.named(to));
        link::cut(from, to);
        if both_ways {
            link::cut(to, from);
        }
        (
            Ongoing::Cut {
                from,
                to,
                both_ways,
            },
            true,
        )
    }

    fn delay(&self, from: &str, to: &str, latency: std::ops::Range<Duration>) -> (Ongoing, bool) {
        let (from, to) = (self.named(from), self.named(to));
        link::set_delay(from, to, latency.clone());
        link::set_delay(to, from, latency);
        (Ongoing::Delayed { from, to }, true)
    }

    /// The workers end, the group empties (at the latest when their sessions expire), an
    /// administrator sets every committed offset back, the workers start again.
    async fn rewind(&self, records: u64, ends_at: Duration) -> (Ongoing, bool) {
        let stopped: Vec<String> = self
            .fleet
            .names()
            .into_iter()
            .filter(|name| self.fleet.kill(name))
            .collect();
        let mut rewound = false;
        while !rewound && time::now() < ends_at {
            time::sleep(Duration::from_millis(500)).await;
            if administrator::members(&self.cluster, &self.plan.group).is_empty() {
                rewound = self.set_back(i64::try_from(records).unwrap_or(i64::MAX));
                break;
            }
        }
        (Ongoing::Workers(stopped), rewound)
    }

    fn set_back(&self, records: i64) -> bool {
        let group = &self.plan.group;
        let mut any = false;
        for ((topic, partition), offset) in administrator::committed_offsets(&self.cluster, group) {
            let target = offset.saturating_sub(records).max(0);
            if target < offset {
                any = true;
                self.cluster.administer(|cluster, now| {
                    cluster.rewind_committed(now, group, &topic, partition, target)
                });
            }
        }
        any
    }

    /// A worker, a broker or the loader by name.
    fn named(&self, name: &str) -> ProcessId {
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
