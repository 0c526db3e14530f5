//! The states of a transactional producer, and what its calls answer in each (rdkafka_txnmgr.c).

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use whitewater_sim::task::block_on;
use whitewater_sim::{task, trace};

use super::core::{ProducerCore, State};
use super::transaction_calls;
use crate::client::broker::until;
use crate::client::wakers::Wakers;
use crate::consumer::ConsumerGroupMetadata;
use crate::error::RDKafkaError;
use crate::topic_partition::TopicPartition;
use crate::topic_partition_list::TopicPartitionList;
use crate::types::RDKafkaErrorCode;

/// Where a transactional producer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// `init_transactions` was not called yet, or is not done.
    Init,
    /// A transaction may begin.
    Ready,
    /// Messages may be sent.
    InTransaction,
    /// It is being committed.
    Committing,
    /// It is being aborted.
    Aborting,
    /// It can only be aborted.
    AbortableError,
    /// The producer is of no further use.
    Fatal,
}

/// A call that goes on in the background, also when the application has stopped waiting for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    Init,
    Commit,
    Abort,
}

struct Call {
    kind: CallKind,
    /// Once it is done.
    result: Option<Result<(), RDKafkaError>>,
}

/// A transactional producer's transaction.
pub(super) struct Transaction {
    pub(super) phase: Phase,
    /// Why the transaction can only be aborted.
    error: Option<RDKafkaError>,
    /// The partitions that the coordinator knows of.
    pub(super) registered: BTreeSet<TopicPartition>,
    /// Those that it is to be told of.
    pub(super) unregistered: BTreeSet<TopicPartition>,
    pub(super) registering: bool,
    /// The coordinator knows of offsets.
    pub(super) has_offsets: bool,
    call: Option<Call>,
    /// Who waits for a call's end, or for the last report to be handed out.
    pub(super) wakers: Wakers,
}

impl Transaction {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Init,
            error: None,
            registered: BTreeSet::new(),
            unregistered: BTreeSet::new(),
            registering: false,
            has_offsets: false,
            call: None,
            wakers: Wakers::default(),
        }
    }

    /// Whether the coordinator has something to end.
    pub(super) fn is_known_to_coordinator(&self) -> bool {
        self.has_offsets || !self.registered.is_empty()
    }

    fn begin(&mut self) {
        self.phase = Phase::InTransaction;
        self.forget();
    }

    /// The transaction is over.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Ready;
        self.forget();
    }

    fn forget(&mut self) {
        self.error = None;
        self.registered.clear();
        self.unregistered.clear();
        self.has_offsets = false;
    }

    /// What a call is told that is not possible now.
    fn refusal(&self) -> RDKafkaError {
        match (&self.error, self.phase) {
            (Some(error), Phase::AbortableError) => error.clone(),
            (_, phase) => RDKafkaError::new(
                RDKafkaErrorCode::State,
                format!("Operation not valid in state {phase:?}"),
            ),
        }
    }
}

fn not_transactional() -> RDKafkaError {
    RDKafkaError::new(
        RDKafkaErrorCode::NotConfigured,
        "The Transactional API requires transactional.id to be configured",
    )
}

impl ProducerCore {
    /// Starts a transaction.
    pub(super) fn begin_transaction(&self) -> Result<(), RDKafkaError> {
        let mut state = self.lock();
        let transaction = self.usable(&mut state)?;
        if transaction.phase != Phase::Ready {
            return Err(transaction.refusal());
        }
        transaction.begin();
        let id = self.settings().transactional_id.as_deref();
        let fields = [("transactional_id", id.unwrap_or_default().into())];
        trace::event("transaction_begin", &fields);
        Ok(())
    }

    /// Whether a message may be accepted now: a transactional producer sends within transactions
    /// only.
    pub(super) fn check_transaction(&self, state: &State) -> Result<(), RDKafkaErrorCode> {
        if state.idempotence.is_some() && self.client.fatal_error().is_some() {
            return Err(RDKafkaErrorCode::Fatal);
        }
        match &state.transaction {
            Some(transaction) if transaction.phase != Phase::InTransaction => {
                Err(RDKafkaErrorCode::State)
            }
            _ => Ok(()),
        }
    }

    /// Makes a call, or waits once more for one that goes on, until the deadline.
    pub(super) fn transactional_call(
        self: &Arc<Self>,
        kind: CallKind,
        deadline: Option<Duration>,
    ) -> Result<(), RDKafkaError> {
        self.start_call(kind)?;
        let done = poll_fn(|context| {
            let mut state = self.lock();
            let Some(transaction) = &mut state.transaction else {
                return Poll::Ready(Err(not_transactional()));
            };
            let result = transaction
                .call
                .as_mut()
                .and_then(|call| call.result.take());
            match result {
                Some(result) => {
                    transaction.call = None;
                    Poll::Ready(result)
                }
                None => {
                    transaction.wakers.register(context.waker());
                    Poll::Pending
                }
            }
        });
        let result = block_on(until(deadline, done));
        result.unwrap_or_else(|| Err(self.call_timed_out()))
    }

