//! A client that is out of its group and may not know it: another one takes its place.
//!
//! Up to 2.12, librdkafka can forget that it has to give everything up and join anew: if the answer to
//! its leaving (it exceeded `max.poll.interval.ms`) comes while the application acts on a rebalance
//! (librdkafka#5541, in the consumer protocol only). Its next heartbeat joins then. Either it does not
//! say to what, is refused with INVALID_REQUEST, and that is fatal; or it says everything (the
//! coordinator was gone for a while), and the client is a new member that goes on reading what others
//! were given since. The coordinator takes its offset commits: it asks a member about its epoch, not
//! about what it owns.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::Level;

use crate::batch::LineId;
use crate::group_protocol::GroupProtocol;
use crate::member::Member;
use crate::sink::Sink;
use crate::worker::error::WorkerError;
use crate::worker::run::Worker;

impl<S: Sink> Worker<'_, '_, S> {
    /// Whether the error says that the client has left a group of the consumer protocol by itself.
    pub(super) fn has_left(&self, error: &KafkaError) -> bool {
        GroupProtocol::of(&self.config.kafka) == GroupProtocol::Consumer
            && *error == KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded)
    }

    /// Gives up what the old client was assigned, and joins with a new one.
    pub(super) async fn renew_client(&mut self) -> Result<(), WorkerError> {
        tracing::event!(target: "probe", Level::DEBUG, name = "worker.client_renewed");
        tracing::warn!("max.poll.interval.ms exceeded, a new kafka client joins");
        let ids: Vec<LineId> = self.lines.iter().map(|(id, _)| id).collect();
        self.drop_records(&ids);
        self.release(&ids, "left the group").await?;
        for id in ids {
            self.lines.remove(id);
        }
        // What the old one's callbacks have written down goes with it.
        self.member.abandon();
        self.member = Member::new(self.config).map_err(WorkerError::Client)?;
        self.has_left = false;
        self.member
            .subscribe(&self.config.topics)
            .map_err(WorkerError::Kafka)
    }
}
