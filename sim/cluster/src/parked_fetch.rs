//! Fetches that wait for data: the broker's fetch purgatory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::messages::FetchRequest;

use crate::requester::ConnectionId;
use crate::topics::TopicPartition;

/// A long poll that is not yet answered.
#[derive(Debug)]
pub(crate) struct ParkedFetch {
    pub(crate) version: i16,
    pub(crate) request: FetchRequest,
    partitions: Vec<TopicPartition>,
    deadline: Duration,
}

/// The long polls of one broker. A connection has at most one: it holds up what follows.
#[derive(Debug, Default)]
pub(crate) struct ParkedFetches {
    parked: BTreeMap<ConnectionId, ParkedFetch>,
    watchers: BTreeMap<TopicPartition, BTreeSet<ConnectionId>>,
    deadlines: BTreeSet<(Duration, ConnectionId)>,
}

impl ParkedFetches {
    /// Parks a fetch until one of its partitions satisfies it or the deadline comes.
    pub(crate) fn park(
        &mut self,
        connection: ConnectionId,
        version: i16,
        request: FetchRequest,
        partitions: Vec<TopicPartition>,
        deadline: Duration,
    ) {
        for partition in &partitions {
            let watchers = self.watchers.entry(partition.clone()).or_default();
            watchers.insert(connection);
        }
        self.deadlines.insert((deadline, connection));
        let fetch = ParkedFetch {
            version,
            request,
            partitions,
            deadline,
        };
        self.parked.insert(connection, fetch);
    }

    /// Takes the connection's fetch out, if it has one.
    pub(crate) fn take(&mut self, connection: ConnectionId) -> Option<ParkedFetch> {
        let fetch = self.parked.remove(&connection)?;
        self.deadlines.remove(&(fetch.deadline, connection));
        for partition in &fetch.partitions {
            if let Some(watchers) = self.watchers.get_mut(partition) {
                watchers.remove(&connection);
                if watchers.is_empty() {
                    self.watchers.remove(partition);
                }
            }
        }
        Some(fetch)
    }

    /// The fetch parked on a connection.
    pub(crate) fn get(&self, connection: ConnectionId) -> Option<&ParkedFetch> {
        self.parked.get(&connection)
    }

    /// The connections whose fetches wait for a partition.
    pub(crate) fn watching(&self, partition: &TopicPartition) -> Vec<ConnectionId> {
        let watchers = self.watchers.get(partition);
        watchers.map_or_else(Vec::new, |watchers| watchers.iter().copied().collect())
    }

    /// A connection whose fetch has waited long enough.
    pub(crate) fn due(&self, now: Duration) -> Option<ConnectionId> {
        let (deadline, connection) = self.deadlines.first()?;
        (*deadline <= now).then_some(*connection)
    }

    /// When the next fetch has waited long enough.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }
}
