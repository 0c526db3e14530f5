//! What the unit tests share: record batches, and a client without a network.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    FetchRequest, ProduceRequest, RequestKind, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType as RecordTimestampType,
};

use crate::cluster::Cluster;
use crate::config::{BrokerConfig, BrokerId, BrokerSettings, ClusterConfig};
use crate::now::Now;
use crate::record_batch::AppendRules;
use crate::request::{Output, Request};
use crate::requester::ConnectionId;
use crate::timestamp_type::TimestampType;
use crate::topic_config::TopicConfig;

/// Rules that refuse nothing for its size or age.
pub(crate) const APPEND_RULES: AppendRules = AppendRules {
    max_message_bytes: i32::MAX,
    timestamp_type: TimestampType::CreateTime,
    timestamp_before_max_ms: i64::MAX,
    timestamp_after_max_ms: i64::MAX,
    segment_bytes: i32::MAX,
    segment_ms: i64::MAX,
    keys_required: false,
    wall_ms: 0,
};

/// A batch as a producer would send it, from timestamps and values; encoded by the protocol
/// crate, not by the code under test.
pub(crate) fn record_batch(timestamps_and_values: &[(i64, &str)]) -> Bytes {
    batch_of(&Sender::default(), timestamps_and_values)
}

/// Who sends a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    /// Sequence number of the batch's first record.
    pub(crate) sequence: i32,
    pub(crate) transactional: bool,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            producer_id: NO_PRODUCER_ID,
            epoch: NO_PRODUCER_EPOCH,
            sequence: 0,
            transactional: false,
        }
    }
}

impl Sender {
    /// An idempotent producer's batch.
    pub(crate) fn idempotent(producer_id: i64, epoch: i16, sequence: i32) -> Self {
        Self {
            producer_id,
            epoch,
            sequence,
            transactional: false,
        }
    }
}

/// As [`record_batch`], of a given producer.
pub(crate) fn batch_of(sender: &Sender, timestamps_and_values: &[(i64, &str)]) -> Bytes {
    let records = timestamps_and_values.iter();
    encoded(
        sender,
        records.map(|(timestamp, value)| (*timestamp, None, Some(*value))),
    )
}

/// A batch from timestamps, keys and values; a record without a value is a tombstone.
pub(crate) fn keyed_batch(sender: &Sender, records: &[(i64, &str, Option<&str>)]) -> Bytes {
    let records = records.iter();
    encoded(
        sender,
        records.map(|(timestamp, key, value)| (*timestamp, Some(*key), *value)),
    )
}

