//! What the threads share: the cluster, the way to every connection, and the timer.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::ResponseKind;

use super::backlog::Backlog;
use super::clocks::Clocks;
use super::options::EventObserver;
use crate::cluster::Cluster;
use crate::config::BrokerId;
use crate::now::Now;
use crate::request::Output;
use crate::requester::ConnectionId;

/// What a connection's writer thread is to send, in order.
pub(super) struct Response {
    pub(super) correlation_id: i32,
    pub(super) api_version: i16,
    pub(super) body: ResponseKind,
}

/// The server's end of one connection; its writer thread removes it in the end.
pub(super) struct Peer {
    pub(super) broker: BrokerId,
    pub(super) stream: TcpStream,
    /// The way to the writer; `None` once nothing shall follow what was sent.
    pub(super) responses: Option<Sender<Response>>,
    pub(super) backlog: Arc<Backlog>,
}

/// The cluster and what changes together with it.
pub(super) struct Core {
    cluster: Cluster,
    peers: BTreeMap<ConnectionId, Peer>,
    connections: u64,
    observer: EventObserver,
    /// What the timer thread sleeps until; it is woken if something is due earlier.
    armed: Option<Duration>,
    stopping: bool,
}

pub(super) struct Shared {
    core: Mutex<Core>,
    timer: Condvar,
    clocks: Clocks,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(cluster: Cluster, observer: EventObserver) -> Self {
        Self {
            core: Mutex::new(Core {
                cluster,
                peers: BTreeMap::new(),
                connections: 0,
                observer,
                armed: None,
                stopping: false,
            }),
            timer: Condvar::new(),
            clocks: Clocks::start(),
        }
    }

    /// Calls the cluster, then passes on what it says.
    pub(super) fn call<T>(&self, act: impl FnOnce(&mut Cluster, Now, &mut Vec<Output>) -> T) -> T {
        let mut core = self.core.lock().expect(POISONED);
        let mut outputs = Vec::new();
        // The clock is read under the lock: the cluster's time never goes back.
        let result = act(&mut core.cluster, self.clocks.now(), &mut outputs);
        core.deliver(outputs);
        self.wake_timer(&core);
        result
    }

    /// Registers a connection, unless its broker is down.
    pub(super) fn connect(&self, peer: Peer) -> Option<ConnectionId> {
        let mut core = self.lock();
        if core.stopping || !core.cluster.is_running(peer.broker) {
            return None;
        }
        core.connections += 1;
        let connection = ConnectionId(core.connections);
        core.peers.insert(connection, peer);
        Some(connection)
    }

    /// The client has ended the connection, or the server does for a reason. A client that is
    /// gone gets nothing more; one that is refused gets what was answered before.
    pub(super) fn disconnect(
        &self,
        broker: BrokerId,
        connection: ConnectionId,
        reason: Option<String>,
    ) {
        let refused = reason.is_some();
        self.call(|cluster, now, outputs| {
            outputs.extend(match reason {
                Some(reason) => cluster.refuse(now, broker, connection, reason),
                None => cluster.connection_closed(now, broker, connection),
            });
        });
        if let Some(peer) = self.lock().peers.get_mut(&connection) {
            peer.responses = None;
            if !refused {
                peer.cut();
            }
        }
    }

    /// The connection's writer has nothing more to do.
    pub(super) fn forget(&self, connection: ConnectionId) {
        if let Some(mut peer) = self.lock().peers.remove(&connection) {
            peer.cut();
        }
    }

    /// Stops a broker, and cuts its connections before they could say anything more.
    pub(super) fn stop_broker(&self, broker: BrokerId) {
        let mut core = self.lock();
        let of_broker = core.peers.values_mut().filter(|peer| peer.broker == broker);
        of_broker.for_each(Peer::cut);
        let outputs = core.cluster.stop_broker(self.clocks.now(), broker);
        core.deliver(outputs);
    }

    /// Cuts every connection, and lets no new one in.
    pub(super) fn stop(&self) {
        let mut core = self.lock();
        core.stopping = true;
        core.peers.values_mut().for_each(Peer::cut);
        self.timer.notify_all();
    }

    /// The timer thread: ticks the cluster whenever a timer is due, until the server stops.
    pub(super) fn run_timers(&self) {
        let mut core = self.core.lock().expect(POISONED);
        while !core.stopping {
            let now = self.clocks.now();
            core.armed = core.cluster.next_timer();
            core = match core.armed.map(|at| at.saturating_sub(now.monotonic)) {
                Some(Duration::ZERO) => {
                    let outputs = core.cluster.tick(now);
                    core.deliver(outputs);
                    core
                }
                Some(wait) => {
                    let waited = self.timer.wait_timeout(core, wait);
                    waited.expect(POISONED).0
                }
                None => self.timer.wait(core).expect(POISONED),
            };
        }
    }

    fn wake_timer(&self, core: &Core) {
        let next = core.cluster.next_timer();
        if next.is_some_and(|next| core.armed.is_none_or(|armed| next < armed)) {
            self.timer.notify_all();
        }
    }

    /// For what must work even after a panic: connections and the end.
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const POISONED: &str = "only a bug in the cluster panics, and nothing can go on from there";

impl Peer {
    fn cut(&mut self) {
        self.responses = None;
        self.backlog.close();
        // An error says that the connection is gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Core {
    fn deliver(&mut self, outputs: Vec<Output>) {
        for event in self.cluster.take_events() {
            (self.observer)(&event);
        }
        for output in outputs {
            match output {
                Output::Response {
                    connection,
                    correlation_id,
                    api_version,
                    body,
                } => {
                    if let Some(peer) = self.peers.get(&connection)
                        && let Some(responses) = &peer.responses
                    {
                        peer.backlog.push();
                        let response = Response {
                            correlation_id,
                            api_version,
                            body,
                        };
                        // The writer is gone once the connection is; its reader will tell.
                        let _ = responses.send(response);
                    }
                }
                Output::CloseConnection { connection } => {
                    if let Some(peer) = self.peers.get_mut(&connection) {
                        peer.responses = None;
                    }
                }
            }
        }
    }
}
