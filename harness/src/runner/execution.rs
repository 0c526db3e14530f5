//! One run, from an empty world to a verdict.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use whitewater_sim::kafka::{self, BrokerSettings, ClusterHandle, ClusterSimConfig};
use whitewater_sim::world::{self, WorldConfig, WorldError};
use whitewater_sim::{host, process, task, time, trace};

use super::fleet::Fleet;
use super::injector::Injector;
use super::loader::Loaded;
use super::{drain, loader, observe, tracing_events};
use crate::checker;
use crate::checker::observation::Observation;
use crate::clients;
use crate::dataset::record::LoadRecord;
use crate::explain;
use crate::pipeline_under_test::{Row, Versions};
use crate::plan::Plan;
use crate::trace::{Event, counts};
use crate::verdict::{Outcome, Verdict};

/// A run that takes more polls than this spins. A run of the heaviest scenario so far takes a
/// hundredth of it.
const POLL_BUDGET: u64 = 200_000_000;

/// How long the brokers may take to create the topics.
const TOPICS_TIMEOUT: Duration = Duration::from_secs(30);

/// Executes a plan on this thread, which must be a fresh one of a forked child. The verdict, and
/// the history it judges. `twin_with_right_clocks` is what [`results`] says of the plan with right
/// clocks, if its own go wrong.
pub(super) fn execute(
    plan: Plan,
    records: Vec<LoadRecord>,
    versions: Versions,
    twin_with_right_clocks: Option<Vec<Row>>,
) -> (Verdict, Vec<Event>) {
    match run_in_world(plan, records, versions) {
        Ok(Finished {
            mut observation,
            loaded,
            hash,
            final_state_hash,
            simulated,
            polls,
        }) => {
            observation.twin_with_right_clocks = twin_with_right_clocks;
            let mut violations = checker::check_all(&observation);
            explain::explain_all(&mut violations, &observation.trace);
            let verdict = Verdict {
                outcome: Outcome::of(violations),
                trace_hash: format!("{hash:032x}"),
                final_state_hash: format!("{final_state_hash:032x}"),
                simulated_ns: u64::try_from(simulated.as_nanos()).unwrap_or(u64::MAX),
                fault_hits: counts::fault_hits(&observation.trace, loaded.fault_hits()),
                probes: counts::probes(&observation.trace),
                counters: counters(&observation, polls),
            };
            let trace = std::mem::take(&mut observation.trace);
            // The child ends next, and takes them along at once.
            std::mem::forget((observation, loaded));
            (verdict, trace)
        }
        Err(error) => (unknown(&error), Vec::new()),
    }
}

/// Executes a plan as [`execute`] does, for its result set alone; none if it was not drained.
pub(super) fn results(
    plan: Plan,
    records: Vec<LoadRecord>,
    versions: Versions,
) -> Option<Vec<Row>> {
    let observation = run_in_world(plan, records, versions).ok()?.observation;
    observation.drained_at_ns?;
    Some(observation.results)
}

fn run_in_world(
    plan: Plan,
    records: Vec<LoadRecord>,
    versions: Versions,
) -> Result<Finished, WorldError> {
    tracing_events::install();
    let config = WorldConfig {
        seed: plan.seed,
        wall_ms_at_start: plan.wall_ms_at_start,
        poll_budget: POLL_BUDGET,
    };
    let plan = Rc::new(plan);
    world::run(config, async move {
        run(plan, Rc::new(records), Rc::new(versions)).await
    })
}

struct Finished {
    observation: Observation,
    loaded: Loaded,
    hash: u128,
    final_state_hash: u128,
    simulated: Duration,
    polls: u64,
}

