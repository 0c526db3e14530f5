//! What a client can ask of the cluster.

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::bench::{Bench, PATIENCE, numbers, positions};
use crate::case::cases;

cases! {
    "metadata":
    of_a_topic,
    of_a_topic_that_is_not_there,
    of_an_invalid_name,
    asked_by_a_producer_it_makes_the_topic,
    the_watermarks,
    the_watermarks_of_what_is_not_there,
    offsets_for_times,
    offsets_for_times_of_what_is_not_there,
    offsets_for_a_timestamp_of_what_is_assigned,
    offsets_for_times_without_records,
}

fn note(bench: &Bench<'_>, metadata: &KafkaResult<Metadata>) {
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(error) => return bench.note(format!("{error:?}")),
    };
    bench.note(format!("{} brokers", metadata.brokers().len()));
    for topic in metadata.topics() {
        let error = topic.error().map(rdkafka::error::RDKafkaErrorCode::from);
        bench.note(format!(
            "{}: {error:?}, {} partitions",
            topic.name(),
            topic.partitions().len()
        ));
        for partition in topic.partitions() {
            let error = partition
                .error()
                .map(rdkafka::error::RDKafkaErrorCode::from);
            bench.note(format!(
                "  {}: {error:?}, led: {}, {} replicas, {} in sync",
                partition.id(),
                partition.leader() >= 0,
                partition.replicas().len(),
                partition.isr().len()
            ));
        }
    }
}

fn of_a_topic(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let reader = bench.reader("g", &[]);
    note(bench, &reader.fetch_metadata(Some(&topic), PATIENCE));
}

fn of_a_topic_that_is_not_there(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[]);
    note(
        bench,
        &reader.fetch_metadata(Some(&bench.name("nowhere")), PATIENCE),
    );
}

fn of_an_invalid_name(bench: &Bench<'_>) {
    let reader = bench.reader("g", &[]);
    note(
        bench,
        &reader.fetch_metadata(Some("not a topic!"), PATIENCE),
    );
}

fn asked_by_a_producer_it_makes_the_topic(bench: &Bench<'_>) {
    let writer = bench.writer(&[]);
    let name = bench.name("made");
    bench.until("the topic is there", || {
        let metadata = writer.client().fetch_metadata(Some(&name), PATIENCE).ok()?;
        let topic = metadata.topics().first()?;
        let led = topic.partitions().first()?.leader() >= 0;
        (topic.error().is_none() && led).then_some(())
    });
    note(
        bench,
        &writer.client().fetch_metadata(Some(&name), PATIENCE),
    );
}

fn the_watermarks(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    bench.fill(&topic, 0, numbers(0..3));
    let reader = bench.reader("g", &[]);
    for partition in 0..2 {
        let watermarks = reader.fetch_watermarks(&topic, partition, PATIENCE);
        bench.note(format!("{partition}: {watermarks:?}"));
    }
}

fn the_watermarks_of_what_is_not_there(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    let partition = reader.fetch_watermarks(&topic, 9, PATIENCE);
    bench.note(format!("partition 9: {partition:?}"));
    let nowhere = reader.fetch_watermarks(&bench.name("nowhere"), 0, PATIENCE);
    bench.note(format!("nowhere: {nowhere:?}"));
}

/// A topic with records at 1,000, 2,000 and 3,000 ms.
fn timed(bench: &Bench<'_>) -> String {
    let topic = bench.topic_with("t", 1, &[("retention.ms", "-1")]);
    let writer = bench.writer(&[]);
    for timestamp_ms in [1_000, 2_000, 3_000] {
        let record = BaseRecord::<str, str>::to(&topic)
            .partition(0)
            .payload("p")
            .timestamp(timestamp_ms);
        let sent = writer.send(record).map_err(|(error, _)| error);
        assert!(sent.is_ok(), "{sent:?}");
    }
    bench.note_result("flush", &writer.flush(PATIENCE));
    topic
}

fn at(topic: &str, partition: i32, timestamp_ms: i64) -> TopicPartitionList {
    positions(topic, &[(partition, Offset::Offset(timestamp_ms))])
}

fn offsets_for_times(bench: &Bench<'_>) {
    let topic = timed(bench);
    let reader = bench.reader("g", &[]);
    for timestamp_ms in [0, 1_000, 1_500, 3_000, 3_001] {
        let found = reader.offsets_for_times(at(&topic, 0, timestamp_ms), PATIENCE);
        bench.note_offsets(&format!("{timestamp_ms} ms"), &found);
    }
}

fn offsets_for_times_of_what_is_not_there(bench: &Bench<'_>) {
    let topic = timed(bench);
    let reader = bench.reader("g", &[]);
    bench.note_offsets(
        "partition 9",
        &reader.offsets_for_times(at(&topic, 9, 0), PATIENCE),
    );
    let nowhere = at(&bench.name("nowhere"), 0, 0);
    bench.note_offsets("nowhere", &reader.offsets_for_times(nowhere, PATIENCE));
}

fn offsets_for_a_timestamp_of_what_is_assigned(bench: &Bench<'_>) {
    let topic = timed(bench);
    let reader = bench.reader("g", &[]);
    bench.note_result(
        "assign",
        &reader.assign(&positions(&topic, &[(0, Offset::Beginning)])),
    );
    bench.note_offsets("1500 ms", &reader.offsets_for_timestamp(1_500, PATIENCE));
}

fn offsets_for_times_without_records(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let reader = bench.reader("g", &[]);
    bench.note_offsets(
        "0 ms",
        &reader.offsets_for_times(at(&topic, 0, 0), PATIENCE),
    );
}
