//! What a running broker keeps in memory, and loses when it stops.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::BrokerSettings;
use crate::connection::Connection;
use crate::fetch::ParkedFetch;
use crate::group::GroupCoordinator;
use crate::parked_produce::ParkedProduce;
use crate::purgatory::Purgatory;
use crate::requester::ConnectionId;
use crate::transaction::TransactionCoordinator;

/// A running broker. Its logs are on its disk, in the shared state.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) fetches: Purgatory<ParkedFetch>,
    pub(crate) produces: Purgatory<ParkedProduce>,
    pub(crate) coordinator: GroupCoordinator,
    pub(crate) transactions: TransactionCoordinator,
    /// When it next looks for segments to delete.
    pub(crate) next_log_cleanup: Duration,
    /// When it next looks for logs to compact, if there may be any.
    pub(crate) next_log_compaction: Duration,
}

impl Broker {
    /// A broker that starts at this time, on the monotonic clock.
    pub(crate) fn new(settings: &BrokerSettings, now: Duration) -> Self {
        Self {
            connections: BTreeMap::new(),
            fetches: Purgatory::default(),
            produces: Purgatory::default(),
            coordinator: GroupCoordinator::new(settings),
            transactions: TransactionCoordinator::new(settings),
            next_log_cleanup: now + Duration::from_millis(settings.log_initial_task_delay_ms),
            next_log_compaction: now,
        }
    }
}
