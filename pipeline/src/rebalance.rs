//! Rebalance callbacks. They only write down what happened; the worker acts on it between two polls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;

use crate::topic_partition::TopicPartition;

/// What a rebalance asks for. The client waits for the answer, an (un)assign call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RebalanceEvent {
    /// These partitions come: all of them (eager), or in addition (cooperative).
    Assigned(Vec<TopicPartition>),
    /// These partitions go. `lost`: they are gone already, others may own them.
    Revoked {
        partitions: Vec<TopicPartition>,
        lost: bool,
    },
}

/// The consumer's context.
#[derive(Debug, Default)]
pub(crate) struct RebalanceLog {
    cooperative: bool,
    closing: AtomicBool,
    events: Mutex<VecDeque<RebalanceEvent>>,
}

impl RebalanceLog {
    pub(crate) fn new(cooperative: bool) -> Self {
        Self {
            cooperative,
            ..Self::default()
        }
    }

    /// The oldest event that was not acted upon.
    pub(crate) fn next(&self) -> Option<RebalanceEvent> {
        self.events().pop_front()
    }

    /// Nobody will act on events any more: from now on callbacks answer themselves, so that
    /// closing the consumer does not wait for an answer for ever.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<RebalanceEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(
        &self,
        consumer: &BaseConsumer<Self>,
        revoked: &TopicPartitionList,
    ) -> KafkaResult<()> {
        if self.cooperative {
            consumer.incremental_unassign(revoked)
        } else {
            consumer.unassign()
        }
    }
}

impl ConsumerContext for RebalanceLog {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigned = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::SeqCst) {
            let answer = match consumer.assignment() {
                Ok(_) if assigned => Ok(()),
                Ok(attached) => self.give_up(consumer, &attached),
                Err(error) => Err(error),
            };
            if let Err(error) = answer {
                tracing::warn!(%error, "unassign while closing failed");
            }
            return;
        }
        let partitions = TopicPartition::all(partitions);
        self.events().push_back(if assigned {
            RebalanceEvent::Assigned(partitions)
        } else {
            RebalanceEvent::Revoked {
                partitions,
                lost: consumer.assignment_lost(),
            }
        });
    }
}

impl ClientContext for RebalanceLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "kafka client"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(facility, message, "kafka client");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "kafka client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client error");
    }
}
