//! Who may use a transactional id, and how its transactions end.

use kafka_protocol::ResponseError;

use super::producer::{Producer, committed_values, coordinator, lab, pass};
use crate::transaction::TransactionState;

use crate::testing::Lab;

fn state(lab: &Lab, id: &str) -> TransactionState {
    let mut all = lab.cluster.transactions();
    all.find(|one| one.transactional_id == id).unwrap().state
}

#[test]
fn the_newest_producer_has_the_id_and_older_ones_are_fenced() {
    let mut lab = lab(1, &[1]);
    let mut zombie = Producer::init(&mut lab, "x");
    let mut producer = Producer::init(&mut lab, "x");
    assert_eq!(producer.producer_id, zombie.producer_id);
    assert_eq!((zombie.epoch, producer.epoch), (0, 1));
    let fenced = Err(ResponseError::ProducerFenced);
    assert_eq!(zombie.add(&mut lab, &[0]), fenced);
    // EndTxn version 1 has the older name.
    let end = zombie.end(&mut lab, true);
    assert_eq!(end, Err(ResponseError::InvalidProducerEpoch));
    producer.add(&mut lab, &[0]).unwrap();
    let late = zombie.produce(&mut lab, 0, "zombie");
    assert_eq!(late, Err(ResponseError::InvalidProducerEpoch));
    producer.produce(&mut lab, 0, "a").unwrap();
    producer.end(&mut lab, true).unwrap();
    pass(&mut lab, 10);
    assert_eq!(committed_values(&mut lab, 0), ["a"]);
}

#[test]
fn a_new_producer_aborts_what_the_old_one_left_open() {
    let mut lab = lab(1, &[1]);
    let mut old = Producer::init(&mut lab, "x");
    old.add(&mut lab, &[0]).unwrap();
    old.produce(&mut lab, 0, "left open").unwrap();
    let concurrent = Err(ResponseError::ConcurrentTransactions);
    let try_init = |lab: &mut Lab| Producer::try_init(lab, "x").map(|producer| producer.epoch);
    assert_eq!(try_init(&mut lab), concurrent);
    assert_eq!(state(&lab, "x"), TransactionState::PrepareAbort);
    assert_eq!(try_init(&mut lab), concurrent);
    pass(&mut lab, 1);
    assert_eq!(state(&lab, "x"), TransactionState::CompleteAbort);
    // Epoch 1 belonged to nobody: the abort was written under it.
    assert_eq!(try_init(&mut lab), Ok(2));
    assert!(committed_values(&mut lab, 0).is_empty());
}

#[test]
fn the_answer_to_an_end_comes_before_the_markers() {
    let mut lab = lab(1, &[1]);
    let mut producer = Producer::init(&mut lab, "x");
    producer.add(&mut lab, &[0]).unwrap();
    producer.produce(&mut lab, 0, "a").unwrap();
    producer.end(&mut lab, true).unwrap();
    assert_eq!(state(&lab, "x"), TransactionState::PrepareCommit);
    assert!(committed_values(&mut lab, 0).is_empty());
    let concurrent = Err(ResponseError::ConcurrentTransactions);
    assert_eq!(producer.add(&mut lab, &[0]), concurrent);
    assert_eq!(producer.end(&mut lab, true), concurrent);
    let invalid = Err(ResponseError::InvalidTxnState);
    assert_eq!(producer.end(&mut lab, false), invalid);
    pass(&mut lab, 1);
    assert_eq!(state(&lab, "x"), TransactionState::CompleteCommit);
    assert_eq!(committed_values(&mut lab, 0), ["a"]);
    assert_eq!(producer.end(&mut lab, true), Ok(()));
    assert_eq!(producer.end(&mut lab, false), invalid);
    assert_eq!(producer.add(&mut lab, &[0]), Ok(()));
}

#[test]
fn there_is_nothing_to_end_before_a_partition_is_added() {
    let mut lab = lab(1, &[1]);
    let producer = Producer::init(&mut lab, "x");
    for committed in [true, false] {
        let end = producer.end(&mut lab, committed);
        assert_eq!(end, Err(ResponseError::InvalidTxnState));
    }
}

#[test]
fn partitions_are_added_together_or_not_at_all() {
    let mut lab = lab(1, &[1]);
    let mut producer = Producer::init(&mut lab, "x");
    let added = producer.add(&mut lab, &[0, 9]);
    assert_eq!(added, Err(ResponseError::OperationNotAttempted));
    let added = producer.add(&mut lab, &[9]);
    assert_eq!(added, Err(ResponseError::UnknownTopicOrPartition));
    let written = producer.produce(&mut lab, 0, "a");
    assert_eq!(written, Err(ResponseError::InvalidTxnState));
}

#[test]
fn another_producers_id_is_no_pass() {
    let mut lab = lab(1, &[1]);
    let mut producer = Producer::init(&mut lab, "x");
    producer.producer_id += 1;
    let mapping = Err(ResponseError::InvalidProducerIdMapping);
    assert_eq!(producer.add(&mut lab, &[0]), mapping);
    assert_eq!(producer.end(&mut lab, true), mapping);
    "nobody".clone_into(&mut producer.id);
    assert_eq!(producer.add(&mut lab, &[0]), mapping);
}

#[test]
fn the_timeout_has_bounds() {
    let mut lab = lab(1, &[1]);
    for (timeout_ms, ok) in [(0, false), (1, true), (900_000, true), (900_001, false)] {
        let producer = Producer::init_as(&mut lab, "x", (-1, -1), timeout_ms);
        let expected = Err(ResponseError::InvalidTransactionTimeout);
        assert_eq!(producer.is_ok(), ok, "{timeout_ms}");
        assert!(ok || producer.map(|_| ()) == expected);
    }
}

