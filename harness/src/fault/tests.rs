//! Every kind of fault: how it is written, what a seed draws from it, what a plan says.

use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use toml::de::ValueDeserializer;

use super::Fault;
use super::action::FaultAction;
use super::registry::{self, KINDS};
use super::site::{Site, SiteWorker};

/// An entry of each kind, without what all kinds have in common.
const ENTRIES: &[(&str, &str)] = &[
    ("kill", "{}"),
    ("pause", "{ for = '1s..20s' }"),
    ("power-loss", "{ for = '1s' }"),
    ("restart-loop", "{ for = '5s', up = '1s', down = '100ms' }"),
    ("slow-cpu", "{ for = '5s', a_record = '1ms..500ms' }"),
    ("member-churn", "{ for = '1s..8s' }"),
    ("force-rebalance", "{}"),
    ("partition-growth", "{}"),
    ("broker-kill", "{ target = 'leader of trades-3' }"),
    ("broker-pause", "{ for = '1s' }"),
    ("broker-slow", "{ for = '5s', a_request = '1ms..500ms' }"),
    ("network-cut", "{ for = '1s', direction = 'one-way' }"),
    ("delay", "{ for = '1s', latency = '1ms..2s' }"),
    ("loss", "{ for = '1s', share = '1%..30%' }"),
    ("lost-reply", "{}"),
    ("load-burst", "{ for = '1s', factor = '2..100' }"),
    ("clock-skew", "{ for = '1s', by = '-1d..1d' }"),
    (
        "clock-drift",
        "{ for = '1s', target = 'any broker', rate_ppm = '-500_000..500_000' }",
    ),
    ("clock-jump", "{ target = 'loader', by = '-1d..1d' }"),
    ("disk-full", "{ for = '1s', room_kib = '0..256' }"),
    ("disk-error", "{ for = '1s', operation = 'write' }"),
    ("fsync-error", "{ for = '1s' }"),
    ("fsync-slow", "{ for = '1s', latency = '50ms..3s' }"),
    ("rewind-committed", "{ records = '1..50' }"),
    (
        "broker-disk-full",
        "{ for = '1s', target = 'any broker', room_kib = '0..64' }",
    ),
    (
        "upgrade",
        "{ for = '5s', to = 'trades@2', how = 'all-at-once' }",
    ),
    ("hanging-transaction", "{ for = '1s..20s' }"),
];

fn fault(kind: &str, entry: &str) -> Box<dyn Fault> {
    let kind = registry::find(kind).unwrap_or_else(|| panic!("no kind {kind}"));
    let value = ValueDeserializer::parse(entry).expect("a table");
    (kind.parse)(value).unwrap_or_else(|error| panic!("{}: {error}", kind.name))
}

fn site() -> Site {
    let worker = |number: u32| SiteWorker {
        name: format!("worker-{number}"),
        host: "host-a".to_owned(),
        at_start: number < 4,
    };
    let mut site = Site::new((1..=4).map(worker).collect(), 3);
    site.topic = "trades".to_owned();
    site
}

#[test]
fn every_kind_has_an_entry_here() {
    let listed: Vec<&str> = ENTRIES.iter().map(|(kind, _)| *kind).collect();
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_kind_is_in_the_table_of_the_docs() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md"));
    let page = page.expect("the page is there");
    for kind in KINDS {
        let row = format!("| `{}` |", kind.name);
        assert!(page.contains(&row), "{} has no row", kind.name);
    }
}

