//! Plans are a pure function of scenario and seed, and sensible.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::group_protocol::{GROUP_PROTOCOL, GroupProtocol};
use super::*;
use crate::scenario::Scenario;
use crate::scenario::choice::Choice;
use crate::scenario::tests::of_the_repository;

fn scenario(name: &str) -> Scenario {
    of_the_repository()
        .into_iter()
        .find(|scenario| scenario.name == name)
        .unwrap_or_else(|| panic!("no scenario {name}"))
}

#[test]
fn the_rebalance_storm_is_as_big_as_promised() {
    let storm = scenario("fast/rebalance-storm");
    for seed in 1..=50 {
        let plan = Plan::draw(&storm, seed);
        assert_eq!(plan.cluster.brokers, 3);
        assert_eq!(plan.partitions("trades"), Some(8));
        assert_eq!(
            plan.workers.iter().filter(|worker| worker.at_start).count(),
            3
        );
        assert!(plan.safety_ms >= 60_000);
        let Source::Generator { records, .. } = plan.load.source else {
            panic!("the storm takes a file");
        };
        assert_eq!(records, 1_000);
    }
}

/// The scenario with its protocol fixed.
fn with_protocol(name: &str, protocol: &str) -> Scenario {
    let mut scenario = scenario(name);
    let protocol = Choice::OneOf(vec![protocol.to_owned()]);
    let before = scenario
        .settings
        .insert(GROUP_PROTOCOL.to_owned(), protocol);
    assert!(before.is_some(), "{name} draws no protocol");
    scenario
}

#[test]
fn either_protocol_is_drawn_with_its_own_settings() {
    let storm = scenario("fast/rebalance-storm");
    let mut drawn = BTreeMap::new();
    for seed in 1..=200 {
        let plan = Plan::draw(&storm, seed);
        let protocol = GroupProtocol::of(&plan.settings);
        *drawn
            .entry(plan.settings[GROUP_PROTOCOL].clone())
            .or_insert(0) += 1;
        let is_classic = protocol == GroupProtocol::Classic;
        for name in [
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "partition.assignment.strategy",
        ] {
            assert_eq!(plan.settings.contains_key(name), is_classic, "{name}");
        }
        let names_assignor = plan.settings.contains_key("group.remote.assignor");
        assert_eq!(names_assignor, !is_classic);
        let of_brokers = plan.cluster.group_consumer_session_timeout_ms;
        assert_eq!(of_brokers.is_some(), !is_classic);
        assert!(plan.settings.contains_key("max.poll.interval.ms"));
    }
    assert_eq!(drawn.len(), 2);
    assert!(drawn.values().all(|times| *times > 60), "{drawn:?}");
}

#[test]
fn the_protocol_shifts_no_other_draw() {
    let [classic, consumer] =
        ["classic", "consumer"].map(|protocol| with_protocol("fast/rebalance-storm", protocol));
    for seed in 1..=50 {
        let mut classic = Plan::draw(&classic, seed);
        let mut consumer = Plan::draw(&consumer, seed);
        for plan in [&mut classic, &mut consumer] {
            plan.liveness_ms = 0;
            plan.cluster.group_consumer_session_timeout_ms = None;
            plan.cluster.group_consumer_heartbeat_interval_ms = None;
            let in_both = |name: &String| {
                name != GROUP_PROTOCOL
                    && GroupProtocol::Classic.has(name)
                    && GroupProtocol::Consumer.has(name)
            };
            plan.settings.retain(|name, _| in_both(name));
        }
        assert_eq!(classic, consumer);
    }
}

#[test]
fn a_plan_reads_back() {
    for scenario in of_the_repository() {
        let mut plan = Plan::draw(&scenario, 37);
        plan.load.removed.extend([3, 5]);
        plan.commit = Some("abc".to_owned());
        plan.pin_file(FileFacts {
            xxh3_128: "0".repeat(32),
            rows: 7,
        });
        assert_eq!(Plan::from_json(&plan.to_json()).expect("a plan"), plan);
    }
}

#[test]
fn a_plan_of_another_format_is_refused_with_both_numbers() {
    let plan = Plan::draw(&scenario("fast/steady"), 1);
    let newer = plan
        .to_json()
        .replacen("\"format\": 1", "\"format\": 2", 1)
        .replacen("\"scenario\"", "\"szenario\"", 1);
    let error = Plan::from_json(&newer).expect_err("another format");
    assert_eq!(
        error.to_string(),
        "plan has format 2, this version reads format 1"
    );
    assert!(matches!(
        Plan::from_json("{}"),
        Err(PlanError::Malformed(_))
    ));
    assert!(matches!(
        Plan::from_json("trades"),
        Err(PlanError::Malformed(_))
    ));
}

