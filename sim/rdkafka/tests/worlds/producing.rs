//! Producing: reports, limits, timeouts, partitioners.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, FutureProducer, FutureRecord, NoCustomPartitioner,
    Partitioner, Producer, ProducerContext, PurgeConfig,
};
use rdkafka::types::RDKafkaErrorCode;
use whitewater_sim::{task, time};

use crate::support::{TOPIC, config, create, create_topic, run, run_process};

const LONG: Duration = Duration::from_secs(10);

/// Records each delivery: what travelled with it, and where it ended up or the error.
#[derive(Default)]
struct Reports(Arc<Mutex<Vec<Report>>>);

type Report = (usize, Result<i32, RDKafkaErrorCode>);

impl ClientContext for Reports {}

impl ProducerContext<NoCustomPartitioner> for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let outcome = match result {
            Ok(message) => Ok(message.partition()),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap()),
        };
        self.0.lock().unwrap().push((opaque, outcome));
    }
}

fn reporting(properties: &[(&str, &str)]) -> (BaseProducer<Reports>, Reports) {
    let reports = Reports::default();
    let context = Reports(Arc::clone(&reports.0));
    let producer = BaseProducer::from_config_and_context(&config(properties), context).unwrap();
    (producer, reports)
}

fn send(producer: &BaseProducer<Reports>, number: usize) -> Result<(), KafkaError> {
    let payload = number.to_string();
    let record = BaseRecord::<str, str, usize>::with_opaque_to(TOPIC, number).payload(&payload);
    producer.send(record).map_err(|(error, _)| error)
}

fn production(code: RDKafkaErrorCode) -> KafkaError {
    KafkaError::MessageProduction(code)
}

#[test]
fn every_message_is_reported_exactly_once() {
    run(51, |_cluster| async {
        create_topic(3).await;
        run_process("client", || async {
            let (producer, reports) = reporting(&[]);
            for number in 0..50 {
                send(&producer, number).unwrap();
            }
            producer.flush(LONG).unwrap();
            let mut reported: Vec<usize> = reports.0.lock().unwrap().iter().map(|r| r.0).collect();
            reported.sort_unstable();
            assert_eq!(reported, Vec::from_iter(0..50));
        })
        .await;
    });
}

#[test]
fn a_full_queue_counts_reports_that_nobody_fetched() {
    run(52, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let (producer, _) = reporting(&[("queue.buffering.max.messages", "2")]);
            send(&producer, 0).unwrap();
            send(&producer, 1).unwrap();
            assert_eq!(
                send(&producer, 2),
                Err(production(RDKafkaErrorCode::QueueFull))
            );
            time::sleep(LONG).await;
            assert_eq!(
                send(&producer, 2),
                Err(production(RDKafkaErrorCode::QueueFull))
            );
            producer.poll(Duration::ZERO);
            send(&producer, 2).unwrap();
        })
        .await;
    });
}

#[test]
fn messages_that_cannot_be_sent_time_out() {
    run(53, |cluster| async move {
        create_topic(1).await;
        for id in cluster.broker_ids() {
            cluster.kill_broker(id);
        }
        run_process("client", || async {
            let producer: FutureProducer = create(&[("message.timeout.ms", "5000")]);
            let started = time::now();
            let record = FutureRecord::<str, str>::to(TOPIC)
                .payload("p")
                .partition(0);
            let (error, message) = producer.send(record, LONG).await.unwrap_err();
            assert_eq!(error, production(RDKafkaErrorCode::MessageTimedOut));
            assert_eq!(message.payload(), Some(&b"p"[..]));
            let took = time::now() - started;
            assert!(
                took >= Duration::from_secs(5) && took < Duration::from_secs(8),
                "{took:?}"
            );
        })
        .await;
    });
}

#[test]
fn unknown_topics_and_partitions_fail_as_measured() {
    run(54, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let (producer, reports) = reporting(&[("allow.auto.create.topics", "false")]);
            let to = |topic, partition: i32| {
                BaseRecord::<str, str, usize>::with_opaque_to(topic, 0).partition(partition)
            };
            // Before metadata has come, the report says it; afterwards `send` does.
            producer
                .send(to(TOPIC, 9))
                .map_err(|(error, _)| error)
                .unwrap();
            producer.flush(LONG).unwrap();
            let unknown = RDKafkaErrorCode::UnknownPartition;
            assert_eq!(reports.0.lock().unwrap().pop(), Some((0, Err(unknown))));
            assert_eq!(
                producer.send(to(TOPIC, 9)).unwrap_err().0,
                production(unknown)
            );

            let started = time::now();
            producer
                .send(to("nowhere", 0))
                .map_err(|(error, _)| error)
                .unwrap();
            producer.flush(Duration::from_secs(60)).unwrap();
            let missing = RDKafkaErrorCode::UnknownTopicOrPartition;
            assert_eq!(reports.0.lock().unwrap().pop(), Some((0, Err(missing))));
            assert!(time::now() - started >= Duration::from_secs(30));
            assert_eq!(
                producer.send(to("nowhere", 0)).unwrap_err().0,
                production(RDKafkaErrorCode::UnknownTopic)
            );
        })
        .await;
    });
}

