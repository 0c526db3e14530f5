//! The coordinator of one broker: routes requests, and ends what takes too long.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::markers::PendingMarkers;
use super::metadata::TransactionMetadata;
use super::request::{TransactionCatalog, TransactionOutput, TransactionRequest};
use super::state::TransactionState;
use crate::config::BrokerSettings;
use crate::event::Event;
use crate::now::Now;
use crate::requester::Requester;

/// One broker's transaction coordinator.
///
/// It answers for the transactional ids whose `__transaction_state` partition the broker leads, as
/// the [`TransactionCatalog`] says. Outputs are to be acted on in their order, before the next
/// call.
#[derive(Debug)]
pub struct TransactionCoordinator {
    pub(super) settings: BrokerSettings,
    pub(super) by_id: BTreeMap<String, TransactionMetadata>,
    pub(super) markers: PendingMarkers,
    /// When to look for transactions that have timed out, if any may.
    scan_at: Option<Duration>,
    pub(super) out: Vec<TransactionOutput>,
}

impl TransactionCoordinator {
    /// A coordinator that knows no ids; [`load`](Self::load) brings them.
    pub fn new(settings: &BrokerSettings) -> Self {
        Self {
            settings: settings.clone(),
            by_id: BTreeMap::new(),
            markers: PendingMarkers::default(),
            scan_at: None,
            out: Vec::new(),
        }
    }

    /// Answers a request.
    pub fn handle(
        &mut self,
        now: Now,
        from: Requester,
        request: TransactionRequest,
        catalog: &mut dyn TransactionCatalog,
    ) -> Vec<TransactionOutput> {
        let version = from.api_version;
        let response = match request {
            TransactionRequest::InitProducerId(request) => self
                .init_producer_id(now, version, &request, catalog)
                .into(),
            TransactionRequest::AddPartitionsToTxn(request) => self
                .add_partitions_to_txn(now, version, request, catalog)
                .into(),
            TransactionRequest::AddOffsetsToTxn(request) => self
                .add_offsets_to_txn(now, version, &request, catalog)
                .into(),
            TransactionRequest::EndTxn(request) => {
                self.end_txn(now, version, &request, catalog).into()
            }
        };
        self.out.push(TransactionOutput::Response(from, response));
        self.finish(now)
    }

    /// Aborts the transactions that have timed out, if it is time to look for them. A producer
    /// whose transaction was aborted is fenced.
    pub fn tick(&mut self, now: Now) -> Vec<TransactionOutput> {
        if self.scan_at.is_some_and(|at| at <= now.monotonic) {
            self.scan_at = None;
            let timed_out = self.by_id.values().filter(|t| t.is_timed_out(now.wall_ms));
            for transaction in timed_out.cloned().collect::<Vec<_>>() {
                self.fence_and_abort(now, transaction, "timed out");
            }
        }
        self.finish(now)
    }

    /// The monotonic time at which there is something to do: a scan in [`tick`](Self::tick), or
    /// [`due_markers`](Self::due_markers).
    pub fn next_timer(&self) -> Option<Duration> {
        let markers = self.markers.next();
        self.scan_at.into_iter().chain(markers).min()
    }

    /// Takes over `__transaction_state` partitions with these records, the last of each id.
    /// Transactions whose end was decided get their markers.
    pub fn load(
        &mut self,
        now: Now,
        records: impl IntoIterator<Item = TransactionMetadata>,
    ) -> Vec<TransactionOutput> {
        for transaction in records {
            self.markers.schedule(now, &transaction);
            self.by_id
                .insert(transaction.transactional_id.clone(), transaction);
        }
        self.finish(now)
    }

    /// Every transactional id of this coordinator.
    pub fn transactions(&self) -> impl Iterator<Item = &TransactionMetadata> {
        self.by_id.values()
    }

    /// The id, if its producer is the one that asks (`INVALID_PRODUCER_ID_MAPPING`,
    /// `PRODUCER_FENCED`).
    pub(super) fn transaction_of(
        &self,
        transactional_id: &str,
        producer_id: i64,
        producer_epoch: i16,
        catalog: &dyn TransactionCatalog,
    ) -> Result<&TransactionMetadata, ResponseError> {
        if transactional_id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if !catalog.is_coordinator_of(transactional_id) {
            return Err(ResponseError::NotCoordinator);
        }
        self.transaction_under(transactional_id, producer_id, producer_epoch)
    }

    /// As [`transaction_of`](Self::transaction_of), where it is known to be this coordinator's.
    pub(super) fn transaction_under(
        &self,
        transactional_id: &str,
        producer_id: i64,
        producer_epoch: i16,
    ) -> Result<&TransactionMetadata, ResponseError> {
        let transaction = self.by_id.get(transactional_id);
        let transaction = transaction
            .filter(|transaction| transaction.producer_id == producer_id)
            .ok_or(ResponseError::InvalidProducerIdMapping)?;
        if transaction.producer_epoch != producer_epoch {
            return Err(ResponseError::ProducerFenced);
        }
        Ok(transaction)
    }

    /// Writes a change down, and makes it known.
    pub(super) fn update(&mut self, now: Now, mut changed: TransactionMetadata, reason: &str) {
        changed.last_update_timestamp_ms = now.wall_ms;
        let before = self.by_id.get(&changed.transactional_id);
        let from = before.map_or(TransactionState::Empty, |before| before.state);
        self.out.push(TransactionOutput::Append(changed.clone()));
        self.out
            .push(TransactionOutput::Event(Event::TransactionStateChanged {
                transactional_id: changed.transactional_id.clone(),
                from,
                to: changed.state,
                producer_id: changed.producer_id,
                producer_epoch: changed.producer_epoch,
                reason: reason.to_owned(),
            }));
        self.markers.schedule(now, &changed);
        self.by_id.insert(changed.transactional_id.clone(), changed);
    }

    /// Keeps the periodic scan going while it may find something
    /// (`abortTimedOutTransactions`).
    fn finish(&mut self, now: Now) -> Vec<TransactionOutput> {
        let ongoing =
            |transaction: &TransactionMetadata| transaction.state == TransactionState::Ongoing;
        if self.scan_at.is_none() && self.by_id.values().any(ongoing) {
            let every_ms = self
                .settings
                .transaction_abort_timed_out_transaction_cleanup_interval_ms;
            let every_ms = u64::try_from(every_ms).unwrap_or(0).max(1);
            let scans = now.monotonic.as_millis() as u64 / every_ms;
            self.scan_at = Some(Duration::from_millis((scans + 1) * every_ms));
        }
        std::mem::take(&mut self.out)
    }
}

/// What a client is told that knows only the older name of PRODUCER_FENCED.
pub(super) fn for_version(error: ResponseError, version: i16, fenced_since: i16) -> ResponseError {
    if error == ResponseError::ProducerFenced && version < fenced_since {
        ResponseError::InvalidProducerEpoch
    } else {
        error
    }
}
