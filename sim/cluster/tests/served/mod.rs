//! What the tests with real clients share: a served cluster whose events can be waited for.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use whitewater_cluster::tcp::{ServeOptions, Server};
use whitewater_cluster::{BrokerSettings, Event};

/// How long anything may take before a test fails: far longer than it should.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A served cluster and its events.
pub(crate) struct Served {
    /// The server.
    pub(crate) server: Server,
    events: Mutex<Receiver<Event>>,
}

impl Served {
    /// Serves that many brokers; topics get that many partitions.
    pub(crate) fn start(brokers: u16, partitions: i32) -> Self {
        Self::start_with(brokers, partitions, |_| {})
    }

    /// As [`start`](Self::start), with other settings.
    pub(crate) fn start_with(
        brokers: u16,
        partitions: i32,
        change: impl FnOnce(&mut BrokerSettings),
    ) -> Self {
        let (sender, events) = channel();
        let mut settings = BrokerSettings {
            num_partitions: partitions,
            group_initial_rebalance_delay_ms: 0,
            ..BrokerSettings::default()
        };
        change(&mut settings);
        let server = Server::start(ServeOptions {
            brokers,
            settings,
            observer: Box::new(move |event| {
                // The test may have ended.
                let _ = sender.send(event.clone());
            }),
            ..ServeOptions::default()
        })
        .unwrap();
        Self {
            server,
            events: Mutex::new(events),
        }
    }

    /// The brokers' addresses.
    pub(crate) fn bootstrap_servers(&self) -> String {
        self.server.bootstrap_servers()
    }

    /// Waits for an event for which `found` gives something.
    pub(crate) fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let events = self.events.lock().unwrap();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match events.recv_timeout(left) {
                Ok(event) => {
                    if let Some(found) = found(&event) {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("{what} did not happen"),
                Err(RecvTimeoutError::Disconnected) => panic!("the server is gone"),
            }
        }
    }
}
