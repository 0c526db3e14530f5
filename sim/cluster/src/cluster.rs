//! The cluster: its entry points, and what outlives a call.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kafka_protocol::messages::{ResponseKind, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::broker::Broker;
use crate::cluster_state::ClusterState;
use crate::config::{BrokerId, ClusterConfig};
use crate::event::Event;
use crate::now::Now;
use crate::offsets_topic::OffsetsTopic;
use crate::partition_log::PartitionLog;
use crate::request::{Output, Request};
use crate::requester::ConnectionId;
use crate::topics::{Topic, TopicPartition};
use crate::transactions_topic::TransactionsTopic;

/// Apache Kafka as a state machine: requests and the passing of time go in, responses come out.
///
/// Given the same calls it gives the same outputs and events. It does no I/O and keeps no clock;
/// whoever carries its requests calls [`tick`](Self::tick) no later than
/// [`next_timer`](Self::next_timer) says.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) state: ClusterState,
    pub(crate) brokers: BTreeMap<BrokerId, Broker>,
    pub(crate) offsets_topic: OffsetsTopic,
    pub(crate) transactions_topic: TransactionsTopic,
    /// Connections whose next request, if any, may be handled.
    ready: VecDeque<(BrokerId, ConnectionId)>,
    outputs: Vec<Output>,
}

impl Cluster {
    /// A cluster whose brokers are all up, without topics.
    pub fn new(config: ClusterConfig) -> Self {
        let brokers = config.brokers.iter();
        let brokers =
            brokers.map(|broker| (broker.id, Broker::new(&config.settings, Duration::ZERO)));
        Self {
            brokers: brokers.collect(),
            offsets_topic: OffsetsTopic::default(),
            transactions_topic: TransactionsTopic::default(),
            state: ClusterState::new(config),
            ready: VecDeque::new(),
            outputs: Vec::new(),
        }
    }

    /// Handles a request that arrived at a broker, unless an earlier one of its connection is
    /// still unanswered: then it waits its turn. The outputs may answer other connections too.
    ///
    /// A broker that is down closes the connection.
    pub fn handle(&mut self, now: Now, broker: BrokerId, request: Request) -> Vec<Output> {
        let connection = request.connection;
        let Some(running) = self.brokers.get_mut(&broker) else {
            return vec![Output::CloseConnection { connection }];
        };
        let order = running.connections.entry(connection).or_default();
        order.push(request);
        self.ready.push_back((broker, connection));
        self.settle(now)
    }

    /// Runs every timer that is due.
    pub fn tick(&mut self, now: Now) -> Vec<Output> {
        self.tick_brokers(now, |_| true)
    }

    /// As [`tick`](Self::tick), the timers of these brokers only: those whose processes run.
    pub fn tick_brokers(&mut self, now: Now, ticks: impl Fn(BrokerId) -> bool) -> Vec<Output> {
        self.tick_replication(now, &ticks);
        for broker in self.running().into_iter().filter(|id| ticks(*id)) {
            self.expire_fetches(now, broker);
            self.expire_produces(now, broker);
            self.tick_coordinator(now, broker);
            self.tick_transactions(now, broker);
            self.clean_logs_if_due(now, broker);
            self.compact_logs_if_due(now, broker);
        }
        self.settle(now)
    }

    /// When [`tick`](Self::tick) is to be called, in monotonic time; `None` while no broker runs.
    pub fn next_timer(&self) -> Option<Duration> {
        self.next_timer_of(|_| true)
    }

    /// As [`next_timer`](Self::next_timer), of these brokers only.
    pub fn next_timer_of(&self, ticks: impl Fn(BrokerId) -> bool) -> Option<Duration> {
        let compacts = self.state.topics.compacts();
        let next = |broker: &Broker| {
            let fetch = broker.fetches.next_deadline();
            fetch
                .into_iter()
                .chain(broker.coordinator.next_timer())
                .chain(broker.produces.next_deadline())
                .chain(broker.transactions.next_timer())
                .chain([broker.next_log_cleanup])
                .chain(compacts.then_some(broker.next_log_compaction))
                .min()
        };
        let ticking = self.brokers.iter().filter(|(id, _)| ticks(**id));
        let of_brokers = ticking.filter_map(|(_, broker)| next(broker)).min()?;
        let replication = self.state.replication.next(&ticks);
        Some(replication.map_or(of_brokers, |at| at.min(of_brokers)))
    }

    /// Forgets a connection that has ended: its client, the network or an
    /// [`Output::CloseConnection`] has closed it.
    pub fn connection_closed(
        &mut self,
        now: Now,
        broker: BrokerId,
        connection: ConnectionId,
    ) -> Vec<Output> {
        if let Some(running) = self.brokers.get_mut(&broker) {
            running.fetches.take(connection);
            running.produces.take(connection);
            running.connections.remove(&connection);
        }
        self.settle(now)
    }

    /// Closes a connection whose bytes make no sense; the reason becomes an event.
    pub fn refuse(
        &mut self,
        now: Now,
        broker: BrokerId,
        connection: ConnectionId,
        reason: String,
    ) -> Vec<Output> {
        self.close(broker, connection, reason);
        self.settle(now)
    }

    /// Stops a broker as if it were killed: its connections close, what was parked is gone, its
    /// logs stay. Nothing happens if it is down already.
    pub fn stop_broker(&mut self, now: Now, broker: BrokerId) -> Vec<Output> {
        self.take_down(now, broker);
        self.settle(now)
    }

