//! From a scenario and a seed to a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::bound::{liveness_ms, refresh_ms};
use super::group_protocol::GroupProtocol;
use super::stream::{Concern, stream};
use super::{
    ClusterPlan, Disorder, FORMAT, LoadPlan, Plan, PlannedFault, Source, TopicPlan, WorkerPlan,
};
use crate::fault::site::{Site, SiteWorker};
use crate::fault::{hanging_transaction, partition_growth};
use crate::scenario::Scenario;
use crate::scenario::choice::Choice;
use crate::scenario::load::Load;
use crate::scenario::range::Range;

/// Wall clocks start within the year after 2026-01-01T00:00:00Z.
const EARLIEST_START_MS: i64 = 1_767_225_600_000;
const YEAR_MS: i64 = 365 * 24 * 3_600 * 1_000;

/// One seed in so many has no faults at all.
const FAULT_FREE_ONE_IN: u32 = 16;

/// The host of all workers.
pub(crate) const HOST: &str = "host-a";

/// So many workers more, at most, where members come and go.
pub(crate) const SPARE_WORKERS_MAX: u64 = 2;

/// Keys where the scenario names no number: enough for a long tail, few enough for a hot one.
const DEFAULT_KEYS: u64 = 100;

impl Plan {
    /// Draws the plan of a seed: a pure function of both arguments.
    #[must_use]
    pub fn draw(scenario: &Scenario, seed: u64) -> Self {
        let mut random = stream(seed, Concern::Topology);
        let mut cluster = ClusterPlan {
            brokers: scenario.cluster.brokers.draw(&mut random) as u32,
            group_initial_rebalance_delay_ms: scenario
                .cluster
                .group_initial_rebalance_delay_ms
                .draw(&mut random),
            group_consumer_session_timeout_ms: None,
            group_consumer_heartbeat_interval_ms: None,
            log_dirs: 1,
            log_retention_check_interval_ms: None,
            latency_us_min: scenario.cluster.latency.low.as_micros() as u64,
            latency_us_max: scenario.cluster.latency.high.as_micros() as u64,
        };
        let mut topics = draw_topics(scenario, &mut random);
        let workers = draw_workers(scenario, &mut random);
        let duration = scenario.duration.draw(&mut random);
        let wall_ms_at_start = EARLIEST_START_MS + random.random_range(0..YEAR_MS);
        cluster.log_dirs = scenario.cluster.log_dirs.draw(&mut random);
        let interval_ms = &scenario.cluster.log_retention_check_interval_ms;
        cluster.log_retention_check_interval_ms =
            interval_ms.as_ref().map(|range| range.draw(&mut random));
        for topic in &mut topics {
            let replicas = scenario.topics[&topic.name].replication_factor;
            let drawn = replicas.draw(&mut random);
            topic.replication_factor = drawn.min(u64::from(cluster.brokers));
        }

        let settings = draw_settings(scenario, seed, &mut cluster);
        let swarm = Swarm::draw(scenario, seed);
        let load = draw_load(scenario, &swarm, seed);
        let sending_ms = sending_ms(&load);
        let safety_ms = (duration.as_millis() as u64).max(sending_ms);
        let mut site = Site::new(
            workers.iter().map(SiteWorker::from).collect(),
            u64::from(cluster.brokers),
        );
        site.topic.clone_from(&load.topic);
        site.log_dirs = cluster.log_dirs;
        let faults = draw_faults(scenario, &swarm, site, safety_ms, seed);
        let grows = partition_growth::is_among(&faults);
        let liveness_ms = liveness_ms(&settings, &cluster, records_sent(&load))
            + if grows { refresh_ms(&settings) } else { 0 }
            + hanging_transaction::waited_for_ms_max(&faults);
        Self {
            format: FORMAT,
            scenario: scenario.name.clone(),
            seed,
            commit: None,
            lock_hash: None,
            pipeline: scenario.pipeline.clone(),
            wall_ms_at_start,
            cluster,
            topics,
            group: scenario.pipeline.clone(),
            workers,
            settings,
            load,
            safety_ms,
            liveness_ms,
            faults,
            costs: None,
        }
    }
}

