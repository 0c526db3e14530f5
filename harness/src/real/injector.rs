//! Brings the plan's faults about, each in a thread of its own, and ends them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::administrator::Administrator;
use super::brokers::Brokers;
use super::clock::{Clock, Interrupted};
use super::engine::EngineError;
use super::fleet::Fleet;
use super::history::{HARNESS, History};
use super::link::{Link, Way};
use super::loader::Loader;
use super::{member, possible};
use crate::fault::action::{BrokerChoice, FaultAction};
use crate::fault::member_churn::MemberChange;
use crate::fault::restart_loop;
use crate::fault::upgrade::{self, How};
use crate::plan::{Plan, PlannedFault};

/// What faults act upon.
pub(super) struct Injector<'r> {
    pub(super) plan: &'r Plan,
    pub(super) fleet: &'r Fleet,
    pub(super) brokers: &'r Brokers,
    pub(super) administrator: &'r Administrator,
    pub(super) loader: &'r Loader,
    pub(super) history: &'r Arc<History>,
    /// Hears of each fault that begins.
    pub(super) tell: &'r (dyn Fn(String) + Sync),
}

/// A fault could not be brought about, or ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum InjectError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// A fault that has begun.
struct Begun<'r> {
    /// Whether it took effect at once.
    hit: bool,
    /// Undoes it, and says whether it took effect since.
    end: Box<dyn FnOnce() -> Result<bool, InjectError> + 'r>,
}

impl<'r> Begun<'r> {
    /// It is over already; `hit`: it took effect.
    fn over(hit: bool) -> Self {
        Self::until(hit, || Ok(()))
    }

    /// It goes on until `end`; `hit`: it took effect.
    fn until(hit: bool, end: impl FnOnce() -> Result<(), InjectError> + 'r) -> Self {
        Self {
            hit,
            end: Box::new(move || end().map(|()| false)),
        }
    }
}