#[test]
fn a_flush_that_takes_too_long_ends_when_its_time_is_up() {
    run(58, |_cluster| async {
        run_process("client", || async {
            let (producer, _reports) = reporting(&[("allow.auto.create.topics", "false")]);
            send(&producer, 0).unwrap();
            let started = time::now();
            // What is due at the same moment comes before or after it, a little later each.
            for _ in 0..20 {
                drop(task::spawn(time::sleep_until(started + Duration::from_millis(100))));
            }
            let flushed = producer.flush(Duration::from_millis(250));
            let too_long = KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut);
            assert_eq!(flushed, Err(too_long));
            let took = time::now() - started;
            assert!((250..260).contains(&took.as_millis()), "{took:?}");
        })
        .await;
    });
}

#[test]
fn a_producer_creates_its_topic_by_default() {
    run(55, |cluster| async move {
        run_process("client", || async {
            let producer: FutureProducer = create(&[]);
            let record = FutureRecord::<str, str>::to("made-by-sending").payload("p");
            assert_eq!(producer.send(record, LONG).await.unwrap().offset, 0);
        })
        .await;
        assert!(cluster.with(|cluster| cluster.topic("made-by-sending").is_some()));
    });
}

#[test]
fn too_large_a_message_is_refused() {
    run(56, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let producer: FutureProducer = create(&[]);
            let payload = vec![0_u8; 1_000_001];
            let record = FutureRecord::<str, Vec<u8>>::to(TOPIC).payload(&payload);
            let (error, _) = producer.send(record, LONG).await.unwrap_err();
            assert_eq!(error, production(RDKafkaErrorCode::MessageSizeTooLarge));
        })
        .await;
    });
}

#[test]
fn what_is_purged_is_reported_as_purged() {
    run(57, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let (producer, reports) = reporting(&[("linger.ms", "10000")]);
            send(&producer, 0).unwrap();
            time::sleep(Duration::from_secs(1)).await;
            producer.purge(PurgeConfig::default().queue());
            producer.poll(Duration::ZERO);
            let purged = [(0, Err(RDKafkaErrorCode::PurgeQueue))];
            assert_eq!(*reports.0.lock().unwrap(), purged);
        })
        .await;
    });
}

#[test]
fn without_acknowledgements_the_offset_is_unknown() {
    run(58, |_cluster| async {
        create_topic(1).await;
        run_process("client", || async {
            let producer: FutureProducer = create(&[("acks", "0")]);
            let record = FutureRecord::<str, str>::to(TOPIC).payload("p");
            assert_eq!(producer.send(record, LONG).await.unwrap().offset, -1001);
        })
        .await;
    });
}

/// Sends everything to the last partition, and counts how often it was asked.
struct Last;

impl Partitioner for Last {
    fn partition(&self, _: &str, _: Option<&[u8]>, count: i32, _: impl Fn(i32) -> bool) -> i32 {
        count - 1
    }
}

struct LastContext(Reports);

impl ClientContext for LastContext {}

impl ProducerContext<Last> for LastContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        ProducerContext::<NoCustomPartitioner>::delivery(&self.0, result, opaque);
    }

    fn get_custom_partitioner(&self) -> Option<&Last> {
        Some(&Last)
    }
}

#[test]
fn a_partitioner_of_the_applications_own_is_asked_for_keyed_messages() {
    run(60, |_cluster| async {
        create_topic(5).await;
        run_process("client", || async {
            let reports = Reports::default();
            let context = LastContext(Reports(Arc::clone(&reports.0)));
            let producer: BaseProducer<LastContext, Last> =
                BaseProducer::from_config_and_context(&config(&[]), context).unwrap();
            for number in 0..3 {
                let key = number.to_string();
                let record = BaseRecord::<str, str, usize>::with_opaque_to(TOPIC, number).key(&key);
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
            producer.flush(LONG).unwrap();
            assert_eq!(
                *reports.0.lock().unwrap(),
                [(0, Ok(4)), (1, Ok(4)), (2, Ok(4))]
            );
        })
        .await;
    });
}