#[test]
fn a_plan_reads_like_this() {
    let mut plan = Plan::draw(&scenario("fast/crash-restart"), 3);
    plan.faults.truncate(3);
    insta::assert_snapshot!(plan.to_json(), @r#"
    {
      "format": 1,
      "scenario": "fast/crash-restart",
      "seed": 3,
      "commit": null,
      "lock_hash": null,
      "pipeline": "trades",
      "wall_ms_at_start": 1771312888816,
      "cluster": {
        "brokers": 3,
        "group_initial_rebalance_delay_ms": 3000,
        "group_consumer_session_timeout_ms": 8860,
        "group_consumer_heartbeat_interval_ms": 649,
        "latency_us_min": 200,
        "latency_us_max": 2000
      },
      "topics": [
        {
          "name": "trades",
          "partitions": 7
        }
      ],
      "group": "trades",
      "workers": [
        {
          "name": "worker-1",
          "host": "host-a",
          "at_start": true
        },
        {
          "name": "worker-2",
          "host": "host-a",
          "at_start": true
        },
        {
          "name": "worker-3",
          "host": "host-a",
          "at_start": true
        },
        {
          "name": "worker-4",
          "host": "host-a",
          "at_start": true
        }
      ],
      "settings": {
        "group.protocol": "consumer",
        "linger_ms": "179",
        "max.poll.interval.ms": "30000",
        "records_max": "135"
      },
      "load": {
        "topic": "trades",
        "source": {
          "from": "generator",
          "generator": "trades",
          "records": 1000,
          "keys": 40
        },
        "rate_per_s": 49,
        "disorder": {
          "duplicates_ppm": 0,
          "producer_sends_twice_ppm": 0,
          "same_id_other_partition_ppm": 0,
          "out_of_order_ppm": 0,
          "late_ppm": 0,
          "malformed_ppm": 0
        },
        "removed": []
      },
      "safety_ms": 60000,
      "liveness_ms": 233614,
      "faults": [
        {
          "at_ms": 12037,
          "for_ms": 11778,
          "action": {
            "kind": "network-cut",
            "from": "broker-3",
            "to": "worker-4",
            "both_ways": false
          }
        },
        {
          "at_ms": 15773,
          "for_ms": 14353,
          "action": {
            "kind": "pause",
            "worker": "worker-1"
          }
        },
        {
          "at_ms": 18016,
          "for_ms": 5927,
          "action": {
            "kind": "delay",
            "from": "worker-1",
            "to": "broker-1",
            "latency_us_min": 10000,
            "latency_us_max": 500000
          }
        }
      ]
    }
    "#);
}

#[test]
fn every_kind_of_fault_is_on_in_some_seeds_and_off_in_others() {
    for scenario in of_the_repository() {
        let mut seeds_with: BTreeMap<&str, u32> = BTreeMap::new();
        for seed in 1..=100 {
            let plan = Plan::draw(&scenario, seed);
            let kinds: BTreeSet<&str> = plan.faults.iter().map(|f| f.action.name()).collect();
            for kind in kinds {
                *seeds_with.entry(kind).or_default() += 1;
            }
        }
        for entry in &scenario.faults {
            let seeds = seeds_with.get(entry.kind).copied().unwrap_or(0);
            // A scenario's only fault is on nearly always, and so is one of several of a kind.
            let others = scenario.faults.iter().filter(|o| o.kind != entry.kind);
            let same = scenario.faults.iter().filter(|o| o.kind == entry.kind);
            let most = if others.count() == 0 || same.count() > 1 {
                100
            } else {
                90
            };
            assert!(
                (25..=most).contains(&seeds),
                "{}: {} in {seeds} of 100 seeds",
                scenario.name,
                entry.kind
            );
        }
    }
}

#[test]
fn few_seeds_have_no_fault() {
    for scenario in of_the_repository() {
        if scenario.faults.is_empty() {
            continue;
        }
        let quiet = (1..=200)
            .filter(|seed| Plan::draw(&scenario, *seed).faults.is_empty())
            .count();
        assert!(quiet < 60, "{}: {quiet} of 200 seeds", scenario.name);
    }
}

/// Who is down because of a fault.
fn taken_down(action: &FaultAction) -> Option<&str> {
    match action {
        FaultAction::Kill(action) => Some(&action.worker),
        FaultAction::Pause(action) => Some(&action.worker),
        FaultAction::MemberChurn(action) => Some(&action.worker),
        FaultAction::RestartLoop(action) => Some(&action.worker),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn plans_are_pure_and_sensible(seed: u64) {
        for scenario in of_the_repository() {
            let plan = Plan::draw(&scenario, seed);
            prop_assert_eq!(&plan, &Plan::draw(&scenario, seed));
            prop_assert!(plan.faults.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
            prop_assert!(plan.faults.iter().all(|fault| fault.at_ms < plan.safety_ms));

            let names: BTreeSet<&str> = plan.workers.iter().map(|w| w.name.as_str()).collect();
            let mut back_at: BTreeMap<&str, u64> = BTreeMap::new();
            for fault in &plan.faults {
                let Some(worker) = taken_down(&fault.action) else { continue };
                prop_assert!(names.contains(worker), "{} is not in the plan", worker);
                let back = back_at.get(worker).copied().unwrap_or(0);
                prop_assert!(back <= fault.at_ms, "{} is hit while it is down", worker);
                back_at.insert(worker, fault.at_ms + fault.for_ms.unwrap_or(0));
            }
        }
    }

    #[test]
    fn a_different_seed_is_a_different_run(seed in 0_u64..u64::MAX) {
        let storm = scenario("fast/rebalance-storm");
        // Not the faults alone: a seed may draw none, and so may the next.
        let mut plan = Plan::draw(&storm, seed);
        plan.seed = seed + 1;
        prop_assert_ne!(plan, Plan::draw(&storm, seed + 1));
    }
}