#[test]
fn a_transaction_past_its_timeout_is_aborted_at_the_next_scan_and_its_producer_fenced() {
    let mut lab = lab(1, &[1]);
    let mut producer = Producer::init_as(&mut lab, "x", (-1, -1), 15_000).unwrap();
    producer.add(&mut lab, &[0]).unwrap();
    producer.produce(&mut lab, 0, "a").unwrap();
    // The lab's clock began at 1 s; scans come every 10 s.
    pass(&mut lab, 18_999);
    assert_eq!(state(&lab, "x"), TransactionState::Ongoing);
    pass(&mut lab, 2);
    assert_eq!(state(&lab, "x"), TransactionState::CompleteAbort);
    let end = producer.end(&mut lab, true);
    assert_eq!(end, Err(ResponseError::InvalidProducerEpoch));
    let late = producer.produce(&mut lab, 0, "late");
    assert_eq!(late, Err(ResponseError::InvalidProducerEpoch));
    // Nothing is left to look for.
    assert_eq!(lab.next_client_timer(), None);
}

#[test]
fn a_producer_may_bump_its_own_epoch_and_ask_again() {
    let mut lab = lab(1, &[1]);
    let first = Producer::init(&mut lab, "x");
    let of_first = (first.producer_id, first.epoch);
    let second = Producer::init_as(&mut lab, "x", of_first, 60_000).unwrap();
    assert_eq!((second.producer_id, second.epoch), (first.producer_id, 1));
    // The answer was lost.
    let again = Producer::init_as(&mut lab, "x", of_first, 60_000).unwrap();
    assert_eq!(again.epoch, 1);
    let third = Producer::init_as(&mut lab, "x", (first.producer_id, 1), 60_000).unwrap();
    assert_eq!(third.epoch, 2);
    let stale = Producer::init_as(&mut lab, "x", of_first, 60_000);
    assert_eq!(stale.unwrap_err(), ResponseError::ProducerFenced);
    let foreign = Producer::init_as(&mut lab, "x", (first.producer_id + 7, 2), 60_000);
    assert_eq!(foreign.unwrap_err(), ResponseError::ProducerFenced);
}

#[test]
fn when_the_epochs_run_out_there_is_a_new_producer_id() {
    let mut lab = lab(1, &[1]);
    let first = Producer::init(&mut lab, "x");
    let mut last = first.clone();
    while last.epoch < i16::MAX - 1 {
        last = Producer::init(&mut lab, "x");
    }
    assert_eq!(last.producer_id, first.producer_id);
    let next = Producer::init(&mut lab, "x");
    assert_ne!(next.producer_id, first.producer_id);
    assert_eq!(next.epoch, 0);
}

#[test]
fn a_coordinator_that_comes_back_finishes_what_was_decided() {
    let mut lab = lab(3, &[1, 2, 3]);
    let broker = coordinator(&mut lab, 1, "x").unwrap();
    let elsewhere = broker % 3;
    let mut producer = Producer::init(&mut lab, "x");
    producer.add(&mut lab, &[elsewhere]).unwrap();
    producer.produce(&mut lab, elsewhere, "a").unwrap();
    producer.end(&mut lab, true).unwrap();
    lab.cluster.stop_broker(lab.now, broker);
    pass(&mut lab, 60_000);
    assert!(committed_values(&mut lab, elsewhere).is_empty());
    lab.cluster.start_broker(lab.now, broker);
    pass(&mut lab, 1);
    assert_eq!(committed_values(&mut lab, elsewhere), ["a"]);
    assert_eq!(producer.end(&mut lab, true), Ok(()));
}

#[test]
fn a_marker_waits_for_its_leader() {
    let mut lab = lab(3, &[1, 2, 3]);
    let broker = coordinator(&mut lab, 1, "x").unwrap();
    let elsewhere = broker % 3;
    let leader = elsewhere + 1;
    let mut producer = Producer::init(&mut lab, "x");
    producer.add(&mut lab, &[elsewhere, broker - 1]).unwrap();
    producer.produce(&mut lab, elsewhere, "a").unwrap();
    lab.cluster.stop_broker(lab.now, leader);
    producer.end(&mut lab, true).unwrap();
    pass(&mut lab, 5_000);
    assert_eq!(state(&lab, "x"), TransactionState::PrepareCommit);
    lab.cluster.start_broker(lab.now, leader);
    pass(&mut lab, 100);
    assert_eq!(state(&lab, "x"), TransactionState::CompleteCommit);
    assert_eq!(committed_values(&mut lab, elsewhere), ["a"]);
}

#[test]
fn while_the_coordinator_is_down_no_transaction_begins_in_a_partition() {
    let mut lab = lab(3, &[1, 2, 3]);
    let broker = coordinator(&mut lab, 1, "x").unwrap();
    let elsewhere = broker % 3;
    let mut producer = Producer::init(&mut lab, "x");
    producer.add(&mut lab, &[elsewhere]).unwrap();
    lab.cluster.stop_broker(lab.now, broker);
    let written = producer.produce(&mut lab, elsewhere, "a");
    assert_eq!(written, Err(ResponseError::NotEnoughReplicas));
    lab.cluster.start_broker(lab.now, broker);
    producer.produce(&mut lab, elsewhere, "a").unwrap();
    lab.cluster.stop_broker(lab.now, broker);
    // It has begun: nobody needs to be asked.
    producer.produce(&mut lab, elsewhere, "b").unwrap();
}
