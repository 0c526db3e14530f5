use super::super::group::tests::{kinds, life, state, told};
use super::super::violation::ViolationKind;
use crate::trace::Event;
use crate::trace::history::{at_offset, event};

/// A step of a worker's member, as the coordinator tells it.
fn step(at_ms: f64, worker: &str, epoch: i64, assigned: &str, gives_up: &str) -> Event {
    event(
        at_ms,
        "broker-1",
        "member_reconciled",
        &[
            ("group", "trades".into()),
            ("member_id", format!("{worker}-id").into()),
            ("client_id", "rdkafka".into()),
            ("client", worker.into()),
            ("member_epoch", epoch.into()),
            ("assigned", assigned.into()),
            ("pending_revocation", gives_up.into()),
        ],
    )
}

/// A rebalance callback of a worker's member.
fn callback(at_ms: f64, worker: &str, kind: &str, partitions: &str, epoch: i64) -> Event {
    event(
        at_ms,
        worker,
        kind,
        &[
            ("group", "trades".into()),
            ("partitions", partitions.into()),
            ("generation", epoch.into()),
            ("member_id", format!("{worker}-id").into()),
        ],
    )
}

fn gone(at_ms: f64, kind: &str, worker: &str) -> Event {
    event(
        at_ms,
        "harness",
        kind,
        &[
            ("group", "trades".into()),
            ("member_id", format!("{worker}-id").into()),
            ("client", "".into()),
        ],
    )
}

fn commit(at_ms: f64, worker: &str, partition: i64, offset: i64, epoch: i64) -> Event {
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
            ("client", worker.into()),
            ("member_id", format!("{worker}-id").into()),
            ("generation", epoch.into()),
        ],
    )
}

/// Worker 1 has two partitions; worker 2 comes, waits, and gets one of them once it was given up.
fn handed_over() -> Vec<Event> {
    vec![
        step(1.0, "worker-1", 2, "trades-0,trades-1", ""),
        state(1.0, "Stable", 2),
        callback(2.0, "worker-1", "assigned", "trades-0,trades-1", 2),
        commit(3.0, "worker-1", 1, 4, 2),
        step(4.0, "worker-2", 3, "", ""),
        state(4.0, "Reconciling", 3),
        step(5.0, "worker-1", 2, "trades-0", "trades-1"),
        callback(6.0, "worker-1", "revoked", "trades-1", 2),
        // The last word of the old owner, who is in its old epoch.
        commit(7.0, "worker-1", 1, 5, 2),
        callback(7.5, "worker-1", "assigned", "", 2),
        step(8.0, "worker-1", 3, "trades-0", ""),
        step(9.0, "worker-2", 3, "trades-1", ""),
        state(9.0, "Stable", 3),
        // Sent before the answer that named another epoch was there.
        commit(9.5, "worker-1", 0, 7, 2),
        callback(10.0, "worker-2", "assigned", "trades-1", 3),
        at_offset(11.0, "worker-2", "deliver", 1, 1),
        commit(12.0, "worker-2", 1, 6, 3),
        commit(13.0, "worker-1", 0, 8, 3),
    ]
}

/// Worker 1 is silent for too long, and hears late that worker 2 has what it had.
fn fenced() -> Vec<Event> {
    vec![
        step(1.0, "worker-1", 2, "trades-0,trades-1", ""),
        callback(2.0, "worker-1", "assigned", "trades-0,trades-1", 2),
        step(3.0, "worker-2", 3, "", ""),
        gone(10.0, "member_expired", "worker-1"),
        step(11.0, "worker-2", 4, "trades-0,trades-1", ""),
        callback(12.0, "worker-2", "assigned", "trades-0,trades-1", 4),
        at_offset(13.0, "worker-1", "deliver", 0, 0),
        callback(14.0, "worker-1", "lost", "trades-0,trades-1", 2),
        step(15.0, "worker-1", 5, "", ""),
        step(16.0, "worker-2", 4, "trades-0", "trades-1"),
        callback(17.0, "worker-2", "revoked", "trades-1", 4),
        step(18.0, "worker-2", 5, "trades-0", ""),
        step(19.0, "worker-1", 5, "trades-1", ""),
        callback(20.0, "worker-1", "assigned", "trades-1", 5),
        commit(21.0, "worker-1", 1, 3, 5),
    ]
}

#[test]
fn orderly_steps_are_silent() {
    assert_eq!(told(handed_over()), "");
    assert_eq!(told(fenced()), "");
}

