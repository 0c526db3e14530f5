use proptest::prelude::*;

use super::*;
use crate::partition_log::PartitionLog;
use crate::record_batch::ValidBatch;
use crate::testing::{APPEND_RULES, Sender, batch_of, values};

const PRODUCER: i64 = 7;

/// A partition as Produce treats it.
#[derive(Default)]
struct Partition {
    log: PartitionLog,
    producers: ProducerStates,
}

impl Partition {
    /// The base offset of the answer, and whether the batch was appended.
    fn produce(
        &mut self,
        epoch: i16,
        sequence: i32,
        values: &[&str],
    ) -> Result<(i64, bool), ProducerError> {
        let sender = Sender::idempotent(PRODUCER, epoch, sequence);
        let stamped: Vec<_> = values.iter().map(|value| (1000, *value)).collect();
        let batch = ValidBatch::check(batch_of(&sender, &stamped), &APPEND_RULES).unwrap();
        match self.producers.admit(&batch.producer().unwrap())? {
            Admission::Duplicate(earlier) => Ok((earlier.base_offset, false)),
            Admission::Append => {
                let appended = self.log.append_valid(batch, &APPEND_RULES, 0);
                self.producers.record(self.log.batches().last().unwrap());
                Ok((appended.base_offset, true))
            }
        }
    }

    fn error(&mut self, epoch: i16, sequence: i32) -> ResponseError {
        self.produce(epoch, sequence, &["x"])
            .unwrap_err()
            .response_error()
    }

    fn restart(&mut self) {
        self.producers = ProducerStates::rebuild(self.log.batches());
    }
}

#[test]
fn a_retry_gets_the_first_answer_again() {
    let mut partition = Partition::default();
    assert_eq!(partition.produce(0, 0, &["a", "b"]), Ok((0, true)));
    assert_eq!(partition.produce(0, 2, &["c"]), Ok((2, true)));
    assert_eq!(partition.produce(0, 0, &["a", "b"]), Ok((0, false)));
    assert_eq!(partition.log.log_end_offset(), 3);
}

#[test]
fn five_batches_are_remembered() {
    let mut partition = Partition::default();
    for sequence in 0..6 {
        partition.produce(0, sequence, &["x"]).unwrap();
    }
    assert_eq!(partition.produce(0, 1, &["x"]), Ok((1, false)));
    let out_of_order = ResponseError::OutOfOrderSequenceNumber;
    assert_eq!(partition.error(0, 0), out_of_order);
    // Other bounds than a remembered batch's are no retry of it.
    let overlapping = partition.produce(0, 4, &["x", "y"]).unwrap_err();
    assert_eq!(overlapping.response_error(), out_of_order);
}

