//! Requests of a transactional producer to the coordinators of its id and of consumer groups.

use std::sync::{Arc, Weak};
use std::time::Duration;

use kafka_protocol::messages::FindCoordinatorRequest;
use whitewater_sim::time;

use super::core::ProducerCore;
use crate::client::api::{Api, text};
use crate::client::broker::Broker;
use crate::types::RDKafkaErrorCode;

/// The pause while the coordinator still ends an earlier transaction (rdkafka_txnmgr.c).
const CONCURRENT_TRANSACTIONS_PAUSE: Duration = Duration::from_millis(20);

/// Whose coordinator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CoordinatorKey {
    Group(String),
    Transaction(String),
}

impl CoordinatorKey {
    fn request(&self) -> FindCoordinatorRequest {
        let (key, key_type) = match self {
            Self::Group(group) => (group, 0),
            Self::Transaction(id) => (id, 1),
        };
        FindCoordinatorRequest::default()
            .with_key(text(key))
            .with_key_type(key_type)
    }
}

/// Asks a coordinator until it answers with something else than "not yet" or "not me". `None` once
/// the producer is closed.
pub(super) async fn ask<R: Api + Clone>(
    core: &Weak<ProducerCore>,
    key: &CoordinatorKey,
    request: R,
    error_of: impl Fn(&R::Response) -> i16,
) -> Option<(R::Response, RDKafkaErrorCode)> {
    let mut backoff = core.upgrade()?.client.retry_backoff();
    loop {
        let core = core.upgrade().filter(|core| !core.client.is_closed())?;
        let answer = core.ask_coordinator_once(key, request.clone()).await;
        let error = match answer {
            Ok(answer) => match RDKafkaErrorCode::from(error_of(&answer)) {
                error if !is_passing(error) => return Some((answer, error)),
                error => error,
            },
            Err(error) => error,
        };
        let pause = match error {
            RDKafkaErrorCode::ConcurrentTransactions => CONCURRENT_TRANSACTIONS_PAUSE,
            RDKafkaErrorCode::CoordinatorLoadInProgress => backoff.step(),
            _ => {
                core.forget_coordinator(key);
                backoff.step()
            }
        };
        drop(core);
        time::sleep(pause).await;
    }
}

/// Whether a coordinator that answers so, or does not, is asked again.
fn is_passing(error: RDKafkaErrorCode) -> bool {
    matches!(
        error,
        RDKafkaErrorCode::ConcurrentTransactions
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::RequestTimedOut
    )
}

impl ProducerCore {
    async fn ask_coordinator_once<R: Api>(
        &self,
        key: &CoordinatorKey,
        request: R,
    ) -> Result<R::Response, RDKafkaErrorCode> {
        let broker = self.coordinator(key).await?;
        let timeout = self.client.settings().socket_timeout;
        broker.call(request, timeout).await
    }

    async fn coordinator(&self, key: &CoordinatorKey) -> Result<Arc<Broker>, RDKafkaErrorCode> {
        if let Some(known) = self.lock().coordinators.get(key) {
            return Ok(Arc::clone(known));
        }
        let deadline = time::now() + self.client.settings().socket_timeout;
        let (answer, _) = self.client.call_any(key.request(), Some(deadline)).await?;
        match RDKafkaErrorCode::from(answer.error_code) {
            RDKafkaErrorCode::NoError => {}
            error => return Err(error),
        }
        let server = format!("{}:{}", &*answer.host, answer.port);
        let found = self.client.extra_connection(answer.node_id.0, server);
        let mut state = self.lock();
        if state.closed {
            found.close();
            return Err(RDKafkaErrorCode::BrokerDestroy);
        }
        let replaced = state.coordinators.insert(key.clone(), Arc::clone(&found));
        if let Some(replaced) = replaced {
            replaced.close();
        }
        Ok(found)
    }

    pub(super) fn forget_coordinator(&self, key: &CoordinatorKey) {
        if let Some(forgotten) = self.lock().coordinators.remove(key) {
            forgotten.close();
        }
    }
}
