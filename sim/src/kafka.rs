//! A Kafka cluster in the world: one host and process a broker, the pure cluster behind them.
//!
//! Requests and responses travel as values over [`crate::network`]; nothing is encoded but the
//! record batches themselves. What the cluster reports becomes events of the trace.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{RequestKind, ResponseKind};
use whitewater_cluster::{
    BrokerConfig, Cluster, ClusterConfig, ConnectionId, Event, Now, Output, Request,
};
pub use whitewater_cluster::{BrokerId, BrokerSettings};

use crate::descriptor::{CloseReason, Descriptor, register_descriptor};
use crate::host::{self, HostId};
use crate::kafka_events::record_events;
use crate::network::{self, Connection, Listener};
use crate::process::{self, HARNESS, ProcessId};
use crate::{cpu, task, time, world};

/// The port every simulated broker listens on.
pub const BROKER_PORT: u16 = 9092;

/// A request on its way to a broker.
#[derive(Debug, Clone)]
pub struct WireRequest {
    /// What the response will repeat.
    pub correlation_id: i32,
    /// The version of the body.
    pub api_version: i16,
    /// `client.id`; empty if there is none.
    pub client_id: String,
    /// The request.
    pub body: RequestKind,
}

/// A response on its way to a client.
#[derive(Debug, Clone)]
pub struct WireResponse {
    /// The request's correlation id.
    pub correlation_id: i32,
    /// The version of the body.
    pub api_version: i16,
    /// The response.
    pub body: ResponseKind,
}

/// What a simulated cluster is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSimConfig {
    /// How many brokers: `broker-1`, `broker-2`, ...
    pub brokers: u32,
    /// The settings of all of them.
    pub settings: BrokerSettings,
}

impl Default for ClusterSimConfig {
    /// Three brokers with Kafka's defaults.
    fn default() -> Self {
        Self {
            brokers: 3,
            settings: BrokerSettings::default(),
        }
    }
}

/// A running cluster. Clones are the same cluster.
#[derive(Clone)]
pub struct ClusterHandle {
    inner: Rc<Inner>,
}

struct Inner {
    cluster: RefCell<Cluster>,
    brokers: BTreeMap<BrokerId, ProcessId>,
    connections: RefCell<BTreeMap<ConnectionId, Rc<Connection>>>,
    last_connection: Cell<u64>,
    /// The process of each group member that asked for an offset commit. A request can wait for
    /// another one, and is then answered on another process's account.
    committers: RefCell<BTreeMap<String, String>>,
    /// What retention and compaction took out of the logs, by topic and partition.
    deleted: RefCell<BTreeMap<(String, i32), Vec<Bytes>>>,
    timer: RefCell<TimerState>,
}

#[derive(Default)]
struct TimerState {
    /// When the cluster's next timer is due.
    due: Option<Duration>,
    /// When the timer task will wake by itself.
    armed: Option<Duration>,
    task: Option<Waker>,
}

/// Creates the hosts and processes of a cluster and starts them. The first cluster of a world is
/// the one that unknown bootstrap servers lead to (see [`set_bootstrap`]).
#[track_caller]
pub fn start_cluster(config: ClusterSimConfig) -> ClusterHandle {
    let ids = 1..=i32::try_from(config.brokers).expect("a few brokers");
    let mut brokers = BTreeMap::new();
    let mut broker_configs = Vec::new();
    for id in ids {
        let name = broker_name(id);
        let host = host::create_host(&name);
        brokers.insert(id, process::create_process(host, &name));
        broker_configs.push(BrokerConfig {
            id,
            host: name,
            port: BROKER_PORT,
        });
    }
    let cluster = Cluster::new(ClusterConfig {
        cluster_id: "whitewater-simulated".to_owned(),
        brokers: broker_configs,
        settings: config.settings,
    });
    let handle = ClusterHandle {
        inner: Rc::new(Inner {
            cluster: RefCell::new(cluster),
            brokers,
            connections: RefCell::default(),
            last_connection: Cell::new(0),
            committers: RefCell::default(),
            deleted: RefCell::default(),
            timer: RefCell::default(),
        }),
    };
    for (id, process) in &handle.inner.brokers {
        run_broker(&handle, *id, *process);
    }
    drop(task::spawn_on(HARNESS, run_timers(handle.clone())));
    if bootstrap().is_empty() {
        set_bootstrap(handle.addresses());
    }
    handle
}

