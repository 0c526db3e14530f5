//! What a running broker keeps in memory, and loses when it stops.

use std::collections::BTreeMap;

use crate::config::BrokerSettings;
use crate::connection::Connection;
use crate::group::GroupCoordinator;
use crate::parked_fetch::ParkedFetches;
use crate::requester::ConnectionId;

/// A running broker. Its logs are on its disk, in the shared state.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) fetches: ParkedFetches,
    pub(crate) coordinator: GroupCoordinator,
}

impl Broker {
    pub(crate) fn new(settings: &BrokerSettings) -> Self {
        Self {
            connections: BTreeMap::new(),
            fetches: ParkedFetches::default(),
            coordinator: GroupCoordinator::new(settings),
        }
    }
}
