//! What a consumer tells the application while it polls.

use std::time::Duration;

use super::{BaseConsumer, Consumer, RebalanceProtocol};
use crate::client::ClientContext;
use crate::error::{KafkaError, KafkaResult};
use crate::topic_partition_list::TopicPartitionList;
use crate::types::RDKafkaRespErr;
use crate::util::Timeout;

/// A step of a rebalance.
#[derive(Clone, Debug)]
pub enum Rebalance<'a> {
    /// These partitions are assigned.
    Assign(&'a TopicPartitionList),
    /// These partitions are revoked.
    Revoke(&'a TopicPartitionList),
    /// The rebalance failed.
    Error(KafkaError),
}

/// Callbacks, all made by the task that polls the consumer.
pub trait ConsumerContext: ClientContext + Sized {
    /// Carries a rebalance out. Whoever overrides this calls (incremental) assign or unassign
    /// itself, now or later: until then nothing is delivered.
    fn rebalance(
        &self,
        base_consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        tpl: &mut TopicPartitionList,
    ) {
        let cooperative = base_consumer.rebalance_protocol() == RebalanceProtocol::Cooperative;
        let (step, assign) = match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => (Rebalance::Assign(tpl), true),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => (Rebalance::Revoke(tpl), false),
            other => (Rebalance::Error(KafkaError::Rebalance(other.into())), false),
        };
        self.pre_rebalance(base_consumer, &step);
        let result = match (assign, cooperative) {
            (true, true) => base_consumer.incremental_assign(tpl),
            (true, false) => base_consumer.assign(tpl),
            (false, true) => base_consumer.incremental_unassign(tpl),
            (false, false) => base_consumer.unassign(),
        };
        if let Err(error) = result {
            crate::log::error!(target: "librdkafka", "rebalance: {}", error);
        }
        self.post_rebalance(base_consumer, &step);
    }

    /// Called before a rebalance is carried out.
    fn pre_rebalance(&self, base_consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let _ = (base_consumer, rebalance);
    }

    /// Called after a rebalance was carried out.
    fn post_rebalance(&self, base_consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let _ = (base_consumer, rebalance);
    }

    /// Called when a commit by timer or at unassignment is done; never for commits by hand.
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let _ = (result, offsets);
    }

    /// How long one wait inside of poll lasts at most. The simulated consumer wakes when there is
    /// something, so this has no effect.
    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_secs(1))
    }
}

/// A context that keeps all defaults.
#[derive(Clone, Debug, Default)]
pub struct DefaultConsumerContext;

impl ClientContext for DefaultConsumerContext {}
impl ConsumerContext for DefaultConsumerContext {}