fn broker_name(id: BrokerId) -> String {
    format!("broker-{id}")
}

impl ClusterHandle {
    /// Looks into the cluster, for checkers and tools.
    pub fn with<R>(&self, look: impl FnOnce(&Cluster) -> R) -> R {
        look(&self.cluster())
    }

    /// The record batches of a partition that are deleted, by retention or request, and those of which
    /// compaction has taken records out, in the order in which it happened: what nobody in the world
    /// can read any more as it was, for checkers.
    pub fn deleted_batches(&self, topic: &str, partition: i32) -> Vec<Bytes> {
        let deleted = self.inner.deleted.borrow();
        let log = deleted.get(&(topic.to_owned(), partition));
        log.cloned().unwrap_or_default()
    }

    /// The ids of all brokers, up or down.
    pub fn broker_ids(&self) -> Vec<BrokerId> {
        self.inner.brokers.keys().copied().collect()
    }

    /// The process of a broker.
    ///
    /// # Panics
    ///
    /// Where there is no such broker.
    #[track_caller]
    pub fn broker_process(&self, id: BrokerId) -> ProcessId {
        *self
            .inner
            .brokers
            .get(&id)
            .unwrap_or_else(|| panic!("the cluster has no broker {id}"))
    }

    /// The host of a broker.
    ///
    /// # Panics
    ///
    /// Where there is no such broker.
    #[track_caller]
    pub fn broker_host(&self, id: BrokerId) -> HostId {
        process::host_of(self.broker_process(id))
    }

    /// Kills a broker's process: its connections end, its partitions have no leader, its logs
    /// stay. Nothing where it is down.
    #[track_caller]
    pub fn kill_broker(&self, id: BrokerId) {
        process::kill(self.broker_process(id));
    }

    /// Stops a broker's process as SIGSTOP does: what arrives waits, and so do its timers. The
    /// cluster's metadata does not change (a controller would fence the broker after
    /// `broker.session.timeout.ms`, 9 s; with one replica its partitions have no other leader).
    #[track_caller]
    pub fn pause_broker(&self, id: BrokerId) {
        process::pause(self.broker_process(id));
    }

    /// Undoes [`Self::pause_broker`]: what has waited is done, timers that were due first.
    #[track_caller]
    pub fn resume_broker(&self, id: BrokerId) {
        process::resume(self.broker_process(id));
        self.tick();
    }

    /// Starts a broker that is down; it leads its partitions again, at the next leader epoch.
    ///
    /// # Panics
    ///
    /// Where it runs, or its host has no power.
    #[track_caller]
    pub fn restart_broker(&self, id: BrokerId) {
        run_broker(self, id, self.broker_process(id));
    }

    /// `broker-1:9092,broker-2:9092,...`
    pub fn bootstrap_servers(&self) -> String {
        let servers: Vec<String> = self
            .inner
            .brokers
            .keys()
            .map(|id| format!("{}:{BROKER_PORT}", broker_name(*id)))
            .collect();
        servers.join(",")
    }

