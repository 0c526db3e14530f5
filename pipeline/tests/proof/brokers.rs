//! What the proof asks of a Kafka: an address, and that its broker can fail.

/// One broker that can be ended and started again, with its logs.
pub(crate) trait Brokers {
    /// `bootstrap.servers`; stays the same over a restart.
    fn bootstrap_servers(&self) -> String;

    /// Ends the broker at once, as a crash would.
    fn stop(&mut self);

    /// Starts it again; it need not answer yet.
    fn start(&mut self);
}
