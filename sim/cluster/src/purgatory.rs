//! Requests that wait for something to happen to their partitions: one of a broker's purgatories
//! (`DelayedOperationPurgatory`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::requester::ConnectionId;
use crate::topics::TopicPartition;

/// Requests of one kind. A connection has at most one: it holds up what follows.
#[derive(Debug)]
pub(crate) struct Purgatory<T> {
    parked: BTreeMap<ConnectionId, Parked<T>>,
    watchers: BTreeMap<TopicPartition, BTreeSet<ConnectionId>>,
    deadlines: BTreeSet<(Duration, ConnectionId)>,
}

/// A request that is not yet answered.
#[derive(Debug)]
struct Parked<T> {
    request: T,
    partitions: Vec<TopicPartition>,
    deadline: Duration,
}

impl<T> Default for Purgatory<T> {
    fn default() -> Self {
        Self {
            parked: BTreeMap::new(),
            watchers: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }
}

impl<T> Purgatory<T> {
    /// Parks a request until one of its partitions satisfies it or the deadline comes.
    pub(crate) fn park(
        &mut self,
        connection: ConnectionId,
        request: T,
        partitions: Vec<TopicPartition>,
        deadline: Duration,
    ) {
        for partition in &partitions {
            let watchers = self.watchers.entry(partition.clone()).or_default();
            watchers.insert(connection);
        }
        self.deadlines.insert((deadline, connection));
        let parked = Parked {
            request,
            partitions,
            deadline,
        };
        self.parked.insert(connection, parked);
    }

    /// Takes the connection's request out, if it has one.
    pub(crate) fn take(&mut self, connection: ConnectionId) -> Option<T> {
        let parked = self.parked.remove(&connection)?;
        self.deadlines.remove(&(parked.deadline, connection));
        for partition in &parked.partitions {
            if let Some(watchers) = self.watchers.get_mut(partition) {
                watchers.remove(&connection);
                if watchers.is_empty() {
                    self.watchers.remove(partition);
                }
            }
        }
        Some(parked.request)
    }

    /// The request parked on a connection.
    pub(crate) fn get(&self, connection: ConnectionId) -> Option<&T> {
        Some(&self.parked.get(&connection)?.request)
    }

    /// The request parked on a connection.
    pub(crate) fn get_mut(&mut self, connection: ConnectionId) -> Option<&mut T> {
        Some(&mut self.parked.get_mut(&connection)?.request)
    }

    /// The connections whose requests wait for a partition.
    pub(crate) fn watching(&self, partition: &TopicPartition) -> Vec<ConnectionId> {
        let watchers = self.watchers.get(partition);
        watchers.map_or_else(Vec::new, |watchers| watchers.iter().copied().collect())
    }

    /// A connection whose request has waited long enough.
    pub(crate) fn due(&self, now: Duration) -> Option<ConnectionId> {
        let (deadline, connection) = self.deadlines.first()?;
        (*deadline <= now).then_some(*connection)
    }

    /// When the next request has waited long enough.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }
}
