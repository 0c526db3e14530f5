//! Log: Kafka's anomalies as Jepsen names them (`jepsen.tests.kafka`), over what was sent,
//! appended and delivered.
//!
//! - *lost-write*: an acknowledged record was never delivered, though a later one of its
//!   partition was; *unseen*: neither it nor a later one, and the topics are drained;
//! - *duplicate*: a record stands in the log more often than it was sent;
//! - *inconsistent-offsets*: two records were given one offset;
//! - *poll-skip*, *nonmonotonic-poll*: from one delivery to the next a consumer passes over
//!   records, or goes back;
//! - *nonmonotonic-send*: records that were sent in order lie in the log in another one.
//!
//! The internal variants (`int-`): Jepsen's are within one transaction. A librdkafka consumer
//! gets one message a poll, so for polls they are within one *fetch*, from a start (assignment,
//! seek, reset) to the next; for sends, within one batch. What Jepsen allows wholesale under
//! `subscribe` is judged more closely here. After a start a consumer may go back as far as it
//! likes (redelivery from the committed offset, or from the sink's); it may go on past records
//! only if somebody got them, or an offset past them was committed; and what it then gets must
//! begin where it said it would.
//!
//! A producer that sent a batch again, not knowing that it had arrived, may have it twice and out
//! of order (librdkafka without `enable.idempotence`): partitions with such a retry are not
//! judged for *duplicate* and *nonmonotonic-send*.
//!
//! Deliveries are told apart by process: a process that reads a partition in two groups at once
//! is beyond this.

mod polls;
mod sends;

use super::findings::Findings;
use super::observation::Observation;
use super::partitions::Partitions;
use super::scan::{self, At, Follower, Step};
use super::violation::Violation;
use polls::Polls;
use sends::Sends;

/// The anomalies of a run.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    scan::follow::<Log<'_>>(observation)
}

/// What was sent, and what was polled.
pub(super) struct Log<'o> {
    sends: Sends<'o>,
    polls: Polls<'o>,
}

impl<'o> Follower<'o> for Log<'o> {
    fn begin(_: &'o Observation, _: &mut Partitions<'o>) -> Self {
        Self {
            sends: Sends::default(),
            polls: Polls::default(),
        }
    }

    fn follow(&mut self, partitions: &Partitions<'o>, at: At<'o>, step: &Step<'o>) {
        self.sends.follow(partitions, at.event, step);
        self.polls.follow(partitions, at.event, step);
    }

    fn finish(self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        let delivered = self.polls.finish(partitions, findings);
        self.sends.finish(&delivered, partitions, findings);
    }
}

/// Which records of each partition's log were delivered to anybody.
#[derive(Default)]
struct Delivered(super::partitions::PerPartition<Vec<u64>>);

impl Delivered {
    fn note(&mut self, partition: usize, index: usize) {
        let words = self.0.of(partition);
        let word = index / 64;
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        words[word] |= 1 << (index % 64);
    }

    fn contains(&self, partition: usize, index: usize) -> bool {
        self.0
            .get(partition)
            .and_then(|words| words.get(index / 64))
            .is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// How many records at the begin of the log have a delivered one at or behind them.
    fn reach(&self, partition: usize) -> usize {
        let words = self.0.get(partition).map_or(&[][..], Vec::as_slice);
        words.iter().rposition(|word| *word != 0).map_or(0, |last| {
            last * 64 + 64 - words[last].leading_zeros() as usize
        })
    }
}

#[cfg(test)]
#[path = "log/tests.rs"]
mod tests;
