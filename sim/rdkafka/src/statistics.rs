//! The statistics that `ClientContext::stats` receives.
//!
//! The fields are those of librdkafka's `STATISTICS.md`, which documents them. `README.md` lists
//! those that the simulated client leaves at zero.
#![expect(
    missing_docs,
    reason = "librdkafka's STATISTICS.md names and documents the fields"
)]
#![expect(clippy::disallowed_types, reason = "rdkafka's signatures")]

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize, Serializer};

use crate::topic_partition_list::OFFSET_INVALID;

/// Writes a map in the order of its keys: the JSON of a seed is always the same.
fn sorted<K, V, S>(map: &HashMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
where
    K: Ord + Serialize,
    V: Serialize,
    S: Serializer,
{
    map.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

/// All statistics of one client.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct Statistics {
    pub name: String,
    pub client_id: String,
    #[serde(rename = "type")]
    pub client_type: String,
    pub ts: i64,
    pub time: i64,
    pub age: i64,
    pub replyq: i64,
    pub msg_cnt: u64,
    pub msg_size: u64,
    pub msg_max: u64,
    pub msg_size_max: u64,
    pub tx: i64,
    pub tx_bytes: i64,
    pub rx: i64,
    pub rx_bytes: i64,
    pub txmsgs: i64,
    pub txmsg_bytes: i64,
    pub rxmsgs: i64,
    pub rxmsg_bytes: i64,
    pub simple_cnt: i64,
    pub metadata_cache_cnt: i64,
    #[serde(serialize_with = "sorted")]
    pub brokers: HashMap<String, Broker>,
    #[serde(serialize_with = "sorted")]
    pub topics: HashMap<String, Topic>,
    pub cgrp: Option<ConsumerGroup>,
    pub eos: Option<ExactlyOnceSemantics>,
}

/// Statistics of one broker.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct Broker {
    pub name: String,
    pub nodeid: i32,
    pub nodename: String,
    pub source: String,
    pub state: String,
    pub stateage: i64,
    pub outbuf_cnt: i64,
    pub outbuf_msg_cnt: i64,
    pub waitresp_cnt: i64,
    pub waitresp_msg_cnt: i64,
    pub tx: u64,
    pub txbytes: u64,
    pub txerrs: u64,
    pub txretries: u64,
    pub txidle: i64,
    pub req_timeouts: u64,
    pub rx: u64,
    pub rxbytes: u64,
    pub rxerrs: u64,
    pub rxcorriderrs: u64,
    pub rxpartial: u64,
    pub rxidle: i64,
    #[serde(serialize_with = "sorted")]
    pub req: HashMap<String, i64>,
    pub zbuf_grow: u64,
    pub buf_grow: u64,
    pub wakeups: Option<u64>,
    pub connects: Option<i64>,
    pub disconnects: Option<i64>,
    pub int_latency: Option<Window>,
    pub outbuf_latency: Option<Window>,
    pub rtt: Option<Window>,
    pub throttle: Option<Window>,
    #[serde(serialize_with = "sorted")]
    pub toppars: HashMap<String, TopicPartition>,
}

/// A rolling window of values.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct Window {
    pub min: i64,
    pub max: i64,
    pub avg: i64,
    pub sum: i64,
    pub cnt: i64,
    pub stddev: i64,
    pub hdrsize: i64,
    pub p50: i64,
    pub p75: i64,
    pub p90: i64,
    pub p95: i64,
    pub p99: i64,
    pub p99_99: i64,
    pub outofrange: i64,
}

/// A topic and a partition.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

/// Statistics of one topic.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct Topic {
    pub topic: String,
    pub metadata_age: i64,
    pub batchsize: Window,
    pub batchcnt: Window,
    #[serde(serialize_with = "sorted")]
    pub partitions: HashMap<i32, Partition>,
}

/// Statistics of one partition.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct Partition {
    pub partition: i32,
    pub broker: i32,
    pub leader: i32,
    pub desired: bool,
    pub unknown: bool,
    pub msgq_cnt: i64,
    pub msgq_bytes: u64,
    pub xmit_msgq_cnt: i64,
    pub xmit_msgq_bytes: u64,
    pub fetchq_cnt: i64,
    pub fetchq_size: u64,
    pub fetch_state: String,
    pub query_offset: i64,
    pub next_offset: i64,
    pub app_offset: i64,
    pub stored_offset: i64,
    pub committed_offset: i64,
    pub eof_offset: i64,
    pub lo_offset: i64,
    pub hi_offset: i64,
    pub ls_offset: i64,
    pub consumer_lag: i64,
    pub consumer_lag_stored: i64,
    pub txmsgs: u64,
    pub txbytes: u64,
    pub rxmsgs: u64,
    pub rxbytes: u64,
    pub msgs: u64,
    pub rx_ver_drops: u64,
    pub msgs_inflight: i64,
    pub next_ack_seq: i64,
    pub next_err_seq: i64,
    pub acked_msgid: u64,
}

impl Partition {
    /// A partition that nothing is known of.
    pub(crate) fn unknown(partition: i32) -> Self {
        Self {
            partition,
            broker: -1,
            leader: -1,
            fetch_state: "none".to_owned(),
            query_offset: OFFSET_INVALID,
            app_offset: OFFSET_INVALID,
            stored_offset: OFFSET_INVALID,
            committed_offset: OFFSET_INVALID,
            eof_offset: OFFSET_INVALID,
            lo_offset: OFFSET_INVALID,
            hi_offset: OFFSET_INVALID,
            ls_offset: OFFSET_INVALID,
            consumer_lag: -1,
            consumer_lag_stored: -1,
            ..Self::default()
        }
    }
}

/// Statistics of the consumer group.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct ConsumerGroup {
    pub state: String,
    pub stateage: i64,
    pub join_state: String,
    pub rebalance_age: i64,
    pub rebalance_cnt: i64,
    pub rebalance_reason: String,
    pub assignment_size: i32,
}

/// State of the idempotent or transactional producer.
#[derive(Serialize, Deserialize, Debug, Default, Clone)]
pub struct ExactlyOnceSemantics {
    pub idemp_state: String,
    pub idemp_stateage: i64,
    pub txn_state: String,
    pub txn_stateage: i64,
    pub txn_may_enq: bool,
    pub producer_id: i64,
    pub producer_epoch: i64,
    pub epoch_cnt: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_survive_the_trip_through_json() {
        let statistics = Statistics {
            name: "rdkafka#consumer-1".to_owned(),
            client_type: "consumer".to_owned(),
            ..Statistics::default()
        };
        let json = serde_json::to_string(&statistics).unwrap();
        assert!(json.contains("\"type\":\"consumer\""));
        let partitions = (0..20).map(|number| (number, Partition::unknown(number)));
        let topic = Topic {
            partitions: partitions.collect(),
            ..Topic::default()
        };
        let partitions = serde_json::to_string(&topic).unwrap();
        let places: Vec<_> = (0..20)
            .map(|number| partitions.find(&format!("\"{number}\":{{")).unwrap())
            .collect();
        assert!(places.is_sorted(), "in order of their numbers");
        let back: Statistics = serde_json::from_str(&json).unwrap();
        assert_eq!(back.name, statistics.name);
    }
}
