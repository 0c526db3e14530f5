//! Kafka in containers: a controller that no fault hits, and the plan's brokers.

#![expect(
    clippy::disallowed_methods,
    reason = "real threads and real time: no part of a simulated build"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::administrator::Administrator;
use super::engine::{Container, EngineError, Network};
use super::link::Link;
use super::log_disk::LogDisk;
use super::possible;
use crate::fault::action::FaultAction;
use crate::plan::{Plan, PlannedFault};

/// How long brokers may take until they answer; a machine may have little to spare.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// Between two looks whether they do.
const LOOK: Duration = Duration::from_millis(500);

/// The node id of the controller; brokers have those of the plan.
const CONTROLLER_ID: u32 = 1_000;

/// Enough for a broker of a test.
const HEAP: &str = "KAFKA_HEAP_OPTS=-Xmx384m -Xms128m";

/// `broker.session.timeout.ms`: a broker that was killed can't register anew before. A third of
/// Kafka's default.
const BROKER_SESSION_TIMEOUT_MS: u32 = 3_000;

/// What a broker logs when it gives up a log dir (ReplicaManager.scala).
const LOG_DIR_OFFLINE: &str = "Stopping serving replicas in dir";

/// Tells the clusters that one process starts apart.
static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);

/// The brokers of a run. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Brokers {
    brokers: Vec<Broker>,
    controller: Container,
    /// By worker and broker, where a fault of the plan is between them.
    links: BTreeMap<(String, i32), Arc<Link>>,
    /// The relays' ports for each relayed worker.
    relayed: BTreeMap<String, Vec<u16>>,
    // Behind the containers: a network in use can't be removed.
    network: Network,
}

/// Where clients reach a broker.
struct Listener {
    name: String,
    /// Inside and outside of the container.
    port: u16,
    /// What clients are told.
    advertised: u16,
}

#[derive(Debug)]
struct Broker {
    container: Container,
    // Behind the container, which has them mounted.
    log_disks: Vec<LogDisk>,
    port: u16,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Paused,
    Down,
}

impl Brokers {
    /// Starts the cluster of a plan. It answers once [`Self::wait`] returns.
    pub(super) fn start(plan: &Plan, image: &str) -> Result<Self, EngineError> {
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("whitewater-{}-{number}", std::process::id());
        let network = Network::create(&name)?;
        let controller = start_controller(network.name(), image)?;
        let mut started = Self {
            brokers: Vec::new(),
            links: BTreeMap::new(),
            relayed: BTreeMap::new(),
            controller,
            network,
        };
        let relayed = possible::relayed_workers(plan);
        for id in (1..).take(plan.cluster.brokers as usize) {
            started.add(plan, image, id, &relayed)?;
        }
        Ok(started)
    }

    /// Starts one more broker, with a listener for each relayed worker.
    fn add(
        &mut self,
        plan: &Plan,
        image: &str,
        id: i32,
        relayed: &BTreeSet<&str>,
    ) -> Result<(), EngineError> {
        let no_port = |error: std::io::Error| EngineError::Failed {
            command: "run".to_owned(),
            said: format!("no free port: {error}"),
        };
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let relays: Vec<TcpListener> = relayed
            .iter()
            .map(|_| bind())
            .collect::<Result<_, _>>()
            .map_err(no_port)?;
        // Behind the relays, which keep theirs.
        let ports = free_ports(1 + relays.len()).map_err(no_port)?;
        let mut listeners = vec![Listener {
            name: "CLIENT".to_owned(),
            port: ports[0],
            advertised: ports[0],
        }];
        for ((worker, relay), port) in relayed.iter().zip(relays).zip(&ports[1..]) {
            let advertised = relay.local_addr().map_err(no_port)?.port();
            listeners.push(Listener {
                name: format!("LINK{}", listeners.len()),
                port: *port,
                advertised,
            });
            let worker = (*worker).to_owned();
            let link = Link::relay(relay, *port, plan.seed);
            self.links.insert((worker.clone(), id), link);
            self.relayed.entry(worker).or_default().push(advertised);
        }
        let has_disks =
            |fault: &PlannedFault| matches!(fault.action, FaultAction::BrokerDiskFull(_));
        let disks = match plan.faults.iter().any(has_disks) {
            true => 0..plan.cluster.log_dirs,
            false => 0..0,
        };
        let network = self.network.name();
        let log_disks = disks
            .map(|number| LogDisk::create(&format!("{network}-broker-{id}-{number}"), image))
            .collect::<Result<Vec<LogDisk>, EngineError>>()?;
        self.brokers.push(Broker {
            container: start_broker(plan, network, image, id, &listeners, &log_disks)?,
            log_disks,
            port: ports[0],
            state: Mutex::new(State::Up),
        });
        Ok(())
    }

    /// The link between a worker and a broker; none where no fault of the plan is between them.
    pub(super) fn link(&self, worker: &str, broker: i32) -> Option<&Link> {
        let link = self.links.get(&(worker.to_owned(), broker))?;
        Some(link)
    }

