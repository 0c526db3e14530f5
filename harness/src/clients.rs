//! How the harness's own clients are set up, whichever Kafka they talk to.

use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};

use crate::fault::partition_growth;
use crate::plan::Plan;

/// The topics of a plan, as an administrator creates them.
pub(crate) fn new_topics(plan: &Plan) -> Vec<NewTopic<'_>> {
    let topics = plan.topics.iter().map(|topic| {
        let replicas = TopicReplication::Fixed(topic.replication_factor as i32);
        let new = NewTopic::new(&topic.name, topic.partitions, replicas);
        let config = topic.config.iter();
        config.fold(new, |new, (key, value)| new.set(key, value))
    });
    topics.collect()
}

/// The configuration of a transactional producer that has nothing to do with load or pipeline.
#[cfg(madsim)]
pub(crate) fn stranger(bootstrap_servers: &str, name: &str, timeout_ms: u64) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        .set("client.id", name)
        .set("transactional.id", name)
        .set("transaction.timeout.ms", timeout_ms.to_string());
    config
}

/// The configuration of the producer that sends the load.
pub(crate) fn loader(plan: &Plan, bootstrap_servers: &str) -> ClientConfig {
    let refresh_ms = match partition_growth::is_among(&plan.faults) {
        true => "2000",
        false => "300000",
    };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        .set("client.id", "loader")
        // A producer that is told of new partitions: by default it asks every five minutes.
        .set("topic.metadata.refresh.interval.ms", refresh_ms)
        // The load must get there: nothing but the end of the run gives a record up.
        .set("message.timeout.ms", "0")
        .set("enable.idempotence", plan.load.idempotent.to_string());
    config
}
