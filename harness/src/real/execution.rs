//! One run, from no cluster to a verdict.

#![expect(
    clippy::disallowed_methods,
    reason = "real threads and real time: no part of a simulated build"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::administrator::{Administrator, Partition};
use super::brokers::Brokers;
use super::clock::{Clock, Interrupted};
use super::fleet::Fleet;
use super::history::History;
use super::injector::{InjectError, Injector};
use super::loader::{LoadError, Loader};
use super::observe::Scene;
use super::possible;
use super::protocol::{RealRunRequest, TRACE};
use crate::checker::observation::Observation;
use crate::dataset::record::LoadRecord;
use crate::explain;
use crate::pipeline_under_test::Versions;
use crate::plan::Plan;
use crate::sinks::Sinks;
use crate::trace::counts;
use crate::verdict::{Outcome, Verdict};

/// How often it is looked at whether all is worked off.
const DRAIN_LOOK: Duration = Duration::from_millis(500);

/// How often open files are counted.
const OPEN_FILES_LOOK: Duration = Duration::from_secs(1);

/// How often whoever waits hears how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

/// Hears of what happens, and when since the begin.
pub(super) type Tell<'r> = &'r (dyn Fn(Option<Duration>, String) + Sync);

/// Executes a plan. Ends early, and without an answer, once `called_off` is set.
pub(super) fn execute(
    request: &RealRunRequest,
    records: Vec<LoadRecord>,
    versions: Versions,
    called_off: &AtomicBool,
    tell: Tell<'_>,
) -> Verdict {
    match run(request, records, versions, called_off, tell) {
        Ok(verdict) => verdict,
        Err(why) => Verdict::unknown(why),
    }
}

fn run(
    request: &RealRunRequest,
    records: Vec<LoadRecord>,
    versions: Versions,
    called_off: &AtomicBool,
    tell: Tell<'_>,
) -> Result<Verdict, String> {
    let plan = &*request.plan;
    let text = |error: &dyn std::fmt::Display| error.to_string();
    tell(None, format!("starting Kafka from {}", request.image));
    let brokers = Brokers::start(plan, &request.image).map_err(|error| text(&error))?;
    let servers = brokers.bootstrap_servers();
    let administrator = Administrator::new(plan, &servers).map_err(|error| text(&error))?;
    let is_called_off = || called_off.load(Ordering::SeqCst);
    brokers
        .wait(&administrator, &is_called_off)
        .map_err(|error| text(&error))?;
    if is_called_off() {
        return Err(Interrupted.to_string());
    }
    administrator.create_topics(plan)?;
    while !administrator.has_coordinator(plan) {
        if is_called_off() {
            return Err(Interrupted.to_string());
        }
    }

    let history = Arc::new(History::begin(Arc::new(Clock::begin())));
    let fleet = Fleet::create(plan, versions, &brokers, &request.folder, history.clone())
        .map_err(|error| text(&error))?;
    let closing = Closing(fleet.clone());
    let tell_now = |what: String| tell(Some(history.clock.now()), what);
    let run = Run {
        plan,
        brokers: &brokers,
        servers: &servers,
        administrator: &administrator,
        fleet: &fleet,
        loader: Loader::new(Arc::new(records), history.clone()),
        history: &history,
        tell: &tell_now,
    };
    let ended = AtomicBool::new(false);
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| run.look_around(called_off, &ended));
        let ran = run.run();
        ended.store(true, Ordering::SeqCst);
        ran
    });
    let observation = match ran {
        Ok(observation) => observation,
        Err(_) if is_called_off() => {
            let far = run.how_far();
            drop(closing);
            return Err(format!("interrupted; {far}"));
        }
        Err(why) => return Err(why),
    };
    run.judge(observation, &request.folder.join(TRACE))
}

/// Ends the workers however the run ends.
struct Closing(Fleet);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Run<'r> {
    plan: &'r Plan,
    brokers: &'r Brokers,
    servers: &'r str,
    administrator: &'r Administrator,
    fleet: &'r Fleet,
    loader: Arc<Loader>,
    history: &'r Arc<History>,
    tell: &'r (dyn Fn(String) + Sync),
}