    fn start_call(self: &Arc<Self>, kind: CallKind) -> Result<(), RDKafkaError> {
        let mut state = self.lock();
        let transaction = self.usable(&mut state)?;
        if let Some(call) = &transaction.call {
            return if call.kind == kind {
                Ok(())
            } else {
                Err(RDKafkaError::retriable(
                    RDKafkaErrorCode::Conflict,
                    format!("Conflicting call already in progress: {:?}", call.kind),
                ))
            };
        }
        let possible = match kind {
            CallKind::Init => transaction.phase == Phase::Init,
            CallKind::Commit => transaction.phase == Phase::InTransaction,
            CallKind::Abort => matches!(
                transaction.phase,
                Phase::InTransaction | Phase::AbortableError
            ),
        };
        if !possible {
            return Err(transaction.refusal());
        }
        match kind {
            CallKind::Init => {}
            CallKind::Commit => transaction.phase = Phase::Committing,
            CallKind::Abort => transaction.phase = Phase::Aborting,
        }
        transaction.call = Some(Call { kind, result: None });
        drop(state);
        let core = Arc::clone(self);
        drop(task::spawn(async move {
            let result = match kind {
                CallKind::Init => transaction_calls::init(&core).await,
                CallKind::Commit => transaction_calls::commit(&core).await,
                CallKind::Abort => transaction_calls::abort(&core).await,
            };
            core.call_done(result);
        }));
        Ok(())
    }

    fn call_done(&self, result: Result<(), RDKafkaError>) {
        let mut state = self.lock();
        if let Some(transaction) = &mut state.transaction {
            if let Some(call) = &mut transaction.call {
                call.result = Some(result);
            }
            transaction.wakers.wake_all();
        }
    }

    fn call_timed_out(&self) -> RDKafkaError {
        let outstanding = self.lock().outstanding_messages;
        let text = if outstanding == 0 {
            "Transactional operation timed out".to_owned()
        } else {
            format!(
                "Failed to flush all outstanding messages within the API timeout: {outstanding} \
                 message(s) remaining"
            )
        };
        RDKafkaError::retriable(RDKafkaErrorCode::OperationTimedOut, text)
    }

    /// The transaction, unless the producer has none or is of no further use.
    pub(super) fn usable<'s>(
        &self,
        state: &'s mut State,
    ) -> Result<&'s mut Transaction, RDKafkaError> {
        if let Some((code, reason)) = self.client.fatal_error() {
            return Err(RDKafkaError::fatal(code, reason));
        }
        state.transaction.as_mut().ok_or_else(not_transactional)
    }

    /// Adds a group's offsets to the transaction. The time bounds the call, not what it has begun.
    pub(super) fn send_offsets_to_transaction(
        self: &Arc<Self>,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
        deadline: Option<Duration>,
    ) -> Result<(), RDKafkaError> {
        {
            let mut state = self.lock();
            let transaction = self.usable(&mut state)?;
            if transaction.phase != Phase::InTransaction {
                return Err(transaction.refusal());
            }
        }
        let sent = transaction_calls::send_offsets(self, offsets, group, deadline);
        block_on(until(deadline, sent)).unwrap_or_else(|| Err(self.call_timed_out()))
    }

    /// Something of the transaction failed: it can only be aborted. The first error counts.
    pub(super) fn transaction_failed(&self, state: &mut State, code: RDKafkaErrorCode, what: &str) {
        let Some(transaction) = &mut state.transaction else {
            return;
        };
        if matches!(transaction.phase, Phase::InTransaction | Phase::Committing) {
            transaction.phase = Phase::AbortableError;
            transaction.error = Some(RDKafkaError::abortable(
                code,
                format!(
                    "{}: {what}: current transaction must be aborted",
                    code.text()
                ),
            ));
            transaction.wakers.wake_all();
        }
    }

    /// The error of a transaction that can only be aborted.
    pub(super) fn abortable_error(&self) -> Option<RDKafkaError> {
        let state = self.lock();
        let transaction = state.transaction.as_ref()?;
        let failed = transaction.phase == Phase::AbortableError;
        transaction.error.clone().filter(|_| failed)
    }

    /// A newer producer has the transactional id.
    pub(super) fn fenced(&self, state: &mut State, error: RDKafkaErrorCode) -> RDKafkaError {
        let reason = format!("{}: this producer was fenced", error.text());
        self.fail_for_good(state, RDKafkaErrorCode::Fenced, reason.clone());
        RDKafkaError::fatal(RDKafkaErrorCode::Fenced, reason)
    }

    /// The producer is of no further use.
    pub(super) fn transaction_over(&self, state: &mut State) {
        if let Some(transaction) = &mut state.transaction {
            transaction.phase = Phase::Fatal;
            transaction.wakers.wake_all();
        }
    }
}
