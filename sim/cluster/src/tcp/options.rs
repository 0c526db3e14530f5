//! What a served cluster is made of.

use std::fmt;

use crate::config::BrokerSettings;
use crate::event::Event;

/// Called with every event, in order, from whichever thread caused it; it must be quick.
pub type EventObserver = Box<dyn FnMut(&Event) + Send>;

/// How to serve a cluster.
pub struct ServeOptions {
    /// Number of brokers.
    pub brokers: u16,
    /// The address to listen on, which is also the one told to clients. If it means every
    /// interface (`0.0.0.0`), clients are told `localhost`.
    pub host: String,
    /// Broker `i` listens on `port + i - 1`; 0 lets the system choose each.
    pub port: u16,
    /// Settings of every broker.
    pub settings: BrokerSettings,
    /// Sees every event; by default refused connections are written to standard error.
    pub observer: EventObserver,
}

impl Default for ServeOptions {
    /// One broker on a free port of the loopback interface.
    fn default() -> Self {
        Self {
            brokers: 1,
            host: "127.0.0.1".to_owned(),
            port: 0,
            settings: BrokerSettings::default(),
            observer: Box::new(print_refusals),
        }
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("brokers", &self.brokers)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn print_refusals(event: &Event) {
    if let Event::ConnectionRefused {
        broker,
        connection,
        reason,
    } = event
    {
        eprintln!(
            "broker {broker} closed connection {}: {reason}",
            connection.0
        );
    }
}