    /// Heals every link.
    pub(super) fn heal_links(&self) {
        self.links.values().for_each(|link| link.heal());
    }

    /// The value for a worker's `bootstrap.servers`.
    pub(super) fn servers_for(&self, worker: &str) -> String {
        match self.relayed.get(worker) {
            Some(ports) => addresses(ports.iter().copied()),
            None => self.bootstrap_servers(),
        }
    }

    /// The value for `bootstrap.servers`.
    pub(super) fn bootstrap_servers(&self) -> String {
        addresses(self.brokers.iter().map(|broker| broker.port))
    }

    /// Waits until every broker answers; `called_off` ends it early.
    pub(super) fn wait(
        &self,
        administrator: &Administrator,
        called_off: &dyn Fn() -> bool,
    ) -> Result<(), EngineError> {
        let begun = Instant::now();
        while !called_off() {
            if administrator.brokers() == self.brokers.len() {
                return Ok(());
            }
            let containers = self.brokers.iter().map(|broker| &broker.container);
            let dead = containers
                .chain([&self.controller])
                .find(|container| !container.is_up());
            if begun.elapsed() > START_TIMEOUT || dead.is_some() {
                let silent = dead.unwrap_or(&self.controller);
                return Err(EngineError::NoKafka {
                    seconds: begun.elapsed().as_secs(),
                    said: silent.last_words(),
                });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.brokers.len()
    }

    /// Leaves so much room on the disk of a log dir.
    pub(super) fn fill(&self, id: i32, log_dir: u64, room_kib: u64) -> Result<(), EngineError> {
        match self.log_disk(id, log_dir) {
            Some(disk) => disk.fill(room_kib),
            None => Ok(()),
        }
    }

    /// Gives the room back, and starts a broker again that has given up a log dir: only a start
    /// brings it back. Whether it has, since then.
    pub(super) fn free(
        &self,
        id: i32,
        log_dir: u64,
        since: SystemTime,
    ) -> Result<bool, EngineError> {
        if let Some(disk) = self.log_disk(id, log_dir) {
            disk.free()?;
        }
        let has_given_up = self.change(id, |container, _| {
            Ok(!container.is_up() || container.has_said(LOG_DIR_OFFLINE, since))
        })?;
        if has_given_up {
            self.kill(id)?;
            self.start_again(id)?;
        }
        Ok(has_given_up)
    }

    fn log_disk(&self, id: i32, log_dir: u64) -> Option<&LogDisk> {
        let broker = self.brokers.get(usize::try_from(id - 1).ok()?)?;
        broker.log_disks.get(usize::try_from(log_dir).ok()?)
    }

    /// SIGKILL. Whether it ran.
    pub(super) fn kill(&self, id: i32) -> Result<bool, EngineError> {
        self.change(id, |container, state| {
            if *state == State::Paused {
                container.command("unpause")?;
            }
            // One whose log dirs are all gone has ended by itself.
            let ran = *state != State::Down && container.is_up();
            if ran {
                container.command("kill")?;
            }
            *state = State::Down;
            Ok(ran)
        })
    }

    /// Starts it with the logs that it had, unless it runs.
    pub(super) fn start_again(&self, id: i32) -> Result<(), EngineError> {
        self.change(id, |container, state| {
            if *state == State::Down || !container.is_up() {
                container.command("start")?;
                *state = State::Up;
            }
            Ok(())
        })
    }

    /// Stops its process in the middle of what it does. Whether it ran.
    pub(super) fn pause(&self, id: i32) -> Result<bool, EngineError> {
        self.change(id, |container, state| {
            let ran = *state == State::Up;
            if ran {
                container.command("pause")?;
                *state = State::Paused;
            }
            Ok(ran)
        })
    }

    /// Lets it go on.
    pub(super) fn resume(&self, id: i32) -> Result<(), EngineError> {
        self.change(id, |container, state| {
            if *state == State::Paused {
                container.command("unpause")?;
                *state = State::Up;
            }
            Ok(())
        })
    }

    fn change<R>(
        &self,
        id: i32,
        change: impl FnOnce(&Container, &mut State) -> Result<R, EngineError>,
    ) -> Result<R, EngineError> {
        let index = usize::try_from(id - 1).unwrap_or(0);
        let broker = &self.brokers[index.min(self.brokers.len() - 1)];
        let mut state: MutexGuard<'_, State> =
            broker.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&broker.container, &mut state)
    }
}

/// Addresses on this machine, as `bootstrap.servers` names them.
fn addresses(ports: impl Iterator<Item = u16>) -> String {
    let addresses = ports.map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
    addresses.collect::<Vec<_>>().join(",")
}

fn start_controller(network: &str, image: &str) -> Result<Container, EngineError> {
    let settings = [
        format!("KAFKA_NODE_ID={CONTROLLER_ID}"),
        "KAFKA_PROCESS_ROLES=controller".to_owned(),
        "KAFKA_LISTENERS=CONTROLLER://:9093".to_owned(),
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=CONTROLLER:PLAINTEXT".to_owned(),
        format!("KAFKA_BROKER_SESSION_TIMEOUT_MS={BROKER_SESSION_TIMEOUT_MS}"),
    ];
    run(
        network,
        "controller",
        image,
        &[],
        &[&settings[..], &common()].concat(),
    )
}

fn start_broker(
    plan: &Plan,
    network: &str,
    image: &str,
    id: i32,
    listeners: &[Listener],
    log_disks: &[LogDisk],
) -> Result<Container, EngineError> {
    let name = format!("broker-{id}");
    let each = |text: &dyn Fn(&Listener) -> String| listeners.iter().map(text).collect::<String>();
    let listening = each(&|listener| format!(",{}://:{}", listener.name, listener.port));
    let advertised = each(&|listener| {
        let address = Ipv4Addr::LOCALHOST;
        format!(",{}://{address}:{}", listener.name, listener.advertised)
    });
    let plain = each(&|listener| format!(",{}:PLAINTEXT", listener.name));
    let delay_ms = plan.cluster.group_initial_rebalance_delay_ms;
    let mut settings = vec![
        format!("KAFKA_NODE_ID={id}"),
        "KAFKA_PROCESS_ROLES=broker".to_owned(),
        format!("KAFKA_LISTENERS=INTERNAL://:19092{listening}"),
        format!("KAFKA_ADVERTISED_LISTENERS=INTERNAL://{name}:19092{advertised}"),
        format!(
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT{plain}"
        ),
        "KAFKA_INTER_BROKER_LISTENER_NAME=INTERNAL".to_owned(),
        format!("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS={delay_ms}"),
        "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS=500".to_owned(),
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1".to_owned(),
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS=4".to_owned(),
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR=1".to_owned(),
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR=1".to_owned(),
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE=false".to_owned(),
    ];
    if let Some(interval_ms) = plan.cluster.log_retention_check_interval_ms {
        settings.push(format!(
            "KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS={interval_ms}"
        ));
    }
    // Kafka has bounds for them, which are settings as well.
    for (name, milliseconds) in [
        (
            "SESSION_TIMEOUT",
            plan.cluster.group_consumer_session_timeout_ms,
        ),
        (
            "HEARTBEAT_INTERVAL",
            plan.cluster.group_consumer_heartbeat_interval_ms,
        ),
    ] {
        let bounds = ["", "MIN_", "MAX_"].iter();
        settings.extend(milliseconds.into_iter().flat_map(|milliseconds| {
            bounds
                .clone()
                .map(move |bound| format!("KAFKA_GROUP_CONSUMER_{bound}{name}_MS={milliseconds}"))
        }));
    }
    let published = listeners.iter().map(|listener| {
        let port = listener.port;
        format!("--publish={}:{port}:{port}", Ipv4Addr::LOCALHOST)
    });
    let disks = (0..plan.cluster.log_dirs).map(|number| format!("/tmp/log-disk-{number}"));
    let disks: Vec<String> = disks.collect();
    let mounted = log_disks.iter().zip(&disks);
    let mounted = mounted.map(|(disk, path)| disk.mounted_at(path));
    // A mount's own folder is not the broker's to make.
    let log_dirs: Vec<String> = disks.iter().map(|path| format!("{path}/logs")).collect();
    settings.push(format!("KAFKA_LOG_DIRS={}", log_dirs.join(",")));
    let words: Vec<String> = published.chain(mounted).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let settings = [&settings[..], &common()].concat();
    run(network, &name, image, &words, &settings)
}

/// What all nodes are told.
fn common() -> [String; 4] {
    [
        format!("KAFKA_CONTROLLER_QUORUM_VOTERS={CONTROLLER_ID}@controller:9093"),
        "KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER".to_owned(),
        "CLUSTER_ID=5L6g3nShT-eMCtK--X86sw".to_owned(),
        HEAP.to_owned(),
    ]
}

fn run(
    network: &str,
    name: &str,
    image: &str,
    words: &[&str],
    settings: &[String],
) -> Result<Container, EngineError> {
    let mut all = vec![
        "--network",
        network,
        "--network-alias",
        name,
        "--hostname",
        name,
    ];
    all.extend(words);
    all.extend(settings.iter().flat_map(|setting| ["--env", setting]));
    all.push(image);
    Container::run(&all)
}

/// Ports that were free a moment ago: a broker must keep its own, so the engine can't choose.
fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    // Held together, so that no two are the same.
    let sockets = (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let sockets: Vec<TcpListener> = sockets.collect::<Result<_, _>>()?;
    let ports = sockets.iter().map(|socket| Ok(socket.local_addr()?.port()));
    ports.collect()
}
