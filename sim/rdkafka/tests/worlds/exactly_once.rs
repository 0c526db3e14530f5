//! Consume, transform, produce: with transactions every input has exactly one output, whatever
//! dies.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};
use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::time;

use crate::support::{TOPIC, create, create_topic, drain, run, run_process, start, text};

const OUT: &str = "transformed";
const COUNT: usize = 120;
/// How long a transaction stays open with its records in the log.
const WORK: Duration = Duration::from_millis(150);
const CALL: Duration = Duration::from_secs(20);

/// A worker that starts over with new clients whenever something goes wrong.
fn start_worker(number: i32) -> ProcessId {
    start(&format!("worker-{number}"), || async {
        loop {
            // Whatever failed, the next producer aborts what this one leaves open.
            let _ = work().await;
            time::sleep(Duration::from_millis(200)).await;
        }
    })
}

async fn work() -> KafkaResult<()> {
    let producer: BaseProducer = create(&[
        ("transactional.id", "worker"),
        ("transaction.timeout.ms", "10000"),
    ]);
    producer.init_transactions(CALL)?;
    let consumer: BaseConsumer = create(&[
        ("group.id", "g"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("session.timeout.ms", "6000"),
    ]);
    consumer.subscribe(&[TOPIC])?;
    loop {
        let mut offsets = TopicPartitionList::new();
        let mut batch = Vec::new();
        while batch.len() < 5 {
            match consumer.poll(Duration::from_millis(100)) {
                Some(message) => {
                    let message = message?;
                    let next = Offset::Offset(message.offset() + 1);
                    offsets.add_partition_offset(TOPIC, message.partition(), next)?;
                    batch.push(text(message.payload()));
                }
                None if batch.is_empty() => {}
                None => break,
            }
        }
        producer.begin_transaction()?;
        for value in &batch {
            let record = BaseRecord::<str, str>::to(OUT).payload(value);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        producer.flush(CALL)?;
        time::sleep(WORK).await;
        let members = consumer.group_metadata().expect("it has a group");
        producer.send_offsets_to_transaction(&offsets, &members, CALL)?;
        producer.commit_transaction(CALL)?;
    }
}

/// The records of the output, those of aborted transactions included.
fn written(cluster: &ClusterHandle) -> usize {
    cluster.with(|cluster| {
        let batches = cluster.log(OUT, 0).unwrap().batches();
        let records = batches.filter(|batch| batch.ends_transaction().is_none());
        records.map(|batch| batch.record_count() as usize).sum()
    })
}

#[test]
fn every_input_has_one_output_whatever_dies() {
    let written_twice = Rc::new(Cell::new(0));
    for seed in 340..346_u64 {
        let twice = Rc::clone(&written_twice);
        run(seed, move |cluster| async move {
            create_topic(1).await;
            run_process("topics", || async {
                let admin: AdminClient<DefaultClientContext> = create(&[]);
                let topic = NewTopic::new(OUT, 1, TopicReplication::Fixed(1));
                let made = admin.create_topics([&topic], &AdminOptions::new()).await;
                assert_eq!(made.unwrap(), [Ok(OUT.to_owned())]);
            })
            .await;
            let mut worker = start_worker(0);
            let source = start("source", || async {
                let producer: FutureProducer = create(&[("enable.idempotence", "true")]);
                for number in 0..COUNT {
                    let payload = number.to_string();
                    let record = FutureRecord::<str, str>::to(TOPIC).payload(&payload);
                    producer.send(record, CALL).await.unwrap();
                    time::sleep(Duration::from_millis(330)).await;
                }
            });
            for id in cluster.broker_ids() {
                time::sleep(Duration::from_millis(12_000 + seed % 7 * 130)).await;
                process::kill(worker);
                worker = start_worker(id);
                time::sleep(Duration::from_millis(900)).await;
                cluster.kill_broker(id);
                time::sleep(Duration::from_millis(500)).await;
                cluster.restart_broker(id);
            }
            assert_eq!(process::exited(source).await, process::ExitStatus::Ok);
            time::sleep(Duration::from_secs(90)).await;
            run_process("reader", || async {
                let consumer: BaseConsumer = create(&[("group.id", "reader")]);
                let mut list = TopicPartitionList::new();
                list.add_partition_offset(OUT, 0, Offset::Beginning)
                    .unwrap();
                consumer.assign(&list).unwrap();
                let values = drain(&consumer, Duration::from_secs(2));
                let expected: Vec<_> = (0..COUNT).map(|number| number.to_string()).collect();
                assert_eq!(values, expected);
            })
            .await;
            process::kill(worker);
            twice.set(twice.get() + written(&cluster) - COUNT);
        });
    }
    // Deaths in the middle of transactions, or all this proves nothing.
    assert!(written_twice.get() > 0);
}
