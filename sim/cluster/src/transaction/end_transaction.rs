//! EndTxn, and the abort of a transaction whose producer is fenced (`handleEndTransaction`).
//!
//! The producer is answered once the decision is in the log, before any marker is written.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{EndTxnRequest, EndTxnResponse};

use super::coordinator::{TransactionCoordinator, for_version};
use super::metadata::{NO_PRODUCER_EPOCH, TransactionMetadata};
use super::request::TransactionCatalog;
use super::state::TransactionState;
use crate::now::Now;

/// From this version on a fenced producer is told PRODUCER_FENCED.
const PRODUCER_FENCED_SINCE: i16 = 2;

impl TransactionCoordinator {
    pub(super) fn end_txn(
        &mut self,
        now: Now,
        version: i16,
        request: &EndTxnRequest,
        catalog: &dyn TransactionCatalog,
    ) -> EndTxnResponse {
        let outcome = self.end(now, request, catalog);
        let error = outcome.err().map_or(0, |error| {
            for_version(error, version, PRODUCER_FENCED_SINCE).code()
        });
        EndTxnResponse::default().with_error_code(error)
    }

    fn end(
        &mut self,
        now: Now,
        request: &EndTxnRequest,
        catalog: &dyn TransactionCatalog,
    ) -> Result<(), ResponseError> {
        let transaction = self.transaction_of(
            &request.transactional_id,
            request.producer_id.0,
            request.producer_epoch,
            catalog,
        )?;
        let commit = request.committed;
        match transaction.state {
            TransactionState::Ongoing => {
                let transaction = transaction.clone();
                self.decide(now, transaction, commit, "its producer asked for it");
                Ok(())
            }
            TransactionState::CompleteCommit if commit => Ok(()),
            TransactionState::CompleteAbort if !commit => Ok(()),
            state if state.decision() == Some(commit) => Err(ResponseError::ConcurrentTransactions),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    /// Aborts a transaction under an epoch that its producer does not have.
    pub(super) fn fence_and_abort(
        &mut self,
        now: Now,
        mut transaction: TransactionMetadata,
        reason: &str,
    ) {
        transaction.producer_epoch += 1;
        transaction.last_producer_epoch = NO_PRODUCER_EPOCH;
        self.decide(now, transaction, false, reason);
    }

    fn decide(
        &mut self,
        now: Now,
        mut transaction: TransactionMetadata,
        commit: bool,
        reason: &str,
    ) {
        transaction.state = if commit {
            TransactionState::PrepareCommit
        } else {
            TransactionState::PrepareAbort
        };
        self.update(now, transaction, reason);
    }
}