#[test]
fn every_kind_is_drawn_like_this() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let drawn: Vec<String> = ENTRIES
        .iter()
        .map(|(kind, entry)| {
            let drawn = fault(kind, entry)
                .draw(Duration::from_secs(9), &mut site(), &mut random)
                .unwrap_or_else(|| panic!("{kind} finds nothing to hit"));
            let plan = serde_json::to_string(&drawn.action).expect("plain values");
            assert_eq!(drawn.action.name(), *kind);
            let lasts = drawn
                .lasts
                .map_or_else(|| "at once".to_owned(), |lasts| format!("{lasts:?}"));
            format!("{:<18} {lasts:<10} {plan}", drawn.action.target())
        })
        .collect();
    insta::assert_snapshot!(drawn.join("\n"), @r#"
    worker-3           4.622371s  {"kind":"kill","worker":"worker-3"}
    worker-2           5.009849s  {"kind":"pause","worker":"worker-2"}
    host-a             1s         {"kind":"power-loss","host":"host-a"}
    worker-1           5s         {"kind":"restart-loop","worker":"worker-1","up_ms":1000,"down_ms":100}
    worker-1           5s         {"kind":"slow-cpu","worker":"worker-1","record_us":353606}
    worker-3           7.591584s  {"kind":"member-churn","worker":"worker-3","change":"leave"}
    member 3           at once    {"kind":"force-rebalance","member":3}
    trades             at once    {"kind":"partition-growth","topic":"trades","more":4}
    leader of trades-3 5.030744s  {"kind":"broker-kill","broker":{"leader-of":{"topic":"trades","partition":3}}}
    broker-1           1s         {"kind":"broker-pause","broker":{"id":1}}
    broker-3           5s         {"kind":"broker-slow","broker":{"id":3},"request_us":456266}
    worker-1 -> broker-2 1s         {"kind":"network-cut","from":"worker-1","to":"broker-2","both_ways":false}
    worker-2 <-> broker-1 1s         {"kind":"delay","from":"worker-2","to":"broker-1","latency_us_min":1000,"latency_us_max":2000000}
    worker-3 <-> broker-3 1s         {"kind":"loss","from":"worker-3","to":"broker-3","share_ppm":63687}
    broker-1 -> worker-1 1s         {"kind":"lost-reply","broker":"broker-1","worker":"worker-1"}
    load               1s         {"kind":"load-burst","factor":70}
    host-a             1s         {"kind":"clock-skew","host":"host-a","by_us":13767326576}
    broker-1           1s         {"kind":"clock-drift","host":"broker-1","rate_ppm":-270496}
    loader             at once    {"kind":"clock-jump","host":"loader","by_us":78302011151}
    host-a             1s         {"kind":"disk-full","host":"host-a","room_kib":141}
    host-a             1s         {"kind":"disk-error","host":"host-a","operation":"write","after":180,"times":8}
    host-a             1s         {"kind":"fsync-error","host":"host-a","after":7,"times":7}
    host-a             1s         {"kind":"fsync-slow","host":"host-a","latency_us_min":50000,"latency_us_max":3000000}
    group              10s        {"kind":"rewind-committed","records":29}
    broker-3           1s         {"kind":"broker-disk-full","broker":{"id":3},"log_dir":0,"room_kib":22}
    trades@2           5s         {"kind":"upgrade","to":"trades@2","how":"all-at-once","pause_ms":4941}
    trades             6.774019s  {"kind":"hanging-transaction","topic":"trades","timeout_ms":6774}
    "#);
}

#[test]
fn a_part_of_a_host_is_taken_and_not_the_host() {
    let mut site = site();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |kind: &str, entry: &str| {
        let at = Duration::from_secs(9);
        fault(kind, entry)
            .draw(at, &mut site, &mut random)
            .is_some()
    };
    assert!(draw("disk-full", "{ for = '10s' }"));
    assert!(!draw("disk-full", "{ for = '10s' }"), "it is full already");
    assert!(draw("fsync-slow", "{ for = '10s', latency = '1s' }"));
    assert!(draw("power-loss", "{ for = '10s' }"));
}

#[test]
fn a_broker_with_a_full_disk_is_not_taken_down_besides() {
    let mut site = site();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |kind: &str| {
        let entry = "{ target = 'broker-2', for = '10s' }";
        let drawn = fault(kind, entry).draw(Duration::ZERO, &mut site, &mut random);
        drawn.is_some()
    };
    assert!(draw("broker-disk-full"));
    assert!(!draw("broker-kill"));
}

#[test]
fn a_named_target_is_the_only_one() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut target = |kind: &str, entry: &str| {
        let drawn = fault(kind, entry).draw(Duration::ZERO, &mut site(), &mut random);
        drawn.map(|drawn| drawn.action.target())
    };
    for _ in 0..20 {
        let skewed = target(
            "clock-skew",
            "{ target = 'broker-2', for = '1s', by = '1s' }",
        );
        assert_eq!(skewed.as_deref(), Some("broker-2"));
        let slow = target(
            "slow-cpu",
            "{ target = 'worker-3', for = '1s', a_record = '1s' }",
        );
        assert_eq!(slow.as_deref(), Some("worker-3"));
    }
    assert_eq!(
        target("clock-jump", "{ target = 'broker-9', by = '1s' }"),
        None
    );
    assert_eq!(
        target("disk-full", "{ target = 'host-z', for = '1s' }"),
        None
    );
}

proptest! {
    #[test]
    fn what_a_seed_draws_reads_back_from_a_plan(seed: u64, kind in 0..ENTRIES.len()) {
        let (kind, entry) = ENTRIES[kind];
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let drawn = fault(kind, entry).draw(Duration::ZERO, &mut site(), &mut random);
        let action = drawn.expect("everybody is there").action;
        let text = serde_json::to_string(&action).expect("plain values");
        prop_assert_eq!(serde_json::from_str::<FaultAction>(&text).expect("a plan's"), action);
        let unknown = text.replacen('{', "{\"colour\":1,", 1);
        prop_assert!(serde_json::from_str::<FaultAction>(&unknown).is_err(), "{}", unknown);
    }
}
