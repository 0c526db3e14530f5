//! InitProducerId with a transactional id (`handleInitProducerId`): the newest producer gets the
//! id, older ones are fenced.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::coordinator::{TransactionCoordinator, for_version};
use super::metadata::{NO_PRODUCER_EPOCH, NO_PRODUCER_ID, TransactionMetadata};
use super::request::TransactionCatalog;
use super::state::TransactionState;
use crate::now::Now;

/// From this version on a fenced producer is told PRODUCER_FENCED.
const PRODUCER_FENCED_SINCE: i16 = 4;

impl TransactionCoordinator {
    pub(super) fn init_producer_id(
        &mut self,
        now: Now,
        version: i16,
        request: &InitProducerIdRequest,
        catalog: &mut dyn TransactionCatalog,
    ) -> InitProducerIdResponse {
        match self.init(now, request, catalog) {
            Ok((producer_id, producer_epoch)) => InitProducerIdResponse::default()
                .with_producer_id(producer_id.into())
                .with_producer_epoch(producer_epoch),
            Err(error) => InitProducerIdResponse::default()
                .with_error_code(for_version(error, version, PRODUCER_FENCED_SINCE).code())
                .with_producer_id(NO_PRODUCER_ID.into())
                .with_producer_epoch(NO_PRODUCER_EPOCH),
        }
    }

    fn init(
        &mut self,
        now: Now,
        request: &InitProducerIdRequest,
        catalog: &mut dyn TransactionCatalog,
    ) -> Result<(i64, i16), ResponseError> {
        let id = request.transactional_id.as_deref().map_or("", |id| id);
        let timeout_ms = request.transaction_timeout_ms;
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if !(1..=self.settings.transaction_max_timeout_ms).contains(&timeout_ms) {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        if !catalog.is_coordinator_of(id) {
            return Err(ResponseError::NotCoordinator);
        }
        let known = self.by_id.get(id).cloned();
        let transaction = known.unwrap_or_else(|| {
            TransactionMetadata::new(id, catalog.generate_producer_id(), timeout_ms)
        });
        let expected = Expected::of(request);
        if !expected.may_use(&transaction) {
            return Err(ResponseError::ProducerFenced);
        }
        match transaction.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                Err(ResponseError::ConcurrentTransactions)
            }
            TransactionState::Ongoing => {
                self.fence_and_abort(now, transaction, "its producer starts anew");
                Err(ResponseError::ConcurrentTransactions)
            }
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => {
                let next = expected.next_producer(&transaction, catalog)?;
                let changed = TransactionMetadata {
                    timeout_ms,
                    state: TransactionState::Empty,
                    start_timestamp_ms: -1,
                    ..next
                };
                let given = (changed.producer_id, changed.producer_epoch);
                self.update(now, changed, "a producer starts");
                Ok(given)
            }
        }
    }
}

/// The id and epoch that a producer believes it has (KIP-360); most requests name none.
struct Expected(Option<(i64, i16)>);

impl Expected {
    fn of(request: &InitProducerIdRequest) -> Self {
        let named = (request.producer_id.0, request.producer_epoch);
        Self((named.0 != NO_PRODUCER_ID).then_some(named))
    }

    /// Whether the producer id is the present one, or the one that it replaced.
    fn may_use(&self, transaction: &TransactionMetadata) -> bool {
        let Self(Some((id, epoch))) = self else {
            return true;
        };
        transaction.producer_epoch == NO_PRODUCER_EPOCH
            || *id == transaction.producer_id
            || (*id == transaction.last_producer_id
                && TransactionMetadata::is_epoch_exhausted(*epoch))
    }

    /// The next epoch, or a new id once the epochs have run out. A request that names the epoch
    /// before is repeated: it gets the present one.
    fn next_producer(
        &self,
        transaction: &TransactionMetadata,
        catalog: &mut dyn TransactionCatalog,
    ) -> Result<TransactionMetadata, ResponseError> {
        let current = transaction.producer_epoch;
        let expected = self.0.map(|(_, epoch)| epoch);
        let is_current = expected.is_none_or(|epoch| epoch == current);
        let mut next = transaction.clone();
        if TransactionMetadata::is_epoch_exhausted(current) && is_current {
            next.last_producer_id = transaction.producer_id;
            next.producer_id = catalog.generate_producer_id();
            next.producer_epoch = 0;
            next.last_producer_epoch = expected.unwrap_or(NO_PRODUCER_EPOCH);
        } else if is_current || current == NO_PRODUCER_EPOCH {
            next.producer_epoch = current + 1;
            next.last_producer_epoch = expected.map_or(NO_PRODUCER_EPOCH, |_| current);
        } else if expected != Some(transaction.last_producer_epoch) {
            return Err(ResponseError::ProducerFenced);
        }
        Ok(next)
    }
}
