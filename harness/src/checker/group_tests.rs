use proptest::prelude::*;

use super::super::planted;
use super::*;
use crate::trace::history::{assigned, at_offset, event};

fn commit(at_ms: f64, client: &str, partition: i64, offset: i64, generation: i64) -> Event {
    event(
        at_ms,
        "broker-1",
        "offset_commit",
        &[
            ("group", "trades".into()),
            ("topic", "trades".into()),
            ("partition", partition.into()),
            ("offset", offset.into()),
            ("client_id", "rdkafka".into()),
            ("client", client.into()),
            ("generation", generation.into()),
        ],
    )
}

pub(in super::super) fn state(at_ms: f64, state: &str, generation: i64) -> Event {
    event(
        at_ms,
        "broker-1",
        "group_state",
        &[
            ("group", "trades".into()),
            ("state", state.into()),
            ("generation", generation.into()),
            ("reason", "planted".into()),
        ],
    )
}

pub(in super::super) fn life(at_ms: f64, process: &str, phase: &str) -> Event {
    event(at_ms, process, "process", &[("phase", phase.into())])
}

fn found(trace: Vec<Event>) -> Vec<Violation> {
    check(&Observation {
        trace,
        ..planted::right_run()
    })
}

pub(in super::super) fn kinds(trace: Vec<Event>) -> Vec<ViolationKind> {
    found(trace)
        .iter()
        .map(|violation| violation.kind)
        .collect()
}