    /// The addresses that all brokers listen on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let processes = self.inner.brokers.values();
        processes
            .map(|process| SocketAddr::new(process::ip(*process), BROKER_PORT))
            .collect()
    }

    /// Does to the cluster what an administrator would: from outside, and at once.
    pub fn administer(&self, act: impl FnOnce(&mut Cluster, Now) -> Vec<Output>) {
        self.act(act);
    }

    fn cluster(&self) -> Ref<'_, Cluster> {
        self.inner.cluster.borrow()
    }

    fn cluster_mut(&self) -> RefMut<'_, Cluster> {
        self.inner.cluster.borrow_mut()
    }

    /// Does something to the cluster, records what it reports, sends what it answers.
    fn act(&self, act: impl FnOnce(&mut Cluster, Now) -> Vec<Output>) {
        self.act_for("", act);
    }

    /// As [`Self::act`], for the client process of this name.
    fn act_for(&self, client: &str, act: impl FnOnce(&mut Cluster, Now) -> Vec<Output>) {
        let now = Now {
            monotonic: time::now(),
            wall_ms: time::wall_ms(),
        };
        let (outputs, events, due) = {
            let mut cluster = self.cluster_mut();
            let outputs = act(&mut cluster, now);
            let due = cluster.next_timer_of(|id| self.is_awake(id));
            (outputs, cluster.take_events(), due)
        };
        self.keep_deleted(&events);
        self.end_halted(&events);
        record_events(events, client, &self.inner.committers.borrow());
        for output in outputs {
            self.carry_out(output);
        }
        self.arm(due);
    }

    /// Ends the processes of brokers that have halted, once what they do now is done.
    fn end_halted(&self, events: &[Event]) {
        for event in events {
            if let Event::BrokerHalted { broker } = event {
                let process = self.broker_process(*broker);
                drop(task::spawn_on(
                    HARNESS,
                    async move { process::kill(process) },
                ));
            }
        }
    }

    fn keep_deleted(&self, events: &[Event]) {
        for event in events {
            if let Event::SegmentsDeleted {
                topic,
                partition,
                batches,
                ..
            }
            | Event::LogCompacted {
                topic,
                partition,
                batches,
                ..
            } = event
            {
                let mut deleted = self.inner.deleted.borrow_mut();
                let log = deleted.entry((topic.clone(), *partition)).or_default();
                log.extend(batches.iter().cloned());
            }
        }
    }

    /// Runs the timers that are due, of all brokers that are not paused.
    fn tick(&self) {
        self.act(|cluster, now| cluster.tick_brokers(now, |id| self.is_awake(id)));
    }

    fn is_awake(&self, id: BrokerId) -> bool {
        !process::is_paused(self.broker_process(id))
    }

    fn note_committer(&self, body: &RequestKind, client: &str) {
        let RequestKind::OffsetCommit(request) = body else {
            return;
        };
        let mut committers = self.inner.committers.borrow_mut();
        if !request.member_id.is_empty() && !committers.contains_key(&*request.member_id) {
            committers.insert(request.member_id.to_string(), client.to_owned());
        }
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::Response {
                connection,
                correlation_id,
                api_version,
                body,
            } => {
                let receiver = self.inner.connections.borrow().get(&connection).cloned();
                if let Some(receiver) = receiver {
                    let response = WireResponse {
                        correlation_id,
                        api_version,
                        body,
                    };
                    // A client that has gone away is noticed where its requests are read.
                    let _ = receiver.send(Box::new(response), 0);
                }
            }
            Output::CloseConnection { connection } => {
                let closed = self.inner.connections.borrow_mut().remove(&connection);
                if let Some(closed) = closed {
                    closed.close();
                }
            }
        }
    }

    fn arm(&self, due: Option<Duration>) {
        let mut timer = self.inner.timer.borrow_mut();
        timer.due = due;
        let sooner = match (due, timer.armed) {
            (Some(due), Some(armed)) => due < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if sooner && let Some(waker) = timer.task.take() {
            drop(timer);
            waker.wake();
        }
    }
}

/// Ticks the cluster whenever one of its timers is due.
async fn run_timers(handle: ClusterHandle) {
    let mut sleep = pin!(time::sleep(Duration::MAX));
    loop {
        poll_fn(|context| {
            let mut timer = handle.inner.timer.borrow_mut();
            timer.task = Some(context.waker().clone());
            let due = timer.due;
            if due.is_some_and(|due| due <= time::now()) {
                return Poll::Ready(());
            }
            timer.armed = due;
            drop(timer);
            sleep.as_mut().reset(due.unwrap_or(Duration::MAX));
            Pin::new(&mut *sleep).poll(context)
        })
        .await;
        handle.inner.timer.borrow_mut().armed = None;
        handle.tick();
    }
}

