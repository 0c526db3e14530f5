//! What a running broker keeps in memory, and loses when it stops.

use std::collections::BTreeMap;

use crate::connection::Connection;
use crate::parked_fetch::ParkedFetches;
use crate::requester::ConnectionId;

/// A running broker. Its logs are on its disk, in the shared state.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) fetches: ParkedFetches,
}