    pub(crate) fn take_down(&mut self, now: Now, broker: BrokerId) {
        let Some(stopped) = self.brokers.remove(&broker) else {
            return;
        };
        self.state.alive.remove(&broker);
        self.state.bump_leader_epochs(broker);
        self.state.expect_back(now.monotonic, broker);
        self.state.events.push(Event::BrokerStopped { broker });
        for connection in stopped.connections.into_keys() {
            self.outputs.push(Output::CloseConnection { connection });
        }
    }

    /// Starts a broker that was stopped: it leads again, at the next leader epoch, what it has to
    /// itself, and what no other replica leads. Whoever returns before the controller has given it up
    /// is given up now: it comes as another incarnation.
    pub fn start_broker(&mut self, now: Now, broker: BrokerId) -> Vec<Output> {
        if self.brokers.contains_key(&broker) || self.state.broker_config(broker).is_none() {
            return Vec::new();
        }
        if self.state.replication.fencings.contains_key(&broker) {
            self.fence(now, broker);
        }
        self.state.alive.insert(broker);
        self.state.open_log_dirs(broker);
        self.state.bump_leader_epochs(broker);
        let started = Broker::new(&self.state.config.settings, now.monotonic);
        self.brokers.insert(broker, started);
        self.state.events.push(Event::BrokerStarted { broker });
        self.rejoin(now, broker);
        self.load_coordinator(now, broker);
        self.load_transactions(now, broker);
        self.settle(now)
    }

    /// The events since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.state.events)
    }

    /// The configuration it was made with.
    pub fn config(&self) -> &ClusterConfig {
        &self.state.config
    }

    /// Whether the broker is up.
    pub fn is_running(&self, broker: BrokerId) -> bool {
        self.brokers.contains_key(&broker)
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.state.topics.iter()
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        let name = TopicName(StrBytes::from_string(name.to_owned()));
        self.state.topics.get(&name)
    }

    /// A partition's log.
    pub fn log(&self, topic: &str, partition: i32) -> Option<&PartitionLog> {
        let partition = self.topic(topic)?.partition(partition)?;
        Some(&partition.log)
    }

    /// The offset up to which every transaction in a partition has ended.
    pub fn last_stable_offset(&self, topic: &str, partition: i32) -> Option<i64> {
        let partition = self.topic(topic)?.partition(partition)?;
        Some(partition.last_stable_offset())
    }

    /// Handles whatever has become possible, and hands out what there is to send.
    pub(crate) fn settle(&mut self, now: Now) -> Vec<Output> {
        while let Some((broker, connection)) = self.ready.pop_front() {
            let running = self.brokers.get_mut(&broker);
            let order = running.and_then(|broker| broker.connections.get_mut(&connection));
            if let Some(request) = order.and_then(|order| order.next()) {
                self.dispatch(now, broker, request);
            }
            self.halt_brokers(now);
        }
        std::mem::take(&mut self.outputs)
    }

    pub(crate) fn running(&self) -> Vec<BrokerId> {
        self.brokers.keys().copied().collect()
    }

    /// Answers the request being handled on a connection, in the version it was sent in.
    pub(crate) fn respond(
        &mut self,
        broker: BrokerId,
        connection: ConnectionId,
        correlation_id: i32,
        body: ResponseKind,
    ) {
        if let Some(api_version) = self.finish(broker, connection, correlation_id) {
            self.outputs.push(Output::Response {
                connection,
                correlation_id,
                api_version,
                body,
            });
        }
    }

    /// Answers in another version than the request's.
    pub(crate) fn respond_in_version(
        &mut self,
        broker: BrokerId,
        request: &Request,
        api_version: i16,
        body: ResponseKind,
    ) {
        let connection = request.connection;
        let correlation_id = request.correlation_id;
        if self.finish(broker, connection, correlation_id).is_some() {
            self.outputs.push(Output::Response {
                connection,
                correlation_id,
                api_version,
                body,
            });
        }
    }

    /// Ends the request being handled, and lets the connection's next one follow. Returns the
    /// version of the request; `None` if the connection is gone.
    pub(crate) fn finish(
        &mut self,
        broker: BrokerId,
        connection: ConnectionId,
        correlation_id: i32,
    ) -> Option<i16> {
        let running = self.brokers.get_mut(&broker)?;
        let order = running.connections.get_mut(&connection)?;
        let finished = order.finish(correlation_id)?;
        self.ready.push_back((broker, connection));
        Some(finished.api_version)
    }

    /// Closes a connection, as Kafka does when it has no answer. What was read from it and not
    /// yet handled is dropped.
    pub(crate) fn close(&mut self, broker: BrokerId, connection: ConnectionId, reason: String) {
        if let Some(running) = self.brokers.get_mut(&broker) {
            running.fetches.take(connection);
            running.produces.take(connection);
            running.connections.entry(connection).or_default().close();
        }
        self.state.events.push(Event::ConnectionRefused {
            broker,
            connection,
            reason,
        });
        self.outputs.push(Output::CloseConnection { connection });
    }

    /// Answers the parked fetches that a partition's change may satisfy.
    pub(crate) fn complete_fetches(&mut self, changed: &TopicPartition) {
        for broker in self.running() {
            for connection in self.brokers[&broker].fetches.watching(changed) {
                self.complete_fetch_if_satisfied(broker, connection);
            }
        }
    }
}