/// Stops the broker in the cluster when its process ends, however that happens.
struct RunningBroker {
    handle: ClusterHandle,
    id: BrokerId,
}

impl Descriptor for RunningBroker {
    fn close(&mut self, _how: CloseReason) {
        let Self { handle, id } = self;
        handle.act(|cluster, now| cluster.stop_broker(now, *id));
    }
}

fn run_broker(handle: &ClusterHandle, id: BrokerId, process: ProcessId) {
    let handle = handle.clone();
    process::start_plain(process, move || async move {
        register_descriptor(Box::new(RunningBroker {
            handle: handle.clone(),
            id,
        }));
        handle.act(|cluster, now| cluster.start_broker(now, id));
        let listener =
            network::listen(BROKER_PORT).expect("nothing else listens at a broker's address");
        accept_clients(&handle, id, &listener).await;
    });
}

async fn accept_clients(handle: &ClusterHandle, broker: BrokerId, listener: &Listener) {
    while let Ok((connection, _peer)) = listener.accept().await {
        drop(task::spawn(serve(handle.clone(), broker, connection)));
    }
}

/// Reads a client's requests until it goes away.
async fn serve(handle: ClusterHandle, broker: BrokerId, connection: Connection) {
    let id = ConnectionId(handle.inner.last_connection.get() + 1);
    handle.inner.last_connection.set(id.0);
    let client_host = format!("/{}", connection.peer_addr().ip());
    let client = process::at(connection.peer_addr().ip())
        .map(process::name)
        .unwrap_or_default();
    let connection = Rc::new(connection);
    handle
        .inner
        .connections
        .borrow_mut()
        .insert(id, connection.clone());
    while let Ok(Some(message)) = connection.receive().await {
        let Ok(request) = message.downcast::<WireRequest>() else {
            break;
        };
        cpu::spend_on_request().await;
        handle.note_committer(&request.body, &client);
        let request = Request {
            connection: id,
            correlation_id: request.correlation_id,
            api_version: request.api_version,
            client_id: request.client_id,
            client_host: client_host.clone(),
            body: request.body,
        };
        handle.act_for(&client, |cluster, now| cluster.handle(now, broker, request));
    }
    let known = handle.inner.connections.borrow_mut().remove(&id);
    if let Some(known) = known {
        known.close();
        handle.act(|cluster, now| cluster.connection_closed(now, broker, id));
    }
}

#[derive(Default)]
struct Bootstrap(RefCell<Vec<SocketAddr>>);

/// Says which brokers a bootstrap server leads to whose name means nothing in this world, so that
/// a hard-coded `localhost:9092` finds the cluster.
#[track_caller]
pub fn set_bootstrap(addresses: Vec<SocketAddr>) {
    *world::extension::<Bootstrap>().0.borrow_mut() = addresses;
}

/// What [`set_bootstrap`] has said.
#[track_caller]
pub fn bootstrap() -> Vec<SocketAddr> {
    world::extension::<Bootstrap>().0.borrow().clone()
}

/// The addresses that `host:port` (or `host`) leads to: the process of that name, else the
/// registered bootstrap brokers, else whatever the network resolves it to.
#[track_caller]
pub fn resolve_server(server: &str) -> Vec<SocketAddr> {
    let server = server.rsplit("//").next().unwrap_or(server);
    let (name, port) = match server.rsplit_once(':') {
        Some((name, port)) => (name, port.parse().unwrap_or(BROKER_PORT)),
        None => (server, BROKER_PORT),
    };
    let resolved = || network::resolve(name).map(|ip| vec![SocketAddr::new(ip, port)]);
    if process::find(name).is_some() {
        return resolved().unwrap_or_default();
    }
    let bootstrap = bootstrap();
    if bootstrap.is_empty() {
        resolved().unwrap_or_default()
    } else {
        bootstrap
    }
}
