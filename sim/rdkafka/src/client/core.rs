//! What all kinds of client share: brokers, the view of the cluster, errors of the client as a
//! whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use whitewater_sim::random::{Stream, below_in};
use whitewater_sim::{task, time};

use super::api::{Api, topic_name};
use super::backoff::Backoff;
use super::broker::{Broker, until};
use super::client_statistics;
use super::cluster_view::ClusterView;
use crate::config::Settings;
use crate::statistics::Statistics;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// What the client's owner wants to hear of.
pub(crate) trait ClientEvents: Send + Sync {
    /// An error of the client as a whole.
    fn client_error(&self, code: RDKafkaErrorCode, reason: String);

    /// The view of the cluster was updated.
    fn view_updated(&self);

    /// Adds what the client's owner knows to statistics: topics, group, messages.
    fn add_statistics(&self, statistics: &mut Statistics);

    /// Statistics for the application, as JSON.
    fn statistics(&self, json: Vec<u8>);
}

/// The shared part of a client.
pub(crate) struct ClientCore {
    settings: Settings,
    this: Weak<ClientCore>,
    state: Mutex<State>,
    view: Mutex<ClusterView>,
    created: Duration,
}

struct State {
    bootstrap: Vec<Arc<Broker>>,
    nodes: BTreeMap<i32, Arc<Broker>>,
    events: Option<Weak<dyn ClientEvents>>,
    /// All brokers were down the last time one went down.
    all_down: bool,
    /// Topics are subscribed to by patterns: every refresh asks for all there are.
    wants_all_topics: bool,
    /// Topics whose metadata is wanted soon.
    wanted: BTreeSet<Arc<str>>,
    refreshing: bool,
    fatal: Option<(RDKafkaErrorCode, String)>,
    closed: bool,
}

impl ClientCore {
    /// A client that belongs to the calling process. It connects when it first needs to.
    pub(crate) fn start(settings: Settings) -> Arc<Self> {
        let core = Arc::new_cyclic(|this| Self {
            settings,
            this: Weak::clone(this),
            state: Mutex::new(State {
                bootstrap: Vec::new(),
                nodes: BTreeMap::new(),
                events: None,
                all_down: false,
                wants_all_topics: false,
                wanted: BTreeSet::new(),
                refreshing: false,
                fatal: None,
                closed: false,
            }),
            view: Mutex::default(),
            created: time::now(),
        });
        let bootstrap = core.settings.bootstrap_servers.iter();
        let bootstrap = bootstrap
            .map(|server| Broker::start(&core.this, -1, server.clone()))
            .collect();
        core.lock().bootstrap = bootstrap;
        if let Some(interval) = core.settings.metadata_refresh_interval {
            drop(task::spawn(refresh_periodically(
                Weak::clone(&core.this),
                interval,
            )));
        }
        if let Some(interval) = core.settings.statistics_interval {
            drop(task::spawn(client_statistics::run(
                Weak::clone(&core.this),
                interval,
            )));
        }
        core
    }

    /// A reference that does not keep it alive.
    pub(super) fn this(&self) -> Weak<Self> {
        Weak::clone(&self.this)
    }

    /// When the client was made.
    pub(super) fn created(&self) -> Duration {
        self.created
    }

    /// All brokers that are known.
    pub(super) fn brokers(&self) -> Vec<Arc<Broker>> {
        self.lock().all_brokers()
    }