/// What is found, as a report tells it.
pub(in super::super) fn told(trace: Vec<Event>) -> String {
    let violations = found(trace);
    let lines = violations.iter().flat_map(|violation| {
        let explanation = violation.explanation.as_ref();
        let because = explanation.into_iter().flat_map(|explanation| {
            let steps = explanation.because.iter();
            steps.map(|step| format!("  {} ms {} {}", step.at_ns / 1_000_000, step.who, step.what))
        });
        let wrong = explanation.and_then(|explanation| explanation.wrong_step.clone());
        std::iter::once(violation.message.clone())
            .chain(because)
            .chain(wrong.map(|wrong| format!("  wrong: {wrong}")))
            .collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Worker 1 and 2 share two partitions; then worker 2 leaves, and worker 1 owns both.
fn eager() -> Vec<Event> {
    vec![
        state(1.0, "CompletingRebalance", 1),
        state(2.0, "Stable", 1),
        assigned(3.0, "worker-1", "assigned", "trades-0", 1),
        assigned(3.0, "worker-2", "assigned", "trades-1", 1),
        at_offset(4.0, "worker-2", "fetch_start", 1, 0),
        at_offset(5.0, "worker-2", "deliver", 1, 0),
        commit(6.0, "worker-2", 1, 1, 1),
        state(7.0, "PreparingRebalance", 1),
        assigned(8.0, "worker-1", "revoked", "trades-0", 1),
        assigned(8.0, "worker-2", "revoked", "trades-1", 1),
        // The last word of the old owner, before it joins the next generation.
        commit(9.0, "worker-2", 1, 1, 1),
        state(10.0, "CompletingRebalance", 2),
        state(11.0, "Stable", 2),
        assigned(12.0, "worker-1", "assigned", "trades-0,trades-1", 2),
        at_offset(13.0, "worker-1", "fetch_start", 1, 1),
        at_offset(14.0, "worker-1", "deliver", 1, 1),
        commit(15.0, "worker-1", 1, 2, 2),
    ]
}

/// Worker 1 owns two partitions; worker 2 comes and gets one of them in two steps.
fn cooperative() -> Vec<Event> {
    vec![
        state(1.0, "Stable", 1),
        assigned(2.0, "worker-1", "assigned", "trades-0,trades-1", 1),
        state(3.0, "Stable", 2),
        assigned(4.0, "worker-1", "revoked", "trades-1", 2),
        commit(5.0, "worker-1", 1, 4, 2),
        assigned(5.5, "worker-1", "assigned", "", 2),
        assigned(6.0, "worker-2", "assigned", "", 2),
        state(7.0, "Stable", 3),
        assigned(8.0, "worker-1", "assigned", "", 3),
        assigned(8.0, "worker-2", "assigned", "trades-1", 3),
        commit(9.0, "worker-2", 1, 5, 3),
        commit(9.5, "worker-1", 0, 5, 3),
    ]
}

#[test]
fn orderly_rebalances_are_silent() {
    assert_eq!(told(eager()), "");
    assert_eq!(told(cooperative()), "");
}

#[test]
fn a_partition_owned_twice_in_a_generation_is_named() {
    let mut trace = eager();
    trace.push(assigned(16.0, "worker-2", "assigned", "trades-1", 2));
    insta::assert_snapshot!(told(trace), @r"
    trades-1 is owned by worker-1 and by worker-2 in generation 2
      12 ms worker-1 assigned trades-0..1, generation 2
      16 ms worker-2 assigned trades-1, generation 2
      wrong: worker-2 was assigned trades-1 in generation 2, in which worker-1 owns it
    ");
}

#[test]
fn a_cooperative_member_that_does_not_let_go_is_named() {
    let mut trace = cooperative();
    trace.retain(|event| event.kind != "revoked");
    assert_eq!(kinds(trace), [ViolationKind::OwnedTwice]);
}

#[test]
fn a_zombie_of_an_old_generation_is_no_second_owner() {
    let mut trace = eager();
    // Worker 2 hears nothing of the rebalance.
    trace.retain(|event| !(event.kind == "revoked" && &*event.process == "worker-2"));
    trace.push(at_offset(16.0, "worker-2", "deliver", 1, 1));
    trace.push(assigned(17.0, "worker-2", "lost", "trades-1", -1));
    assert_eq!(told(trace), "");
}

#[test]
fn a_late_commit_for_another_owners_partition_is_named() {
    let mut trace = eager();
    trace.push(assigned(12.0, "worker-2", "assigned", "", 2));
    trace.push(commit(16.0, "worker-2", 1, 1, 2));
    insta::assert_snapshot!(told(trace), @r"
    worker-2 committed offset 1 of trades-1, which worker-1 owns in generation 2
      12 ms worker-1 assigned trades-0..1, generation 2
      16 ms worker-2 offset commit trades-1 -> 1
      wrong: worker-2 committed for trades-1 after it had lost it to worker-1
    ");
}

#[test]
fn a_late_commit_is_named_even_before_the_owner_knows() {
    let mut trace = cooperative();
    let before_the_owner_knows = trace.len() - 4;
    trace.insert(before_the_owner_knows, commit(7.5, "worker-1", 1, 3, 3));
    assert_eq!(kinds(trace), [ViolationKind::CommittedUnowned]);
}

#[test]
fn an_administrators_commit_is_nobodys() {
    let mut trace = eager();
    trace.push(commit(16.0, "admin", 1, 0, -1));
    assert_eq!(told(trace), "");
}

#[test]
fn a_commit_of_an_old_generation_that_was_taken_is_named() {
    let mut trace = eager();
    trace.push(commit(16.0, "worker-1", 1, 3, 1));
    insta::assert_snapshot!(told(trace), @r"
    offset 3 of trades-1 was taken with generation 1, the group is in 2
      16 ms worker-1 offset commit trades-1 -> 3
      wrong: the group coordinator took an offset commit of generation 1: the group is in 2
    ");
}

#[test]
fn after_a_broker_starts_again_its_generation_is_unknown() {
    let mut trace = eager();
    trace.push(state(16.0, "PreparingRebalance", 2));
    trace.push(state(16.5, "CompletingRebalance", 3));
    trace.push(life(17.0, "broker-1", "killed"));
    // Generation 3 was never written to the log.
    trace.push(commit(18.0, "worker-1", 1, 3, 2));
    assert_eq!(told(trace), "");
}

#[test]
fn a_delivery_after_the_partition_was_taken_is_named() {
    let mut trace = eager();
    trace.push(at_offset(16.0, "worker-2", "deliver", 1, 1));
    insta::assert_snapshot!(told(trace), @r"
    worker-2 got trades-1@1 after trades-1 was taken
      8 ms worker-2 revoked trades-1, generation 1
      16 ms worker-2 polls trades-1@1
      wrong: worker-2 received trades-1@1 although it does not own trades-1 any more
    ");
    // Its own choice: it started to fetch without the group.
    let mut trace = eager();
    trace.push(at_offset(15.0, "worker-2", "fetch_start", 1, 0));
    trace.push(at_offset(16.0, "worker-2", "deliver", 1, 0));
    assert_eq!(told(trace), "");
}

#[test]
fn what_a_process_owned_dies_with_it() {
    let mut trace = eager();
    trace.push(life(16.0, "worker-1", "killed"));
    trace.push(life(17.0, "worker-1", "started"));
    // A static member comes back in the same generation.
    trace.push(assigned(18.0, "worker-1", "assigned", "trades-0", 2));
    trace.push(assigned(18.0, "worker-3", "assigned", "trades-1", 2));
    assert_eq!(told(trace), "");
}

/// A group that a random history drives as Kafka would: each generation's partitions go to its
/// members, who hear of it in any order.
#[derive(Debug, Clone)]
struct Rebalance {
    members: Vec<usize>,
    owners: Vec<usize>,
    deaf: Vec<bool>,
}

const PARTITIONS: usize = 4;

fn rebalances() -> impl Strategy<Value = Vec<Rebalance>> {
    let one = (
        prop::collection::btree_set(0..4_usize, 1..4),
        prop::collection::vec(0..4_usize, PARTITIONS),
        prop::collection::vec(prop::bool::weighted(0.2), 4),
    )
        .prop_map(|(members, owners, deaf)| Rebalance {
            members: members.into_iter().collect(),
            owners,
            deaf,
        });
    prop::collection::vec(one, 1..8)
}

fn worker(member: usize) -> String {
    format!("worker-{member}")
}

fn named(partitions: &[usize]) -> String {
    let names: Vec<String> = partitions.iter().map(|p| format!("trades-{p}")).collect();
    names.join(",")
}

/// Eager rebalances; a deaf member hears nothing of a generation, and of the next one first that
/// it has lost everything.
fn history(rebalances: &[Rebalance]) -> Vec<Event> {
    let mut trace = Vec::new();
    let mut held: BTreeMap<usize, (Vec<usize>, i64)> = BTreeMap::new();
    for (generation, rebalance) in (1_i64..).zip(rebalances) {
        let at = generation as f64 * 100.0;
        let hears = |member: &usize| rebalance.members.contains(member) && !rebalance.deaf[*member];
        let leaving: Vec<usize> = held.keys().copied().filter(hears).collect();
        for member in leaving {
            let (partitions, of) = held.remove(&member).expect("just listed");
            let (kind, of) = if of + 1 == generation {
                ("revoked", of)
            } else {
                ("lost", -1)
            };
            trace.push(assigned(at, &worker(member), kind, &named(&partitions), of));
        }
        trace.push(state(at + 1.0, "CompletingRebalance", generation));
        trace.push(state(at + 2.0, "Stable", generation));
        for member in rebalance.members.iter().filter(|member| hears(member)) {
            let partitions: Vec<usize> = (0..PARTITIONS)
                .filter(|p| {
                    rebalance.members[rebalance.owners[*p] % rebalance.members.len()] == *member
                })
                .collect();
            trace.push(assigned(
                at + 3.0,
                &worker(*member),
                "assigned",
                &named(&partitions),
                generation,
            ));
            for partition in &partitions {
                trace.push(commit(
                    at + 4.0,
                    &worker(*member),
                    *partition as i64,
                    generation,
                    generation,
                ));
            }
            held.insert(*member, (partitions, generation));
        }
    }
    trace
}

proptest! {
    #[test]
    fn random_orderly_histories_are_silent(rebalances in rebalances()) {
        prop_assert_eq!(told(history(&rebalances)), "");
    }

    #[test]
    fn a_partition_that_goes_to_one_more_member_is_found(rebalances in rebalances(), which in any::<prop::sample::Index>()) {
        let mut trace = history(&rebalances);
        let given: Vec<usize> = trace
            .iter()
            .enumerate()
            .filter(|(_, event)| event.kind == "assigned" && event.text("partitions") != Some(""))
            .map(|(index, _)| index)
            .collect();
        prop_assume!(!given.is_empty());
        let index = given[which.index(given.len())];
        let mut again = trace[index].clone();
        again.process = "worker-9".into();
        again.fields.set("member_id", "worker-9-id".into());
        trace.insert(index + 1, again);
        prop_assert!(kinds(trace).contains(&ViolationKind::OwnedTwice));
    }
}
