//! The client of those who read the log beside the group: for a look, or to copy it.

use rdkafka::config::ClientConfig;

use crate::config::Config;

/// The settings of a consumer that never subscribes, so never joins the group whose name librdkafka
/// wants for an assignment (`rd_kafka_assign`), and never commits. It is told where the log ends; what
/// retention deleted it passes over.
pub(crate) fn client_config(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.extend(config.client_properties());
    for (key, value) in [
        ("group.id", config.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "earliest"),
    ] {
        client.set(key, value);
    }
    client
}