fn encoded<'a>(
    sender: &Sender,
    records: impl Iterator<Item = (i64, Option<&'a str>, Option<&'a str>)>,
) -> Bytes {
    let text = |text: &str| Bytes::from(text.to_owned());
    let records: Vec<Record> = records
        .enumerate()
        .map(|(index, (timestamp, key, value))| Record {
            transactional: sender.transactional,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: sender.producer_id,
            producer_epoch: sender.epoch,
            timestamp_type: RecordTimestampType::Creation,
            offset: index as i64,
            sequence: sender.sequence.wrapping_add(index as i32),
            timestamp,
            key: key.map(text),
            value: value.map(text),
            headers: IndexMap::default(),
        })
        .collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

/// Offset and value of every record in fetched bytes.
pub(crate) fn values(records: &Bytes) -> Vec<(i64, String)> {
    let sets = RecordBatchDecoder::decode_all(&mut records.clone()).unwrap();
    let records = sets.into_iter().flat_map(|set| set.records);
    records
        .map(|record| {
            let value = record.value.unwrap_or_default();
            (record.offset, String::from_utf8(value.to_vec()).unwrap())
        })
        .collect()
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// A cluster, a clock that only the test moves, and clients.
pub(crate) struct Lab {
    pub(crate) cluster: Cluster,
    pub(crate) now: Now,
    correlation_id: i32,
}

impl Lab {
    /// Brokers 1 to `brokers`, with Kafka's defaults except that topics get three partitions, and keep their
    /// records.
    pub(crate) fn new(brokers: BrokerId) -> Self {
        Self::with_settings(
            brokers,
            BrokerSettings {
                num_partitions: 3,
                // The records of most tests are of the first second of 1970.
                log_retention_ms: -1,
                ..BrokerSettings::default()
            },
        )
    }

    pub(crate) fn with_settings(brokers: BrokerId, settings: BrokerSettings) -> Self {
        let brokers = (1..=brokers).map(|id| BrokerConfig {
            id,
            host: format!("broker-{id}"),
            port: 9092,
        });
        Self {
            cluster: Cluster::new(ClusterConfig {
                cluster_id: "lab".to_owned(),
                brokers: brokers.collect(),
                settings,
            }),
            now: Now {
                monotonic: Duration::from_secs(1),
                wall_ms: 1_700_000_000_000,
            },
            correlation_id: 0,
        }
    }

    /// When the first timer is due that waits for a client. The logs' clean-up comes round for
    /// ever.
    pub(crate) fn next_client_timer(&self) -> Option<Duration> {
        let brokers = self.cluster.brokers.values();
        let timers = brokers.flat_map(|broker| {
            [
                broker.fetches.next_deadline(),
                broker.coordinator.next_timer(),
                broker.transactions.next_timer(),
            ]
        });
        timers.flatten().min()
    }

    /// Lets time pass, without a tick.
    pub(crate) fn advance_ms(&mut self, ms: u64) {
        self.now.monotonic += Duration::from_millis(ms);
        self.now.wall_ms += ms as i64;
    }

    /// Sends a request over a connection, and returns everything that comes of it.
    pub(crate) fn send(
        &mut self,
        broker: BrokerId,
        connection: u64,
        api_version: i16,
        body: impl Into<RequestKind>,
    ) -> Vec<Output> {
        self.correlation_id += 1;
        let request = Request {
            connection: ConnectionId(connection),
            correlation_id: self.correlation_id,
            api_version,
            client_id: "lab".to_owned(),
            client_host: "/10.0.0.1".to_owned(),
            body: body.into(),
        };
        self.cluster.handle(self.now, broker, request)
    }

    /// Sends a request over a connection of its own, and returns its response, which must come
    /// at once and be encodable in the request's version.
    pub(crate) fn ask(
        &mut self,
        broker: BrokerId,
        api_version: i16,
        body: impl Into<RequestKind>,
    ) -> ResponseKind {
        let connection = 1_000_000 + self.correlation_id as u64;
        let mut outputs = self.send(broker, connection, api_version, body);
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        let (_, body) = response(outputs.remove(0));
        let mut bytes = BytesMut::new();
        body.encode(&mut bytes, api_version).unwrap();
        body
    }
}

/// The connection and body of a response.
pub(crate) fn response(output: Output) -> (u64, ResponseKind) {
    match output {
        Output::Response {
            connection, body, ..
        } => (connection.0, body),
        closed @ Output::CloseConnection { .. } => panic!("not a response: {closed:?}"),
    }
}

/// Asks and takes the response apart: `ask!(lab, broker, version, Fetch(request))`.
macro_rules! ask {
    ($lab:expr, $broker:expr, $version:expr, $kind:ident($body:expr)) => {
        match $lab.ask($broker, $version, $body) {
            kafka_protocol::messages::ResponseKind::$kind(response) => response,
            other => panic!("not a {} response: {other:?}", stringify!($kind)),
        }
    };
}

pub(crate) use ask;

impl Lab {
    /// Creates a topic whose partition `i` lives on `brokers[i]` alone.
    pub(crate) fn create_topic(&mut self, name: &str, brokers: &[BrokerId]) {
        let replicas: Vec<Vec<BrokerId>> = brokers.iter().map(|broker| vec![*broker]).collect();
        let state = &mut self.cluster.state;
        state.create_topic_at(topic_name(name), TopicConfig::default(), &replicas);
    }

    /// Appends a batch through Produce and returns the partition's part of the response.
    pub(crate) fn produce(
        &mut self,
        broker: BrokerId,
        topic: &str,
        partition: i32,
        values: &[&str],
    ) -> PartitionProduceResponse {
        let stamped: Vec<_> = values.iter().map(|value| (1000, *value)).collect();
        let request = produce_request(topic, partition, -1, record_batch(&stamped));
        let mut response = ask!(self, broker, 10, Produce(request));
        response.responses.remove(0).partition_responses.remove(0)
    }
}

/// A Produce request for one partition.
pub(crate) fn produce_request(
    topic: &str,
    partition: i32,
    acks: i16,
    records: Bytes,
) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(1000)
        .with_topic_data(vec![topic])
}

/// A Fetch request by name, of (partition, offset) pairs, that waits for a byte up to 500 ms.
pub(crate) fn fetch_request(topic: &str, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions.iter().map(|(partition, offset)| {
        FetchPartition::default()
            .with_partition(*partition)
            .with_fetch_offset(*offset)
            .with_partition_max_bytes(1 << 20)
    });
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(partitions.collect());
    FetchRequest::default()
        .with_max_wait_ms(500)
        .with_min_bytes(1)
        .with_topics(vec![topic])
}