#[test]
fn a_gap_is_refused_but_not_from_an_unknown_producer() {
    let mut partition = Partition::default();
    assert_eq!(partition.produce(0, 40, &["x"]), Ok((0, true)));
    let error = partition.produce(0, 42, &["x"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "producer 7, epoch 0: sequence number 42, expected 41"
    );
    assert_eq!(partition.produce(0, 41, &["x"]), Ok((1, true)));
}

#[test]
fn a_new_epoch_starts_at_0_and_fences_the_old() {
    let mut partition = Partition::default();
    partition.produce(3, 0, &["x"]).unwrap();
    assert_eq!(
        partition.error(4, 1),
        ResponseError::OutOfOrderSequenceNumber
    );
    assert_eq!(partition.produce(4, 0, &["x"]), Ok((1, true)));
    assert_eq!(partition.error(3, 1), ResponseError::InvalidProducerEpoch);
    // Not even a retry of what is in the log.
    assert_eq!(partition.error(3, 0), ResponseError::InvalidProducerEpoch);
}

#[test]
fn the_largest_sequence_number_is_followed_by_0() {
    let mut partition = Partition::default();
    partition.produce(0, i32::MAX - 1, &["a", "b"]).unwrap();
    assert_eq!(partition.produce(0, 0, &["c"]), Ok((2, true)));
}

#[test]
fn a_silent_producer_is_forgotten_at_the_check_after_its_time() {
    let settings = BrokerSettings {
        producer_id_expiration_ms: 60_000,
        producer_id_expiration_check_interval_ms: 50_000,
        ..BrokerSettings::default()
    };
    let mut partition = Partition::default();
    partition.produce(0, 0, &["x"]).unwrap();
    // The record's timestamp is 1000, which is when this clock starts.
    let mut known_at = |ms: u64| {
        let now = Now {
            monotonic: Duration::from_millis(ms),
            wall_ms: 1000 + ms as i64,
        };
        partition.producers.expire(now, &settings);
        partition.producers.knows(PRODUCER)
    };
    assert!(known_at(99_999), "60 s are over, but no check came yet");
    assert!(!known_at(100_000));
    partition.restart();
    assert!(partition.producers.knows(PRODUCER));
}

#[test]
fn an_open_transaction_keeps_its_producer_known() {
    let settings = BrokerSettings {
        producer_id_expiration_ms: 60_000,
        producer_id_expiration_check_interval_ms: 50_000,
        ..BrokerSettings::default()
    };
    let mut partition = Partition::default();
    let sender = Sender {
        transactional: true,
        ..Sender::idempotent(PRODUCER, 0, 0)
    };
    let batch = ValidBatch::check(batch_of(&sender, &[(1000, "x")]), &APPEND_RULES).unwrap();
    partition.log.append_valid(batch, &APPEND_RULES, 0);
    partition.restart();
    let now = Now {
        monotonic: Duration::from_secs(100),
        wall_ms: 101_000,
    };
    partition.producers.expire(now, &settings);
    // Or its marker would end nothing, and the log never be stable behind it.
    assert!(partition.producers.knows(PRODUCER));
}

/// A step of a producer with five requests in flight, over a bad network.
#[derive(Debug, Clone)]
enum Step {
    /// One of the copies under way arrives; its answer may get lost.
    Arrive {
        which: usize,
        answer_lost: bool,
    },
    /// The producer sends a batch of its window once more.
    Retry {
        which: usize,
    },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (any::<usize>(), prop::bool::weighted(0.3))
            .prop_map(|(which, answer_lost)| Step::Arrive { which, answer_lost }),
        4 => any::<usize>().prop_map(|which| Step::Retry { which }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    #[test]
    fn retries_and_reorderings_make_neither_duplicates_nor_gaps(
        sizes in prop::collection::vec(1usize..4, 30),
        steps in steps(),
    ) {
        let mut sequence = 0;
        let batches: Vec<(i32, Vec<String>)> = sizes
            .iter()
            .map(|size| {
                let first = sequence;
                sequence += *size as i32;
                (first, (first..sequence).map(|number| number.to_string()).collect())
            })
            .collect();
        let send = |partition: &mut Partition, batch: usize| {
            let (first, values) = &batches[batch];
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            partition.produce(0, *first, &values)
        };
        let mut partition = Partition::default();
        // A partition that does not know the producer takes any number: the first goes first.
        prop_assert_eq!(send(&mut partition, 0), Ok((0, true)));
        let mut acknowledged = vec![false; batches.len()];
        acknowledged[0] = true;
        // Copies stay under way after they arrived: the network may deliver them again, late.
        let mut under_way = vec![0];
        for step in steps {
            let head = acknowledged.iter().position(|done| !done).unwrap_or(batches.len());
            let window = head..batches.len().min(head + BATCHES_KEPT);
            match step {
                Step::Retry { which } if !window.is_empty() => {
                    under_way.push(window.start + which % window.len());
                }
                Step::Arrive { which, answer_lost } => {
                    let batch = under_way[which % under_way.len()];
                    let (first, _) = batches[batch];
                    let answer = send(&mut partition, batch);
                    prop_assert!(answer.is_ok() || batch != head, "the head is refused");
                    if let Ok((base_offset, _)) = answer {
                        prop_assert_eq!(base_offset, i64::from(first));
                        acknowledged[batch] |= !answer_lost;
                    }
                }
                Step::Restart => {
                    let before = partition.producers.clone();
                    partition.restart();
                    prop_assert_eq!(&partition.producers, &before);
                }
                Step::Retry { .. } => {}
            }
        }
        // A patient producer gets through in the end.
        for batch in 0..batches.len() {
            if !acknowledged[batch] {
                let (base_offset, _) = send(&mut partition, batch).unwrap();
                prop_assert_eq!(base_offset, i64::from(batches[batch].0));
            }
        }
        let log = partition.log.read(0, usize::MAX, true).unwrap();
        let expected: Vec<_> = (0..sequence).map(|n| (i64::from(n), n.to_string())).collect();
        prop_assert_eq!(values(&log), expected);
    }
}