impl Injector<'_> {
    fn clock(&self) -> &Clock {
        &self.history.clock
    }

    /// Runs every fault of the plan that can be done; what is still on at `heal_at` ends then.
    pub(super) fn run(&self, begin: Duration, heal_at: Duration) -> Result<(), InjectError> {
        std::thread::scope(|scope| {
            let faults = self.plan.faults.iter().enumerate();
            let running: Vec<_> = faults
                .filter(|(_, fault)| possible::why_not(fault).is_none())
                .map(|(number, fault)| {
                    scope.spawn(move || self.run_one(number, fault, begin, heal_at))
                })
                .collect();
            let ends = running.into_iter().map(|fault| match fault.join() {
                Ok(end) => end,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            // All are waited for.
            let ends: Vec<Result<(), InjectError>> = ends.collect();
            ends.into_iter().collect()
        })
    }

    fn run_one(
        &self,
        number: usize,
        fault: &PlannedFault,
        begin: Duration,
        heal_at: Duration,
    ) -> Result<(), InjectError> {
        let at = begin + Duration::from_millis(fault.at_ms);
        if at >= heal_at {
            return Ok(());
        }
        self.clock().sleep_until(at)?;
        let lasts = Duration::from_millis(fault.for_ms.unwrap_or(0));
        let ends_at = (at + lasts).min(heal_at);
        self.record(number, &fault.action, "begun");
        (self.tell)(told(fault));
        let Begun { hit, end } = self.begin(&fault.action, ends_at)?;
        if hit {
            self.record(number, &fault.action, "hit");
        }
        self.clock().sleep_until(ends_at)?;
        if end()? {
            self.record(number, &fault.action, "hit");
        }
        self.record(number, &fault.action, "ended");
        Ok(())
    }

    /// Brings it about; what it does ends at `ends_at` at the latest.
    fn begin<'i>(
        &'i self,
        action: &'i FaultAction,
        ends_at: Duration,
    ) -> Result<Begun<'i>, InjectError> {
        let (fleet, brokers) = (self.fleet, self.brokers);
        Ok(match action {
            FaultAction::Kill(kill) => Begun::until(fleet.kill(&kill.worker), || {
                fleet.start(&kill.worker);
                Ok(())
            }),
            FaultAction::Pause(pause) => Begun::until(fleet.pause(&pause.worker), || {
                fleet.resume(&pause.worker);
                Ok(())
            }),
            FaultAction::RestartLoop(restarts) => self.restart_loop(restarts, ends_at)?,
            FaultAction::MemberChurn(churn) => match churn.change {
                MemberChange::Join => {
                    fleet.start(&churn.worker);
                    Begun::until(true, || {
                        fleet.stop(&churn.worker);
                        Ok(())
                    })
                }
                MemberChange::Leave => Begun::until(fleet.stop(&churn.worker), || {
                    fleet.start(&churn.worker);
                    Ok(())
                }),
            },
            FaultAction::ForceRebalance(_) => {
                let servers = brokers.bootstrap_servers();
                let (plan, clock) = (self.plan, self.clock());
                let joined = member::join_and_leave(plan, &servers, self.administrator, clock)?;
                Begun::over(joined)
            }
            FaultAction::PartitionGrowth(growth) => {
                Begun::over(self.administrator.grow(&growth.topic, growth.more))
            }
            FaultAction::BrokerKill(kill) => {
                let id = self.broker_id(&kill.broker);
                Begun::until(brokers.kill(id)?, move || Ok(brokers.start_again(id)?))
            }
            FaultAction::BrokerPause(pause) => {
                let id = self.broker_id(&pause.broker);
                Begun::until(brokers.pause(id)?, move || Ok(brokers.resume(id)?))
            }
            FaultAction::BrokerDiskFull(full) => {
                let id = self.broker_id(&full.broker);
                let since = SystemTime::now();
                brokers.fill(id, full.log_dir, full.room_kib)?;
                Begun {
                    hit: false,
                    end: Box::new(move || Ok(brokers.free(id, full.log_dir, since)?)),
                }
            }
            FaultAction::NetworkCut(cut) => {
                let Some((link, worker)) = self.link(action) else {
                    return Ok(Begun::over(false));
                };
                let mut ways = match cut.from == worker {
                    true => vec![Way::ToBroker, Way::ToWorker],
                    false => vec![Way::ToWorker, Way::ToBroker],
                };
                ways.truncate(if cut.both_ways { 2 } else { 1 });
                ways.iter().for_each(|way| link.cut(*way, true));
                Begun::until(true, move || {
                    ways.iter().for_each(|way| link.cut(*way, false));
                    Ok(())
                })
            }
            FaultAction::Delay(delay) => {
                let Some((link, _)) = self.link(action) else {
                    return Ok(Begun::over(false));
                };
                link.delay(Some(delay.latency_us_min..=delay.latency_us_max));
                Begun::until(true, || {
                    link.delay(None);
                    Ok(())
                })
            }
            FaultAction::LostReply(_) => {
                let Some((link, _)) = self.link(action) else {
                    return Ok(Begun::over(false));
                };
                link.lose_next();
                Begun {
                    hit: false,
                    end: Box::new(|| Ok(link.lose_no_more())),
                }
            }
            FaultAction::LoadBurst(burst) => {
                let (loader, sent) = (self.loader, self.loader.sent());
                loader.set_pace(burst.factor);
                Begun {
                    hit: false,
                    end: Box::new(move || {
                        loader.set_pace(1);
                        Ok(loader.sent() > sent)
                    }),
                }
            }
            FaultAction::Upgrade(upgrade) => {
                let lasts = self.clock().now() < ends_at;
                let hit = self.replace_all(upgrade, &upgrade.to)?;
                if lasts {
                    Begun::until(hit, || {
                        self.replace_all(upgrade, &self.plan.pipeline).map(|_| ())
                    })
                } else {
                    Begun::over(hit)
                }
            }
            // `possible` names the others.
            _ => Begun::over(false),
        })
    }

    /// The link that a fault of the network hits, and its worker.
    fn link<'i>(&'i self, action: &'i FaultAction) -> Option<(&'i Link, &'i str)> {
        let (worker, broker) = possible::link(action)?;
        Some((self.brokers.link(worker, broker)?, worker))
    }

    fn restart_loop(
        &self,
        restarts: &restart_loop::Action,
        ends_at: Duration,
    ) -> Result<Begun<'_>, InjectError> {
        let mut kills = 0;
        while self.clock().now() < ends_at {
            kills += u64::from(self.fleet.kill(&restarts.worker));
            let down_until = self.clock().now() + Duration::from_millis(restarts.down_ms);
            self.clock().sleep_until(down_until.min(ends_at))?;
            self.fleet.start(&restarts.worker);
            let up_until = self.clock().now() + Duration::from_millis(restarts.up_ms.max(1));
            self.clock().sleep_until(up_until.min(ends_at))?;
        }
        // Once is a kill.
        Ok(Begun::over(kills > 1))
    }

    /// Whether any worker ran. One that is down starts as the new version when it starts again.
    fn replace_all(&self, upgrade: &upgrade::Action, version: &str) -> Result<bool, InjectError> {
        let mut stopped = Vec::new();
        for name in self.fleet.names() {
            let wanted = self.fleet.is_wanted(&name);
            self.fleet.stop(&name);
            self.fleet.set_version(&name, version);
            if !wanted {
                continue;
            }
            stopped.push(name.clone());
            if upgrade.how == How::Rolling {
                self.fleet.start(&name);
                self.clock()
                    .sleep(Duration::from_millis(upgrade.pause_ms))?;
            }
        }
        for name in stopped.iter().filter(|_| upgrade.how == How::AllAtOnce) {
            self.fleet.start(name);
        }
        Ok(!stopped.is_empty())
    }

    /// After the safety phase: everything that should run does.
    pub(super) fn heal(&self) -> Result<(), InjectError> {
        self.loader.set_pace(1);
        self.brokers.heal_links();
        for id in (1..).take(self.brokers.len()) {
            self.brokers.resume(id)?;
            self.brokers.start_again(id)?;
        }
        for worker in &self.plan.workers {
            self.fleet.resume(&worker.name);
            if worker.at_start {
                self.fleet.start(&worker.name);
            } else {
                self.fleet.stop(&worker.name);
            }
        }
        self.history.event(
            HARNESS,
            HARNESS,
            "fault",
            &[
                ("name", "heal".into()),
                ("phase", "ended".into()),
                ("target", "everything".into()),
            ],
        );
        Ok(())
    }

    /// The broker that a choice means now.
    fn broker_id(&self, choice: &BrokerChoice) -> i32 {
        match choice {
            BrokerChoice::Id(id) => *id,
            BrokerChoice::LeaderOf { topic, partition } => {
                self.administrator.leader_of(topic, *partition).unwrap_or(1)
            }
        }
    }

    fn record(&self, number: usize, action: &FaultAction, phase: &'static str) {
        self.history.event(
            HARNESS,
            HARNESS,
            "fault",
            &[
                ("name", action.name().into()),
                ("phase", phase.into()),
                ("target", action.target().into()),
                ("number", i64::try_from(number).unwrap_or(i64::MAX).into()),
            ],
        );
    }
}

/// `kill worker-2 for 3.1 s`.
fn told(fault: &PlannedFault) -> String {
    let action = &fault.action;
    let lasts = fault
        .for_ms
        .map(|ms| format!(" for {:.1} s", ms as f64 / 1e3));
    format!(
        "{} {}{}",
        action.name(),
        action.target(),
        lasts.unwrap_or_default()
    )
}
