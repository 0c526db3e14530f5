//! Statistics of a client, every `statistics.interval.ms` (`rd_kafka_stats_emit_all`).

use std::sync::Weak;
use std::time::Duration;

use whitewater_sim::random::{Stream, below_in};
use whitewater_sim::{task, time};

use super::broker::Broker;
use super::core::ClientCore;
use crate::log::error;
use crate::statistics::{self, Statistics};
use crate::topic_partition::TopicPartition;
use crate::util::current_time_millis;

/// The names of a process's clients end in numbers below this.
const NAMES: u64 = 1_000_000;

/// Emits statistics until the client is closed.
pub(super) async fn run(core: Weak<ClientCore>, interval: Duration) {
    // librdkafka numbers the clients of a process. Here a number is drawn: what a process counts
    // in a static would outlive it.
    let number = below_in(Stream::Entropy, NAMES) + 1;
    // librdkafka learns of the brokers as soon as it is connected.
    if let Some(core) = core.upgrade() {
        drop(task::spawn(learn_brokers(core.this())));
    }
    loop {
        time::sleep(interval).await;
        let Some(core) = core.upgrade().filter(|core| !core.is_closed()) else {
            return;
        };
        let Some(events) = core.events() else {
            continue;
        };
        let mut statistics = core.statistics(number);
        events.add_statistics(&mut statistics);
        add_totals(&mut statistics);
        match serde_json::to_vec(&statistics) {
            Ok(json) => events.statistics(json),
            Err(reason) => error!("statistics are not encodable: {reason}"),
        }
    }
}

async fn learn_brokers(core: Weak<ClientCore>) {
    if let Some(core) = core.upgrade() {
        let _ = core.fetch_metadata(Some(&[].into()), None).await;
    }
}

impl ClientCore {
    fn statistics(&self, number: u64) -> Statistics {
        let now = time::now();
        let client_id = self.settings().client_id.clone();
        let mut statistics = Statistics {
            client_id,
            ts: micros(now),
            time: current_time_millis() / 1000,
            age: micros(now - self.created()),
            metadata_cache_cnt: self.view().topics.len() as i64,
            ..Statistics::default()
        };
        // Completed by the owner, who knows the client's type.
        statistics.name = number.to_string();
        for broker in self.brokers() {
            let broker = self.broker_statistics(&broker);
            statistics.brokers.insert(broker.name.clone(), broker);
        }
        statistics
    }

    fn broker_statistics(&self, broker: &Broker) -> statistics::Broker {
        let (state, waiting, counters) = broker.counted();
        let now = time::now();
        let idle = |at: Option<Duration>| at.map_or(-1, |at| micros(now - at));
        let id = broker.node_id();
        let of_the_broker = |partition: &TopicPartition| statistics::TopicPartition {
            topic: partition.topic.to_string(),
            partition: partition.partition,
        };
        let led = self.view().led_by(id);
        statistics::Broker {
            name: broker.name(),
            nodeid: id,
            nodename: broker.server().to_owned(),
            source: if broker.is_learned() {
                "learned".to_owned()
            } else {
                "configured".to_owned()
            },
            state: state.to_owned(),
            stateage: micros(now - counters.status_since),
            outbuf_cnt: waiting as i64,
            waitresp_cnt: counters.awaited as i64,
            tx: counters.sent,
            txbytes: counters.sent_bytes,
            txidle: idle(counters.sent_at),
            req_timeouts: counters.timeouts,
            rx: counters.received,
            rxbytes: counters.received_bytes,
            rxidle: idle(counters.received_at),
            req: counters
                .requests
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            connects: Some(counters.connects),
            disconnects: Some(counters.disconnects),
            toppars: led
                .iter()
                .map(|partition| (partition.to_string(), of_the_broker(partition)))
                .collect(),
            ..statistics::Broker::default()
        }
    }
}

/// Sums up brokers and partitions; what waits for a partition is left out, as by librdkafka.
fn add_totals(statistics: &mut Statistics) {
    for broker in statistics.brokers.values() {
        statistics.tx += broker.tx as i64;
        statistics.tx_bytes += broker.txbytes as i64;
        statistics.rx += broker.rx as i64;
        statistics.rx_bytes += broker.rxbytes as i64;
    }
    for topic in statistics.topics.values() {
        for partition in topic.partitions.values() {
            statistics.txmsgs += partition.txmsgs as i64;
            statistics.txmsg_bytes += partition.txbytes as i64;
            statistics.rxmsgs += partition.rxmsgs as i64;
            statistics.rxmsg_bytes += partition.rxbytes as i64;
        }
    }
}

/// As statistics tell durations.
pub(crate) fn micros(duration: Duration) -> i64 {
    duration.as_micros() as i64
}

/// The entries of a topic: its partitions as far as they are known, and that of the messages
/// whose partition is not.
pub(crate) fn topic(core: &ClientCore, name: &str) -> statistics::Topic {
    let view = core.view();
    let mut topic = statistics::Topic {
        topic: name.to_owned(),
        ..statistics::Topic::default()
    };
    topic
        .partitions
        .insert(-1, statistics::Partition::unknown(-1));
    if let Some(known) = view.topics.get(name) {
        topic.metadata_age = (time::now() - view.updated).as_millis() as i64;
        for (number, leader) in (0..).zip(&known.leaders) {
            let partition = statistics::Partition {
                leader: *leader,
                broker: *leader,
                ..statistics::Partition::unknown(number)
            };
            topic.partitions.insert(number, partition);
        }
    }
    topic
}