#[test]
fn a_killed_member_has_its_partitions_until_its_session_ends() {
    let mut trace = handed_over();
    trace.push(life(20.0, "worker-2", "killed"));
    let too_early = step(21.0, "worker-1", 4, "trades-0,trades-1", "");
    let expires = gone(22.0, "member_expired", "worker-2");
    let in_time = step(23.0, "worker-1", 4, "trades-0,trades-1", "");
    let with = |more: &[&Event]| {
        let more = more.iter().map(|event| (*event).clone());
        trace.iter().cloned().chain(more).collect::<Vec<_>>()
    };
    assert_eq!(told(with(&[&expires, &in_time])), "");
    insta::assert_snapshot!(told(with(&[&too_early])), @r"
    trades-1 is owned by worker-2 and given to worker-1, at epoch 4
      9 ms broker-1 group trades: worker-2 has trades-1, epoch 3
      21 ms broker-1 group trades: worker-1 has trades-0..1, epoch 4
      wrong: the group coordinator gave trades-1 to worker-1 at epoch 4, while worker-2 has it
    ");
}

#[test]
fn a_member_that_leaves_frees_what_it_had() {
    let mut trace = handed_over();
    trace.push(callback(20.0, "worker-2", "revoked", "trades-1", 3));
    trace.push(gone(21.0, "member_left", "worker-2"));
    trace.push(step(22.0, "worker-1", 4, "trades-0,trades-1", ""));
    assert_eq!(told(trace), "");
}

#[test]
fn a_partition_that_is_given_before_it_was_given_up_is_named() {
    let mut trace = handed_over();
    let given = trace
        .iter()
        .position(|event| *event == step(9.0, "worker-2", 3, "trades-1", ""));
    let early = trace.remove(given.expect("it is there"));
    trace.insert(7, early);
    insta::assert_snapshot!(told(trace), @r"
    trades-1 is owned by worker-1 and given to worker-2, at epoch 3
      1 ms broker-1 group trades: worker-1 has trades-0..1, epoch 2
      9 ms broker-1 group trades: worker-2 has trades-1, epoch 3
      wrong: the group coordinator gave trades-1 to worker-2 at epoch 3, while worker-1 has it
    ");
}

#[test]
fn a_coordinator_that_forgets_what_is_to_be_given_up_is_named() {
    // By what it tells all is well; but the member still holds the partition.
    let mut trace = handed_over();
    let before_the_callback = 7;
    trace.insert(
        before_the_callback,
        step(5.2, "worker-1", 3, "trades-0", ""),
    );
    trace.insert(
        before_the_callback + 1,
        step(5.4, "worker-2", 3, "trades-1", ""),
    );
    trace.retain(|event| event.at_ns < 6_000_000);
    insta::assert_snapshot!(told(trace), @r"
    trades-1 is owned by worker-1 and given to worker-2, at epoch 3
      2 ms worker-1 assigned trades-0..1, generation 2
      5 ms broker-1 group trades: worker-2-id has trades-1, epoch 3
      wrong: the group coordinator gave trades-1 to worker-2 at epoch 3, while worker-1 has it
    ");
}

#[test]
fn two_owners_at_different_epochs_are_named() {
    let mut trace = handed_over();
    trace.push(step(20.0, "worker-3", 7, "trades-0", ""));
    assert_eq!(kinds(trace), [ViolationKind::OwnedTwice]);
}

#[test]
fn a_commit_of_an_epoch_before_the_partition_was_given_is_named() {
    let mut trace = handed_over();
    // Worker 2 has had it since epoch 3.
    trace.push(commit(20.0, "worker-2", 1, 2, 2));
    insta::assert_snapshot!(told(trace), @r"
    offset 2 of trades-1 was taken with member epoch 2, worker-2 is in 3
      20 ms worker-2 offset commit trades-1 -> 2
      wrong: the group coordinator took an offset commit of member epoch 2: worker-2 is in 3
    ");
}

#[test]
fn a_commit_of_an_old_epoch_for_what_was_given_up_is_named_twice() {
    let mut trace = handed_over();
    trace.push(commit(20.0, "worker-1", 1, 5, 2));
    insta::assert_snapshot!(told(trace), @r"
    offset 5 of trades-1 was taken with member epoch 2, worker-1 is in 3
      20 ms worker-1 offset commit trades-1 -> 5
      wrong: the group coordinator took an offset commit of member epoch 2: worker-1 is in 3
    worker-1 committed offset 5 of trades-1, which worker-2 owns since epoch 3
      9 ms broker-1 group trades: worker-2 has trades-1, epoch 3
      20 ms worker-1 offset commit trades-1 -> 5
      wrong: worker-1 committed for trades-1 after it had lost it to worker-2
    ");
}

#[test]
fn a_commit_of_a_member_that_was_put_out_is_named() {
    let mut trace = fenced();
    trace.insert(7, commit(13.5, "worker-1", 0, 3, 2));
    insta::assert_snapshot!(told(trace), @r"
    offset 3 of trades-0 was taken with member epoch 2, worker-1 is no member
      13 ms worker-1 offset commit trades-0 -> 3
      wrong: the group coordinator took an offset commit of member epoch 2: worker-1 is no member
    ");
}

#[test]
fn a_commit_for_what_another_member_has_is_named() {
    let mut trace = handed_over();
    // The coordinator takes it: the epoch is right.
    trace.push(commit(20.0, "worker-1", 1, 5, 3));
    insta::assert_snapshot!(told(trace), @r"
    worker-1 committed offset 5 of trades-1, which worker-2 owns since epoch 3
      9 ms broker-1 group trades: worker-2 has trades-1, epoch 3
      20 ms worker-1 offset commit trades-1 -> 5
      wrong: worker-1 committed for trades-1 after it had lost it to worker-2
    ");
}

#[test]
fn what_the_group_did_by_the_other_protocol_is_another_matter() {
    let mut trace = handed_over();
    trace.push(gone(20.0, "member_left", "worker-1"));
    trace.push(gone(20.0, "member_left", "worker-2"));
    trace.push(state(21.0, "Dead", 4));
    trace.push(state(22.0, "Stable", 1));
    trace.push(callback(23.0, "worker-1", "assigned", "trades-0", 1));
    trace.push(commit(24.0, "worker-1", 0, 9, 1));
    assert_eq!(told(trace.clone()), "");
    trace.push(state(25.0, "Stable", 2));
    trace.push(commit(26.0, "worker-1", 0, 9, 1));
    assert_eq!(kinds(trace), [ViolationKind::StaleCommitTaken]);
}
