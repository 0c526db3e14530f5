//! A cluster called as a value, without a network, and the requests to call it with.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, FetchRequest, ProduceRequest, RequestKind, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use whitewater_cluster::{
    BrokerConfig, BrokerSettings, Cluster, ClusterConfig, ConnectionId, Now, Output, Request,
};

/// The topic that is there.
pub const TOPIC: &str = "bench";
/// The one broker, which leads every partition and coordinates every group.
const BROKER: i32 = 1;
/// The wall clock of every call.
const WALL_MS: i64 = 1_700_000_000_000;

/// A cluster of one broker with one topic, and who calls it.
pub struct InProcess {
    cluster: Cluster,
    connection: ConnectionId,
    correlation_id: i32,
    monotonic: Duration,
}

impl InProcess {
    /// A cluster whose topic has that many empty partitions.
    ///
    /// # Panics
    /// If the cluster does not answer at once, here and in every other call.
    #[must_use]
    pub fn new(partitions: i32) -> Self {
        let mut client = Self {
            cluster: Cluster::new(ClusterConfig {
                cluster_id: "bench".to_owned(),
                brokers: vec![BrokerConfig {
                    id: BROKER,
                    host: "localhost".to_owned(),
                    port: 9092,
                }],
                settings: BrokerSettings {
                    group_initial_rebalance_delay_ms: 0,
                    group_consumer_assignment_interval_ms: 0,
                    ..BrokerSettings::default()
                },
            }),
            connection: ConnectionId(0),
            correlation_id: 0,
            monotonic: Duration::from_secs(1),
        };
        let topic = CreatableTopic::default()
            .with_name(topic_name())
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_topics(vec![topic]);
        client.ask(5, request.into());
        client
    }

    /// The next calls come by this connection. One that waits for an answer holds up what comes behind it.
    pub fn by_connection(&mut self, number: u64) -> &mut Self {
        self.connection = ConnectionId(number);
        self
    }

    /// Calls the cluster with one request and takes its answer, as a carrier would.
    pub fn ask(&mut self, api_version: i16, body: RequestKind) -> ResponseKind {
        self.ask_all(api_version, body, 1).swap_remove(0)
    }

    /// Calls the cluster with one request, and waits until it has answered so many: this one and those
    /// that waited.
    pub fn ask_all(
        &mut self,
        api_version: i16,
        body: RequestKind,
        count: usize,
    ) -> Vec<ResponseKind> {
        let mut answers = self.send(api_version, body);
        while answers.len() < count {
            self.monotonic = self
                .cluster
                .next_timer()
                .expect("a request that is not answered waits for a timer");
            let outputs = self.cluster.tick(self.now());
            answers.extend(self.answers(outputs));
        }
        answers
    }

    /// Calls the cluster with one request. Gives what it answers at once, to this and to those that
    /// waited.
    pub fn send(&mut self, api_version: i16, body: RequestKind) -> Vec<ResponseKind> {
        self.correlation_id += 1;
        let request = Request {
            connection: self.connection,
            correlation_id: self.correlation_id,
            api_version,
            client_id: "bench".to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            body,
        };
        let outputs = self.cluster.handle(self.now(), BROKER, request);
        self.answers(outputs)
    }

    fn answers(&mut self, outputs: Vec<Output>) -> Vec<ResponseKind> {
        drop(self.cluster.take_events());
        let answer = |output| match output {
            Output::Response { body, .. } => body,
            other => panic!("not a response: {other:?}"),
        };
        outputs.into_iter().map(answer).collect()
    }

    /// Produces a batch to partition 0 with `acks=all`.
    pub fn produce(&mut self, batch: Bytes) {
        let data = PartitionProduceData::default().with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(topic_name())
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(1_000)
            .with_topic_data(vec![topic]);
        let ResponseKind::Produce(response) = self.ask(10, request.into()) else {
            panic!("Produce is answered by Produce");
        };
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }

    /// Fetches up to a mebibyte, librdkafka's default, from partition 0.
    pub fn fetch(&mut self, offset: i64) -> Bytes {
        let partition = FetchPartition::default()
            .with_fetch_offset(offset)
            .with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default()
            .with_topic(topic_name())
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_topics(vec![topic]);
        let ResponseKind::Fetch(mut response) = self.ask(12, request.into()) else {
            panic!("Fetch is answered by Fetch");
        };
        let partition = response.responses.swap_remove(0).partitions.swap_remove(0);
        assert_eq!(partition.error_code, 0);
        partition.records.expect("there is something to fetch")
    }

    fn now(&self) -> Now {
        Now {
            monotonic: self.monotonic,
            wall_ms: WALL_MS,
        }
    }
}

/// A v2 record batch as a producer sends it, without compression.
///
/// # Panics
/// Never: what is encoded is complete.
#[must_use]
pub fn record_batch(payloads: &[Vec<u8>]) -> Bytes {
    let record = |(index, payload): (usize, &Vec<u8>)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: index as i64,
        sequence: index as i32,
        timestamp: WALL_MS,
        key: None,
        value: Some(Bytes::from(payload.clone())),
        headers: IndexMap::default(),
    };
    let records: Vec<Record> = payloads.iter().enumerate().map(record).collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut bytes = BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("the records are complete");
    bytes.freeze()
}

pub(crate) fn topic_name() -> TopicName {
    TopicName(text(TOPIC))
}

pub(crate) fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}