impl Run<'_> {
    fn clock(&self) -> &Clock {
        &self.history.clock
    }

    fn run(&self) -> Result<Observation, String> {
        for worker in self.plan.workers.iter().filter(|worker| worker.at_start) {
            self.fleet.start(&worker.name);
        }
        (self.tell)(format!("{} up, workers started", self.servers));
        let begin = self.clock().now();
        let injector = Injector {
            plan: self.plan,
            fleet: self.fleet,
            brokers: self.brokers,
            administrator: self.administrator,
            loader: &self.loader,
            history: self.history,
            tell: self.tell,
        };
        std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                let sent = self.loader.send(self.plan, self.servers);
                if let Err(LoadError::Client(_)) = &sent {
                    self.clock().call_off();
                }
                sent
            });
            let ended = self.safety_and_liveness(&injector, begin);
            if ended.is_err() {
                self.clock().call_off();
            }
            let sent = load.join().map_err(|_| "the loader panicked".to_owned())?;
            match (ended, sent) {
                (_, Err(error @ LoadError::Client(_))) => Err(error.to_string()),
                (ended, _) => ended,
            }
        })
    }

    fn safety_and_liveness(
        &self,
        injector: &Injector<'_>,
        begin: Duration,
    ) -> Result<Observation, String> {
        // Safety: load and faults.
        let text = |error: InjectError| error.to_string();
        let heal_at = begin + Duration::from_millis(self.plan.safety_ms);
        injector.run(begin, heal_at).map_err(text)?;
        self.sleep_until(heal_at)?;
        injector.heal().map_err(text)?;
        let healed_at_ns = self.clock().now_ns();
        (self.tell)("healed; what is left must be worked off".to_owned());

        // Liveness: what is there must be worked off.
        let drained_at_ns = self
            .wait_until_drained()
            .map_err(|error| error.to_string())?;
        for name in self.fleet.names() {
            self.fleet.stop(&name);
        }
        let scene = Scene {
            plan: self.plan,
            administrator: self.administrator,
            brokers: self.servers,
            fleet: self.fleet,
            loader: &self.loader,
            history: self.history,
            healed_at_ns,
            drained_at_ns,
        };
        // A load that never got its answers is not waited for.
        if drained_at_ns.is_none() {
            self.clock().call_off();
        }
        scene.observe()
    }

    fn sleep_until(&self, at: Duration) -> Result<(), String> {
        self.clock()
            .sleep_until(at)
            .map_err(|error| error.to_string())
    }

    /// Waits until every record is acknowledged and every committed offset is at its log's end, or
    /// the bound is over. When that was.
    fn wait_until_drained(&self) -> Result<Option<u64>, Interrupted> {
        let bound = self.clock().now() + Duration::from_millis(self.plan.liveness_ms);
        loop {
            if self.loader.is_finished()
                && self.is_drained()
                && self.administrator.outputs_are_stable()
            {
                return Ok(Some(self.clock().now_ns()));
            }
            if self.clock().now() >= bound {
                return Ok(None);
            }
            self.clock().sleep(DRAIN_LOOK)?;
        }
    }

    fn is_drained(&self) -> bool {
        let Some(bounds) = self.administrator.log_bounds() else {
            return false;
        };
        let partitions: Vec<Partition> = bounds.keys().cloned().collect();
        let reached = match self.fleet.superseded().is_empty() {
            true => self.administrator.committed_offsets(&partitions),
            // Another version may have committed those offsets: the sink says how far this one is.
            false => self.next_offsets(),
        };
        let Some(reached) = reached else {
            return false;
        };
        bounds.iter().all(|(partition, (_, end))| {
            *end == 0 || reached.get(partition).is_some_and(|offset| offset >= end)
        })
    }

    /// The furthest of the sinks' next offsets; none if the pipeline leaves them to Kafka, or a sink
    /// can't be read now.
    fn next_offsets(&self) -> Option<BTreeMap<Partition, i64>> {
        let (_, pipeline) = self.fleet.current();
        let mut reached = BTreeMap::new();
        for context in self.fleet.one_per_host().values() {
            for next in pipeline.next_offsets(context).ok()?? {
                let offset: &mut i64 = reached.entry((next.topic, next.partition)).or_default();
                *offset = next.offset.max(*offset);
            }
        }
        Some(reached)
    }

    /// Beside the run, until it has ended: passes on that it is called off, counts open files, says
    /// how far it is.
    fn look_around(&self, called_off: &AtomicBool, ended: &AtomicBool) {
        let tick = Duration::from_millis(100);
        let (mut files_at, mut progress_at) = (OPEN_FILES_LOOK, PROGRESS);
        while !ended.load(Ordering::SeqCst) {
            if called_off.load(Ordering::SeqCst) {
                self.clock().call_off();
                return;
            }
            let now = self.clock().now();
            if now >= files_at {
                self.fleet.look_at_open_files();
                files_at = now + OPEN_FILES_LOOK;
            }
            if now >= progress_at {
                (self.tell)(self.how_far());
                progress_at = now + PROGRESS;
            }
            std::thread::sleep(tick);
        }
    }

    fn how_far(&self) -> String {
        let (_, pipeline) = self.fleet.current();
        let hosts = self.fleet.one_per_host();
        let rows = hosts.values().map(|context| {
            let sinks = Sinks::read(pipeline, context).unwrap_or_default();
            sinks.results.len()
        });
        format!(
            "{} records sent, {} rows",
            self.loader.sent(),
            rows.sum::<usize>()
        )
    }

    fn judge(&self, observation: Observation, trace: &std::path::Path) -> Result<Verdict, String> {
        let checkers = possible::CHECKERS.iter();
        let mut violations: Vec<_> = checkers.flat_map(|check| check(&observation)).collect();
        explain::explain_all(&mut violations, &observation.trace);
        let lines = observation.trace.iter().map(|event| {
            // An event is text and numbers.
            serde_json::to_string(event).unwrap_or_default() + "\n"
        });
        std::fs::write(trace, lines.collect::<String>())
            .map_err(|error| format!("can't write {}: {error}", trace.display()))?;
        Ok(Verdict {
            outcome: Outcome::of(violations),
            trace_hash: String::new(),
            final_state_hash: String::new(),
            simulated_ns: self.clock().now_ns(),
            fault_hits: counts::fault_hits(&observation.trace, self.loader.fault_hits()),
            probes: counts::probes(&observation.trace),
            counters: BTreeMap::from([
                ("records".to_owned(), observation.log.len() as u64),
                ("rows".to_owned(), observation.results.len() as u64),
                ("events".to_owned(), observation.trace.len() as u64),
            ]),
        })
    }
}