async fn run(plan: Rc<Plan>, records: Rc<Vec<LoadRecord>>, versions: Rc<Versions>) -> Finished {
    let cluster = start_cluster(&plan);
    let brokers = cluster.bootstrap_servers();
    create_topics(&plan, &brokers).await;
    let fleet = Fleet::create(&plan, versions, &brokers);
    for worker in plan.workers.iter().filter(|worker| worker.at_start) {
        fleet.start(&worker.name);
    }
    let (loader, loaded) = loader::start(&plan, &brokers, records);

    // Safety: load and faults.
    let heal_at = time::now() + Duration::from_millis(plan.safety_ms);
    let injector = Injector {
        plan: plan.clone(),
        fleet: fleet.clone(),
        cluster: cluster.clone(),
        loader,
        loaded: loaded.clone(),
    };
    let faults = injector.start(heal_at);
    time::sleep_until(heal_at).await;
    for fault in faults {
        // A fault's task has no way to fail but a panic, which the trace then holds.
        let _ = fault.await;
    }
    injector.heal().await;
    let healed_at_ns = u64::try_from(time::now().as_nanos()).unwrap_or(u64::MAX);

    // Liveness: what is there must be worked off.
    let drained_at_ns = drain::wait(&plan, &cluster, &fleet, &loaded).await;
    for name in fleet.names() {
        fleet.stop(&name).await;
    }

    let observation = observe::observe(
        &plan,
        &cluster,
        &fleet,
        &loaded,
        healed_at_ns,
        drained_at_ns,
    )
    .await;
    let final_state_hash = observe::final_state_hash(&observation);
    Finished {
        observation,
        loaded,
        hash: trace::hash(),
        final_state_hash,
        simulated: time::now(),
        polls: world::polls(),
    }
}

fn start_cluster(plan: &Plan) -> ClusterHandle {
    let default = BrokerSettings::default();
    let interval_ms = plan.cluster.log_retention_check_interval_ms;
    let small = |milliseconds: u64| {
        let milliseconds = i32::try_from(milliseconds);
        milliseconds.expect("a scenario checked that it is a small number of milliseconds")
    };
    let session_ms = plan.cluster.group_consumer_session_timeout_ms;
    let heartbeat_ms = plan.cluster.group_consumer_heartbeat_interval_ms;
    let settings = BrokerSettings {
        group_consumer_session_timeout_ms: session_ms
            .map_or(default.group_consumer_session_timeout_ms, small),
        group_consumer_heartbeat_interval_ms: heartbeat_ms
            .map_or(default.group_consumer_heartbeat_interval_ms, small),
        log_dirs: usize::try_from(plan.cluster.log_dirs).unwrap_or(1),
        log_retention_check_interval_ms: interval_ms
            .unwrap_or(default.log_retention_check_interval_ms),
        group_initial_rebalance_delay_ms: plan
            .cluster
            .group_initial_rebalance_delay_ms
            .try_into()
            .expect("a scenario's delay is a small number of milliseconds"),
        ..default
    };
    whitewater_sim::link::set_latency(
        Duration::from_micros(plan.cluster.latency_us_min)
            ..Duration::from_micros(plan.cluster.latency_us_max + 1),
    );
    kafka::start_cluster(ClusterSimConfig {
        brokers: plan.cluster.brokers,
        settings,
    })
}

/// Creates the topics as an administrator's client does.
async fn create_topics(plan: &Rc<Plan>, brokers: &str) {
    let process = process::create_process(host::create_host("admin-host"), "admin");
    let (plan, brokers) = (plan.clone(), brokers.to_owned());
    process::start(process, move || async move {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .create()
            .expect("a fixed configuration that the client knows");
        let options = AdminOptions::new().operation_timeout(Some(TOPICS_TIMEOUT));
        let created = admin
            .create_topics(&clients::new_topics(&plan), &options)
            .await
            .expect("healthy brokers answer");
        for topic in created {
            topic.expect("no topic exists yet, and its configuration is one that brokers know");
        }
    });
    process::exited(process).await;
    // Clients that start now find every topic.
    task::yield_now().await;
}

fn counters(observation: &Observation, polls: u64) -> BTreeMap<String, u64> {
    let rebalances = counts::of_kind(&observation.trace, "group_state")
        .filter(|event| {
            // The classic protocol's name for it, and the consumer protocol's.
            let state = event.text("state");
            matches!(state, Some("PreparingRebalance" | "Reconciling"))
        })
        .count();
    BTreeMap::from([
        ("records".to_owned(), observation.log.len() as u64),
        ("rows".to_owned(), observation.results.len() as u64),
        ("rebalances".to_owned(), rebalances as u64),
        ("events".to_owned(), observation.trace.len() as u64),
        ("polls".to_owned(), polls),
    ])
}

/// A world that stopped by itself has proven nothing.
fn unknown(error: &WorldError) -> Verdict {
    Verdict::unknown(error.to_string())
}
