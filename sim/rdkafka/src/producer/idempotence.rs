//! The idempotent producer: its id, and the numbers of its batches (KIP-98,
//! rdkafka_idempotence.c).

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use whitewater_sim::{task, time};

use super::core::{Event, ProducerCore, State};
use super::record::{PendingRecord, Sequenced};
use crate::record_batch::BatchWriter;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// The pause after a request for an id that failed (rdkafka_idempotence.c).
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A producer id and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// What an idempotent producer numbers its batches with.
#[derive(Debug, Default)]
pub(super) struct Idempotence {
    id: Option<ProducerId>,
    /// Counts the ids; numbers given under an earlier one are void.
    generation: u32,
    next_sequences: BTreeMap<TopicPartition, i32>,
    /// The number that is to be acknowledged next: that of the oldest batch under way.
    next_acks: BTreeMap<TopicPartition, i32>,
    /// Numbers are missing at a broker: once nothing is under way any more, all starts anew under
    /// another id or epoch.
    wants_bump: bool,
}

impl Idempotence {
    pub(super) fn id(&self) -> Option<ProducerId> {
        self.id
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn may_send(&self) -> bool {
        self.id.is_some() && !self.wants_bump
    }

    pub(super) fn wants_bump(&self) -> bool {
        self.wants_bump
    }

    /// Goes on under this id or epoch, with numbers from 0.
    pub(super) fn take_id(&mut self, id: ProducerId) {
        *self = Self {
            id: Some(id),
            generation: self.generation + 1,
            ..Self::default()
        };
    }

    /// Numbers a batch, unless it is sent again.
    fn number(&mut self, partition: &TopicPartition, batch: &mut [PendingRecord]) -> i32 {
        let generation = self.generation;
        let first = batch.first().and_then(|record| record.sequenced);
        if let Some(sent) = first.filter(|sent| sent.generation == generation) {
            return sent.sequence;
        }
        let batch_last_id = batch.last().map_or(0, |record| record.id);
        let next = self.next_sequences.entry(partition.clone()).or_default();
        let base = *next;
        for record in batch {
            record.sequenced = Some(Sequenced {
                generation,
                sequence: *next,
                batch_last_id,
            });
            *next = next.checked_add(1).unwrap_or(0);
        }
        base
    }

    fn acknowledged(&mut self, partition: &TopicPartition, batch: &[PendingRecord]) {
        let last = batch.last().and_then(|record| record.sequenced);
        if let Some(last) = last.filter(|last| last.generation == self.generation) {
            let next = last.sequence.checked_add(1).unwrap_or(0);
            self.next_acks.insert(partition.clone(), next);
        }
    }

    /// Whether everything before this batch was acknowledged.
    fn is_head(&self, partition: &TopicPartition, batch: &[PendingRecord]) -> bool {
        let next_ack = self.next_acks.get(partition).copied().unwrap_or(0);
        let first = batch.first().and_then(|record| record.sequenced);
        first.is_some_and(|first| first.sequence == next_ack)
    }
}

/// What is to be done with a batch that was refused.
pub(super) enum Refused {
    /// It was appended before.
    Duplicate,
    /// Send it again, under whatever id there is then.
    Again,
    /// It failed.
    Failed,
}

impl ProducerCore {
    /// Numbers a batch, and says how it is to be written.
    pub(super) fn write_as(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        batch: &mut [PendingRecord],
    ) -> BatchWriter {
        let transactional = state.transaction.is_some();
        let Some(idempotence) = &mut state.idempotence else {
            return BatchWriter::PLAIN;
        };
        let Some(ProducerId { id, epoch }) = idempotence.id else {
            return BatchWriter::PLAIN;
        };
        BatchWriter {
            producer_id: id,
            producer_epoch: epoch,
            base_sequence: idempotence.number(partition, batch),
            transactional,
        }
    }

    pub(super) fn batch_acknowledged(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        batch: &[PendingRecord],
    ) {
        if let Some(idempotence) = &mut state.idempotence {
            idempotence.acknowledged(partition, batch);
        }
    }

