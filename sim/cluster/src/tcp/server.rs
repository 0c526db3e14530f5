//! A running server.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::listener::Listener;
use super::options::ServeOptions;
use super::shared::Shared;
use crate::cluster::Cluster;
use crate::config::{BrokerConfig, BrokerId, ClusterConfig};

/// The cluster id that clients see.
const CLUSTER_ID: &str = "whitewater";

/// A cluster served over TCP. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    brokers: Vec<BrokerConfig>,
    bind_host: String,
    listeners: BTreeMap<BrokerId, Listener>,
    timer: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds a port for each broker and starts to serve.
    ///
    /// Fails if a port can't be bound or a thread can't be started.
    pub fn start(options: ServeOptions) -> io::Result<Self> {
        let mut sockets = Vec::new();
        let mut brokers = Vec::new();
        for index in 0..options.brokers {
            let port = match options.port {
                0 => 0,
                first => first
                    .checked_add(index)
                    .ok_or_else(|| io::Error::other("a broker's port would exceed 65535"))?,
            };
            let socket = TcpListener::bind((options.host.as_str(), port))?;
            brokers.push(BrokerConfig {
                id: BrokerId::from(index) + 1,
                host: advertised_host(&options.host),
                port: socket.local_addr()?.port(),
            });
            sockets.push(socket);
        }
        let cluster = Cluster::new(ClusterConfig {
            cluster_id: CLUSTER_ID.to_owned(),
            brokers: brokers.clone(),
            settings: options.settings,
        });
        let shared = Arc::new(Shared::new(cluster, options.observer));
        let mut server = Self {
            timer: None,
            listeners: BTreeMap::new(),
            bind_host: options.host,
            shared,
            brokers,
        };
        let shared = Arc::clone(&server.shared);
        let timer = Builder::new().name("timer".to_owned());
        server.timer = Some(timer.spawn(move || shared.run_timers())?);
        for (broker, socket) in server.brokers.iter().zip(sockets) {
            let listener = Listener::start(&server.shared, broker.id, socket)?;
            server.listeners.insert(broker.id, listener);
        }
        Ok(server)
    }

    /// What clients take as `bootstrap.servers`: every broker, also one that is stopped.
    pub fn bootstrap_servers(&self) -> String {
        let addresses = self.brokers.iter().map(|broker| {
            if broker.host.contains(':') {
                format!("[{}]:{}", broker.host, broker.port)
            } else {
                format!("{}:{}", broker.host, broker.port)
            }
        });
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Stops one broker as if it were killed: its connections break, its port refuses.
    pub fn stop_broker(&mut self, broker: BrokerId) {
        let Some(listener) = self.listeners.remove(&broker) else {
            return;
        };
        self.shared.stop_broker(broker);
        listener.stop();
    }

    /// Starts a broker that was stopped, on its old port.
    ///
    /// Fails if the port has been taken meanwhile. Nothing happens if the broker is up.
    pub fn start_broker(&mut self, broker: BrokerId) -> io::Result<()> {
        let Some(config) = self.brokers.iter().find(|known| known.id == broker) else {
            let text = format!("there is no broker {broker}");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        };
        if self.listeners.contains_key(&broker) {
            return Ok(());
        }
        let socket = TcpListener::bind((self.bind_host.as_str(), config.port))?;
        self.shared.call(|cluster, now, outputs| {
            outputs.extend(cluster.start_broker(now, broker));
        });
        let listener = Listener::start(&self.shared, broker, socket)?;
        self.listeners.insert(broker, listener);
        Ok(())
    }

    /// Looks at the cluster; every request waits meanwhile.
    pub fn with<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        self.shared.call(|cluster, _, _| look(cluster))
    }

    /// Closes every connection and port, and waits for the threads to end.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        self.shared.stop();
        for listener in std::mem::take(&mut self.listeners).into_values() {
            listener.stop();
        }
        if let Some(timer) = self.timer.take() {
            // A thread that panicked has said so on standard error.
            let _ = timer.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn advertised_host(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => "localhost".to_owned(),
        _ => host.to_owned(),
    }
}
