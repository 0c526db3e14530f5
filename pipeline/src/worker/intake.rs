//! From the client into the batch.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message, Timestamp};
use tracing::Level;

use crate::batch::{Batch, Incoming};
use crate::clock;
use crate::sink::Sink;
use crate::worker::error::WorkerError;
use crate::worker::line::Lines;
use crate::worker::process::digest;
use crate::worker::run::{POLL_WAIT_MAX, Worker};

impl<S: Sink> Worker<'_, '_, S> {
    /// Polls until the batch is full, nothing is waiting, or a rebalance is to be acted upon.
    pub(super) fn fill_batch(&mut self) -> Result<(), WorkerError> {
        let limits = self.config.batch;
        let now = clock::monotonic();
        let mut wait = self
            .batch
            .linger_left(now, &limits)
            .map_or(POLL_WAIT_MAX, |left| whole_ms(left).min(POLL_WAIT_MAX));
        // Records of lines we don't own fill no batch: the count bounds the loop.
        for _ in 0..limits.records_max {
            if self.batch.is_full(&limits) {
                break;
            }
            match self.member.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    // The linger starts now, not when the poll began to wait.
                    let now = if wait.is_zero() {
                        now
                    } else {
                        clock::monotonic()
                    };
                    let begins = self.batch.is_empty();
                    take(&mut self.lines, &mut self.batch, now, &message)?;
                    if begins && !self.batch.is_empty() {
                        // The rest of what was fetched is still in the client.
                        tracing::event!(target: "probe", Level::DEBUG, name = "worker.in_fetch");
                    }
                }
                Some(Err(error)) => {
                    self.on_client_error(error)?;
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// Most errors of a client are news about its connections; it goes on by itself.
    fn on_client_error(&mut self, error: KafkaError) -> Result<(), WorkerError> {
        match error {
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => {
                tracing::warn!("position out of range");
                self.positions_in_doubt = true;
                Ok(())
            }
            KafkaError::MessageConsumption(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::InconsistentGroupProtocol,
            )
            | KafkaError::MessageConsumptionFatal(_) => Err(WorkerError::Kafka(error)),
            error if self.has_left(&error) => {
                self.has_left = true;
                Ok(())
            }
            error => {
                tracing::debug!(%error, "kafka client goes on after an error");
                Ok(())
            }
        }
    }
}

/// Puts one message into the batch, if its line is ours to read.
fn take(
    lines: &mut Lines,
    batch: &mut Batch,
    now: Instant,
    message: &BorrowedMessage<'_>,
) -> Result<(), WorkerError> {
    let offset = message.offset();
    let Some(id) = lines.find(message.topic(), message.partition()) else {
        return Ok(());
    };
    let Some(line) = lines.get_mut(id) else {
        return Ok(());
    };
    let partition = line.partition.clone();
    let Some(owned) = line.owned_mut() else {
        return Ok(());
    };
    if let Some(verify) = owned.verify.take_if(|verify| offset >= verify.offset)
        && offset == verify.offset
    {
        if digest(message.payload()) != verify.digest {
            return Err(WorkerError::LogRewritten { partition, offset });
        }
        return Ok(());
    }
    let redelivered = offset < owned.position;
    if redelivered {
        tracing::debug!(%partition, offset, position = owned.position, "redelivered");
    } else {
        owned.position = offset + 1;
    }
    batch.push(
        now,
        Incoming {
            line: id,
            offset,
            broker_time_ms: match message.timestamp() {
                Timestamp::NotAvailable => None,
                Timestamp::CreateTime(ms) | Timestamp::LogAppendTime(ms) => Some(ms),
            },
            redelivered,
            key: message.key(),
            payload: message.payload(),
        },
    );
    Ok(())
}

/// The client cuts a wait to whole milliseconds: what is left of a linger's last one would be no
/// wait at all, and the loop would spin until it is over.
fn whole_ms(wait: Duration) -> Duration {
    let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
    Duration::from_millis(micros.div_ceil(1_000))
}