    /// Decides on a batch of an idempotent producer that a broker has refused
    /// (`rd_kafka_handle_Produce_error`).
    pub(super) fn batch_refused(
        &self,
        state: &mut State,
        partition: &TopicPartition,
        batch: &[PendingRecord],
        error: RDKafkaErrorCode,
    ) -> Refused {
        let Some(idempotence) = &state.idempotence else {
            return Refused::Failed;
        };
        match error {
            RDKafkaErrorCode::DuplicateSequenceNumber => Refused::Duplicate,
            RDKafkaErrorCode::OutOfOrderSequenceNumber if idempotence.is_head(partition, batch) => {
                let reason = format!("{partition}: sequence desynchronization with the broker");
                self.fail_for_good(state, error, reason);
                Refused::Failed
            }
            RDKafkaErrorCode::OutOfOrderSequenceNumber | RDKafkaErrorCode::UnknownProducerId => {
                self.want_bump(state, error);
                Refused::Again
            }
            RDKafkaErrorCode::InvalidProducerEpoch | RDKafkaErrorCode::ProducerFenced
                if state.transaction.is_some() =>
            {
                self.fenced(state, error);
                Refused::Failed
            }
            _ => Refused::Failed,
        }
    }

    /// Messages that had numbers were given up: a broker waits for numbers that do not come.
    pub(super) fn numbers_lost(&self, state: &mut State, lost: &[PendingRecord]) {
        let generation = state.idempotence.as_ref().map(Idempotence::generation);
        let had_number = |record: &PendingRecord| {
            let sequenced = record.sequenced;
            sequenced.is_some_and(|sequenced| Some(sequenced.generation) == generation)
        };
        if lost.iter().any(had_number) {
            self.want_bump(state, RDKafkaErrorCode::MessageTimedOut);
        }
    }

    /// Stops sending until there is another id or epoch. A transaction has to be aborted first.
    pub(super) fn want_bump(&self, state: &mut State, error: RDKafkaErrorCode) {
        if let Some(idempotence) = &mut state.idempotence {
            idempotence.wants_bump = true;
        }
        self.transaction_failed(state, error, "the producer's epoch has to be bumped");
    }

    /// Gets another id once nothing is under way. A transactional producer gets its epoch when it
    /// aborts.
    pub(super) fn bump_if_drained(&self, state: &mut State) {
        let wants_bump = state.idempotence.as_ref().is_some_and(|i| i.wants_bump);
        let drained = state.in_flight.is_empty() && state.transaction.is_none();
        if wants_bump && drained && !state.acquiring_id && !state.closed {
            self.acquire_id(state);
        }
    }

    /// Asks any broker for an id, until there is one.
    pub(super) fn acquire_id(&self, state: &mut State) {
        state.acquiring_id = true;
        drop(task::spawn(acquire(Weak::clone(&self.this))));
    }

    pub(super) fn take_id(&self, state: &mut State, id: ProducerId) {
        state.acquiring_id = false;
        if let Some(idempotence) = &mut state.idempotence {
            idempotence.take_id(id);
        }
        state.wake_senders();
    }

    /// An error that ends the producer's use: what is queued is given up.
    pub(super) fn fail_for_good(&self, state: &mut State, code: RDKafkaErrorCode, reason: String) {
        if self.client.fatal_error().is_some() {
            return;
        }
        self.client.set_fatal(code, reason.clone());
        state.events.push_back(Event::Error {
            code: RDKafkaErrorCode::Fatal,
            reason,
        });
        state.wake_all();
        self.transaction_over(state);
        self.purge(state, true, false);
    }
}

async fn acquire(core: Weak<ProducerCore>) {
    loop {
        let Some(core) = core.upgrade() else { return };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(-1);
        let deadline = time::now() + core.client.settings().socket_timeout;
        let answer = core.client.call_any(request, Some(deadline)).await;
        if core.take_answer_for_id(answer.ok().map(|(answer, _)| answer)) {
            return;
        }
        drop(core);
        time::sleep(RETRY_INTERVAL).await;
    }
}

impl ProducerCore {
    /// Takes an answer in; says whether nothing is left to ask.
    fn take_answer_for_id(&self, answer: Option<InitProducerIdResponse>) -> bool {
        let mut state = self.lock();
        if state.closed {
            return true;
        }
        let given = answer.filter(|answer| {
            RDKafkaErrorCode::from(answer.error_code) == RDKafkaErrorCode::NoError
        });
        let Some(given) = given else { return false };
        let (id, epoch) = (given.producer_id.0, given.producer_epoch);
        self.take_id(&mut state, ProducerId { id, epoch });
        true
    }
}