impl From<&WorkerPlan> for SiteWorker {
    fn from(worker: &WorkerPlan) -> Self {
        Self {
            name: worker.name.clone(),
            host: worker.host.clone(),
            at_start: worker.at_start,
        }
    }
}

fn draw_topics(scenario: &Scenario, random: &mut ChaCha8Rng) -> Vec<TopicPlan> {
    scenario
        .topics
        .iter()
        .map(|(name, topic)| TopicPlan {
            name: name.clone(),
            partitions: topic.partitions.draw(random) as i32,
            replication_factor: 1,
            config: draw_each(&topic.config, random),
            output: topic.output,
        })
        .collect()
}

/// The workers, and up to two more where the scenario lets members come and go.
fn draw_workers(scenario: &Scenario, random: &mut ChaCha8Rng) -> Vec<WorkerPlan> {
    let started = scenario.workers.count.draw(random);
    let churns = scenario
        .faults
        .iter()
        .any(|entry| entry.kind == "member-churn");
    let spare = if churns {
        random.random_range(1..=SPARE_WORKERS_MAX)
    } else {
        0
    };
    (1..=started + spare)
        .map(|number| WorkerPlan {
            name: format!("worker-{number}"),
            host: HOST.to_owned(),
            at_start: number <= started,
        })
        .collect()
}

/// The settings, and what the brokers decide for them. The group's protocol has randomness of its own;
/// what the other protocol would need is drawn, so that the rest stays as it was, and left out.
fn draw_settings(
    scenario: &Scenario,
    seed: u64,
    cluster: &mut ClusterPlan,
) -> BTreeMap<String, String> {
    let mut random = stream(seed, Concern::Settings);
    let mut of_protocol = stream(seed, Concern::GroupProtocol);
    let of_cluster = &scenario.cluster;
    let mut draw = |range: &Option<Range<u64>>| {
        let range = range.as_ref();
        range.map(|range| range.draw(&mut of_protocol))
    };
    cluster.group_consumer_session_timeout_ms = draw(&of_cluster.group_consumer_session_timeout_ms);
    cluster.group_consumer_heartbeat_interval_ms =
        draw(&of_cluster.group_consumer_heartbeat_interval_ms);
    let drawn = scenario.settings.iter().map(|(name, choice)| {
        let value = if GroupProtocol::chooses(name) {
            choice.draw(&mut of_protocol)
        } else {
            choice.draw(&mut random)
        };
        (name.clone(), value)
    });
    let mut settings: BTreeMap<String, String> = drawn.collect();
    let protocol = GroupProtocol::of(&settings);
    settings.retain(|name, _| protocol.has(name));
    if protocol == GroupProtocol::Classic {
        cluster.group_consumer_session_timeout_ms = None;
        cluster.group_consumer_heartbeat_interval_ms = None;
    }
    settings
}

fn draw_each(
    choices: &IndexMap<String, Choice>,
    random: &mut ChaCha8Rng,
) -> BTreeMap<String, String> {
    choices
        .iter()
        .map(|(name, choice)| (name.clone(), choice.draw(random)))
        .collect()
}

/// Which families of faults are on: swarm testing (Groce et al., ISSTA 2012). All of them on at
/// once hide each other; each seed turns about half of them off.
#[derive(Debug)]
struct Swarm {
    entries: Vec<bool>,
    families: BTreeSet<&'static str>,
}

impl Swarm {
    fn draw(scenario: &Scenario, seed: u64) -> Self {
        let mut random = stream(seed, Concern::Swarm);
        let mut entries: Vec<bool> = scenario.faults.iter().map(|_| random.random()).collect();
        let possible: Vec<&'static str> = scenario.load.families().collect();
        let mut families: BTreeSet<&'static str> = possible
            .iter()
            .copied()
            .filter(|_| random.random())
            .collect();
        let nothing_is_on = !entries.contains(&true) && families.is_empty();
        if nothing_is_on && !random.random_ratio(1, FAULT_FREE_ONE_IN) {
            if entries.is_empty() {
                families.extend(possible.choose(&mut random));
            } else {
                let chosen = random.random_range(0..entries.len());
                entries[chosen] = true;
            }
        }
        Self { entries, families }
    }
}