    /// Who hears of what happens, while it lives.
    pub(super) fn events(&self) -> Option<Arc<dyn ClientEvents>> {
        self.lock().events.as_ref().and_then(Weak::upgrade)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Says who hears of errors and of a new view.
    pub(crate) fn set_events(&self, events: Weak<dyn ClientEvents>) {
        self.lock().events = Some(events);
    }

    /// Closes all connections; tasks end, requests fail.
    pub(crate) fn close(&self) {
        let brokers = {
            let mut state = self.lock();
            state.closed = true;
            state.all_brokers()
        };
        for broker in brokers {
            broker.close();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The error that ended this client's use, if one did.
    pub(crate) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.lock().fatal.clone()
    }

    /// Records a fatal error; the first one stays.
    pub(crate) fn set_fatal(&self, code: RDKafkaErrorCode, reason: String) {
        self.lock().fatal.get_or_insert((code, reason));
    }

    /// Says whether refreshes ask for all topics, new ones included.
    pub(crate) fn set_wants_all_topics(&self, wants: bool) {
        self.lock().wants_all_topics = wants;
    }

    /// Whether all topics were asked for not too long ago.
    pub(crate) fn knows_all_topics(&self) -> bool {
        let age = self.view().all_updated.map(|at| time::now() - at);
        age.is_some_and(|age| age <= self.settings.metadata_max_age)
    }

    /// Reads the view of the cluster.
    pub(crate) fn view(&self) -> MutexGuard<'_, ClusterView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The leader of a partition; if none is known, metadata is asked for.
    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<Arc<Broker>> {
        let node = self.view().leader(partition);
        match node.and_then(|node| self.node(node)) {
            Some(broker) => Some(broker),
            None => {
                self.want_metadata(&partition.topic);
                None
            }
        }
    }

    /// The broker of this id, if it is known.
    pub(crate) fn node(&self, id: i32) -> Option<Arc<Broker>> {
        self.lock().nodes.get(&id).cloned()
    }

    /// A connection of its own to a node, as the group coordinator gets one.
    pub(crate) fn extra_connection(&self, node_id: i32, server: String) -> Arc<Broker> {
        Broker::start(&self.this, node_id, server)
    }

    /// Some broker, preferably a connected one; one that is down only if all are.
    fn any_broker(&self) -> Option<Arc<Broker>> {
        let brokers = self.lock().all_brokers();
        let up: Vec<_> = brokers.iter().filter(|broker| broker.is_up()).collect();
        let maybe: Vec<_> = brokers.iter().filter(|broker| !broker.is_down()).collect();
        let choice = if !up.is_empty() {
            up
        } else if !maybe.is_empty() {
            maybe
        } else {
            brokers.iter().collect()
        };
        let count = u64::try_from(choice.len())
            .ok()
            .filter(|count| *count > 0)?;
        Some(Arc::clone(
            choice[below_in(Stream::Entropy, count) as usize],
        ))
    }

    /// Asks any broker, and another if that one fails, until the deadline.
    ///
    /// # Errors
    /// `BrokerTransportFailure` or `OperationTimedOut` when the time is up.
    pub(crate) async fn call_any<R: Api + Clone>(
        &self,
        request: R,
        deadline: Option<Duration>,
    ) -> Result<(R::Response, Arc<Broker>), RDKafkaErrorCode> {
        let mut backoff = self.retry_backoff();
        loop {
            let broker = self.any_broker();
            let error = match &broker {
                None => RDKafkaErrorCode::BrokerTransportFailure,
                Some(broker) => {
                    let call = broker.call(request.clone(), self.settings.socket_timeout);
                    match until(deadline, call).await {
                        Some(Ok(response)) => return Ok((response, Arc::clone(broker))),
                        Some(Err(error)) => error,
                        None => RDKafkaErrorCode::BrokerTransportFailure,
                    }
                }
            };
            let pause = backoff.step();
            if self.is_closed() || deadline.is_some_and(|deadline| time::now() + pause >= deadline)
            {
                return Err(error);
            }
            time::sleep(pause).await;
        }
    }

    pub(crate) fn retry_backoff(&self) -> Backoff {
        Backoff::new(self.settings.retry_backoff, self.settings.retry_backoff_max)
    }

    /// Fetches metadata of some topics, or of all, and updates the view.
    ///
    /// # Errors
    /// As [`call_any`](Self::call_any).
    pub(crate) async fn fetch_metadata(
        &self,
        topics: Option<&BTreeSet<Arc<str>>>,
        deadline: Option<Duration>,
    ) -> Result<(MetadataResponse, Arc<Broker>), RDKafkaErrorCode> {
        let all = topics.is_none();
        let topics = topics.map(|topics| {
            topics
                .iter()
                .map(|topic| MetadataRequestTopic::default().with_name(Some(topic_name(topic))))
                .collect()
        });
        let request = MetadataRequest::default()
            .with_allow_auto_topic_creation(
                topics.is_some() && self.settings.allow_auto_create_topics,
            )
            .with_topics(topics);
        let (response, broker) = self.call_any(request, deadline).await?;
        self.take_in(&response, all);
        Ok((response, broker))
    }

    fn take_in(&self, response: &MetadataResponse, all: bool) {
        let nodes = {
            let mut view = self.view();
            view.update(response);
            view.updated = time::now();
            if all {
                view.forget_all_but(response, time::now());
            }
            view.nodes.clone()
        };
        let events = {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            for (id, server) in nodes {
                if state
                    .nodes
                    .get(&id)
                    .is_some_and(|known| known.server() == server)
                {
                    continue;
                }
                let bootstrap = state
                    .bootstrap
                    .iter()
                    .position(|broker| broker.server() == server);
                let broker = match bootstrap {
                    Some(index) => {
                        let broker = state.bootstrap.remove(index);
                        broker.set_node_id(id);
                        broker
                    }
                    None => Broker::start(&self.this, id, server),
                };
                if let Some(replaced) = state.nodes.insert(id, broker) {
                    replaced.close();
                }
            }
            state.events.clone()
        };
        if let Some(events) = events.and_then(|events| events.upgrade()) {
            events.view_updated();
        }
    }

    /// Has a topic's metadata fetched now, and again until all its partitions are led.
    pub(crate) fn want_metadata(&self, topic: &Arc<str>) {
        let mut state = self.lock();
        state.wanted.insert(Arc::clone(topic));
        if !state.refreshing && !state.closed {
            state.refreshing = true;
            drop(task::spawn(refresh_wanted(Weak::clone(&self.this))));
        }
    }

    /// Tells the client's owner, and whether that was the last broker.
    pub(super) fn broker_went_down(&self, broker: &Broker, reason: &str) {
        let (events, all_down) = {
            let mut state = self.lock();
            let brokers = state.all_brokers();
            let all_down = brokers.iter().all(|broker| broker.is_down());
            let newly = all_down && !state.all_down;
            state.all_down = all_down;
            (state.events.clone(), newly.then_some(brokers.len()))
        };
        let Some(events) = events.and_then(|events| events.upgrade()) else {
            return;
        };
        events.client_error(
            RDKafkaErrorCode::BrokerTransportFailure,
            format!("{}: {reason}", broker.name()),
        );
        if let Some(count) = all_down {
            events.client_error(
                RDKafkaErrorCode::AllBrokersDown,
                format!("{count}/{count} brokers are down"),
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn all_brokers(&self) -> Vec<Arc<Broker>> {
        self.nodes
            .values()
            .chain(&self.bootstrap)
            .cloned()
            .collect()
    }
}

/// Refreshes the metadata of all known topics, or of all there are (`topic.metadata.refresh.interval.ms`).
async fn refresh_periodically(core: Weak<ClientCore>, interval: Duration) {
    loop {
        time::sleep(interval).await;
        let Some(core) = core.upgrade().filter(|core| !core.is_closed()) else {
            return;
        };
        let topics: BTreeSet<_> = core.view().topics.keys().cloned().collect();
        let deadline = time::now() + interval;
        if core.lock().wants_all_topics {
            let _ = core.fetch_metadata(None, Some(deadline)).await;
        } else if !topics.is_empty() {
            let _ = core.fetch_metadata(Some(&topics), Some(deadline)).await;
        }
    }
}

/// Refreshes the wanted topics until each of them is settled or was found missing for a while;
/// those who need it longer ask again.
async fn refresh_wanted(core: Weak<ClientCore>) {
    let Some(settings) = core.upgrade().map(|core| core.settings.clone()) else {
        return;
    };
    let mut backoff = Backoff::new(
        settings.metadata_refresh_fast_interval,
        settings
            .retry_backoff_max
            .max(settings.metadata_refresh_fast_interval),
    );
    let mut missing: BTreeSet<Arc<str>> = BTreeSet::new();
    loop {
        let Some(core) = core.upgrade() else { return };
        let topics = {
            let mut state = core.lock();
            let mut topics = std::mem::take(&mut state.wanted);
            topics.append(&mut missing);
            if topics.is_empty() || state.closed {
                state.refreshing = false;
                return;
            }
            topics
        };
        let deadline = time::now() + settings.socket_timeout;
        let fetched = core.fetch_metadata(Some(&topics), Some(deadline)).await;
        missing = core.view().unsettled(topics);
        if fetched.is_ok() {
            let view = core.view();
            // A topic that does not exist is not asked for again by itself.
            missing.retain(|topic| {
                view.topics
                    .get(topic)
                    .is_none_or(|topic| topic.error != RDKafkaErrorCode::UnknownTopicOrPartition)
            });
        }
        drop(core);
        time::sleep(backoff.step()).await;
    }
}
