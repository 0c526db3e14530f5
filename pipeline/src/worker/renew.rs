//! A client that can't go on although its group would take the worker: another one takes its place.
//!
//! Up to 2.12, librdkafka forgets that it has to join anew if the answer to its leaving (it exceeded
//! `max.poll.interval.ms`) comes while the application acts on a rebalance (librdkafka#5541, in the
//! consumer protocol only). Its next heartbeat then is one that joins and does not say to what, the
//! coordinator refuses it with INVALID_REQUEST, and that is fatal.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::Level;

use crate::batch::LineId;
use crate::group_protocol::GroupProtocol;
use crate::member::Member;
use crate::sink::Sink;
use crate::worker::error::WorkerError;
use crate::worker::run::Worker;

impl<S: Sink> Worker<'_, '_, S> {
    /// Has a fatal error of the client end the worker, unless another client can do better: a group
    /// that has assigned something to this one takes requests of its kind.
    pub(super) fn bear_with_client(&mut self, error: KafkaError) -> Result<(), WorkerError> {
        let is_invalid = matches!(
            error,
            KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::InvalidRequest)
        );
        let protocol = GroupProtocol::of(&self.config.kafka);
        if !is_invalid || protocol != GroupProtocol::Consumer || !self.was_assigned {
            return Err(WorkerError::Kafka(error));
        }
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.client_failed");
        tracing::error!(%error, "kafka client can't go on, another one takes its place");
        self.client_failed = true;
        Ok(())
    }

    /// Gives up what the old client was assigned, and joins with a new one.
    pub(super) async fn renew_client(&mut self) -> Result<(), WorkerError> {
        let ids: Vec<LineId> = self.lines.iter().map(|(id, _)| id).collect();
        self.drop_records(&ids);
        self.release(&ids, "client failed").await?;
        for id in ids {
            self.lines.remove(id);
        }
        // What its callbacks have written down goes with the old one.
        self.member = Member::new(self.config).map_err(WorkerError::Client)?;
        self.client_failed = false;
        self.was_assigned = false;
        self.member
            .subscribe(&self.config.topics)
            .map_err(WorkerError::Kafka)
    }
}