fn draw_load(scenario: &Scenario, swarm: &Swarm, seed: u64) -> LoadPlan {
    let load = &scenario.load;
    let mut random = stream(seed, Concern::Load);
    let source = draw_source(load, &mut random);
    let rate_per_s = load.rate_per_s.draw(&mut random);
    // Drawn even when off, so that turning one family off leaves the others as they were.
    let drawn: BTreeMap<&str, u32> = load
        .shares()
        .into_iter()
        .map(|(family, share)| (family, share.draw(&mut random).parts_per_million))
        .collect();
    let malformed_in_a_row = load.malformed_in_a_row.draw(&mut random);
    let share = |family: &str| {
        let on = swarm.families.contains(family);
        drawn.get(family).copied().filter(|_| on).unwrap_or(0)
    };
    let disorder = Disorder {
        duplicates_ppm: share("duplicates"),
        producer_sends_twice_ppm: share("producer-sends-twice"),
        same_id_other_partition_ppm: share("same-id-other-partition"),
        out_of_order_ppm: share("out-of-order"),
        late_ppm: share("late"),
        malformed_ppm: share("malformed"),
        malformed_more: match share("malformed") {
            0 => 0,
            _ => malformed_in_a_row.saturating_sub(1),
        },
        hot_key_ppm: share("hot-key"),
    };
    let topic = load.topic.as_ref().or_else(|| scenario.inputs().next());
    LoadPlan {
        topic: topic.cloned().unwrap_or_default(),
        idempotent: load.idempotent,
        source,
        rate_per_s,
        disorder,
        removed: BTreeSet::new(),
    }
}

fn draw_source(load: &Load, random: &mut ChaCha8Rng) -> Source {
    let draw = |range: Option<Range<u64>>, default: u64, random: &mut ChaCha8Rng| {
        range.map_or(default, |range| range.draw(random))
    };
    match (&load.generator, &load.file) {
        (Some(generator), _) => Source::Generator {
            generator: *generator,
            skip: 0,
            records: draw(load.records, 0, random),
            keys: draw(load.keys, DEFAULT_KEYS, random),
        },
        (None, file) => Source::File {
            name: file.clone().unwrap_or_default(),
            skip: draw(load.skip, 0, random),
            take: draw(load.take, 0, random),
            key: load.key.clone(),
            id: load.id.clone().unwrap_or_else(|| "id".to_owned()),
            facts: None,
        },
    }
}

/// How many records are sent at most, repetitions and malformed rows included.
pub(crate) fn records_sent(load: &LoadPlan) -> u64 {
    let records = match &load.source {
        Source::Generator { records, .. } => *records,
        Source::File { take, .. } => *take,
    };
    let disorder = &load.disorder;
    let more_ppm = [
        disorder.duplicates_ppm,
        disorder.producer_sends_twice_ppm,
        disorder.same_id_other_partition_ppm,
    ]
    .into_iter()
    .map(u64::from)
    .sum::<u64>()
        + u64::from(disorder.malformed_ppm) * (1 + disorder.malformed_more);
    records + (u128::from(records) * u128::from(more_ppm)).div_ceil(1_000_000) as u64
}

/// How long sending takes while no broker is down, in milliseconds.
fn sending_ms(load: &LoadPlan) -> u64 {
    records_sent(load)
        .saturating_mul(1_000)
        .div_ceil(load.rate_per_s.max(1))
}

fn draw_faults(
    scenario: &Scenario,
    swarm: &Swarm,
    mut site: Site,
    safety_ms: u64,
    seed: u64,
) -> Vec<PlannedFault> {
    let phase = Duration::from_millis(safety_ms);
    let mut faults = Vec::new();
    for (index, entry) in scenario.faults.iter().enumerate() {
        if !swarm.entries[index] {
            continue;
        }
        let mut random = stream(seed, Concern::Fault(index as u16));
        for at in entry.timing.draw(phase, &mut random) {
            if let Some(drawn) = entry.fault.draw(at, &mut site, &mut random) {
                faults.push(PlannedFault {
                    at_ms: at.as_millis() as u64,
                    for_ms: drawn.lasts.map(|lasts| lasts.as_millis() as u64),
                    when: entry.when.clone(),
                    action: drawn.action,
                });
            }
        }
    }
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}
