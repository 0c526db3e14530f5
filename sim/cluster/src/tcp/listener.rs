//! One broker's listening socket and the thread that accepts on it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::connection;
use super::shared::Shared;
use crate::config::BrokerId;

/// A broker that accepts connections.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    acceptor: JoinHandle<()>,
    connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Listener {
    pub(super) fn start(
        shared: &Arc<Shared>,
        broker: BrokerId,
        socket: TcpListener,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let acceptor = {
            let shared = Arc::clone(shared);
            let stopping = Arc::clone(&stopping);
            let connections = Arc::clone(&connections);
            Builder::new()
                .name(format!("broker-{broker}"))
                .spawn(move || accept(&shared, broker, &socket, &stopping, &connections))?
        };
        Ok(Self {
            address,
            stopping,
            acceptor,
            connections,
        })
    }

    /// Stops to accept, and waits for the threads: the connections have been cut before, and no
    /// new one is let in.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Accept returns only for a connection. If none can be made it has returned already.
        let _ = TcpStream::connect(reachable(self.address));
        // A thread that panicked has said so on standard error.
        let _ = self.acceptor.join();
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for thread in connections.drain(..) {
            let _ = thread.join();
        }
    }
}

fn accept(
    shared: &Arc<Shared>,
    broker: BrokerId,
    socket: &TcpListener,
    stopping: &AtomicBool,
    connections: &Mutex<Vec<JoinHandle<()>>>,
) {
    for stream in socket.incoming() {
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        let threads = stream.and_then(|stream| connection::serve(shared, broker, stream));
        match threads {
            Ok(threads) => {
                let mut known = connections.lock().unwrap_or_else(PoisonError::into_inner);
                known.retain(|thread| !thread.is_finished());
                known.extend(threads);
            }
            Err(error) => eprintln!("broker {broker} could not take a connection: {error}"),
        }
    }
}

/// An address by which this machine reaches a socket that listens on every interface.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
