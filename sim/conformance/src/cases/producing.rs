//! What a producer is told of its messages.

use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig};
use rdkafka::util::Timeout;
use rdkafka::{Message, Offset};

use crate::bench::{Bench, PATIENCE, POLL, Reader, Writer, numbers, positions};
use crate::case::cases;
use crate::recorder::payload;

cases! {
    "producing":
    delivered_in_order,
    each_partition_counts_for_itself,
    acks_0_knows_no_offset,
    acks_1,
    a_partition_beyond_the_last,
    larger_than_the_client_allows,
    larger_than_the_topic_allows,
    null_key_and_payload,
    headers_arrive_as_they_were,
    the_producers_timestamp,
    the_brokers_timestamp,
    a_timestamp_from_the_far_future,
    more_replicas_in_sync_than_there_are,
    a_full_queue_refuses,
    purging_the_queue,
    a_topic_that_is_not_there,
    a_topic_made_by_its_first_message,
    an_invalid_topic_name,
    crc32_keys,
    murmur2_keys,
    fnv1a_keys,
    nothing_to_flush,
    flushing_takes_too_long,
    a_linger_of_nothing,
    only_errors_are_reported,
}

fn send(bench: &Bench<'_>, writer: &Writer, topic: &str, partition: i32, payload: &str) {
    let record = BaseRecord::<str, str>::to(topic)
        .partition(partition)
        .payload(payload);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result(&format!("send {payload}"), &sent);
}

fn flush(bench: &Bench<'_>, writer: &Writer) {
    bench.note_result("flush", &writer.flush(PATIENCE));
    bench.note_callbacks("producer", writer.context());
}

/// A consumer of one partition, from its start.
fn reading(bench: &Bench<'_>, topic: &str, partition: i32) -> Reader {
    let reader = bench.reader("g", &[]);
    let assigned = reader.assign(&positions(topic, &[(partition, Offset::Beginning)]));
    assert!(assigned.is_ok(), "{assigned:?}");
    reader
}

fn delivered_in_order(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[]);
    for payload in numbers(0..5) {
        send(bench, &writer, &topic, 0, &payload);
    }
    flush(bench, &writer);
    bench.note(format!("in flight: {}", writer.in_flight_count()));
}

fn each_partition_counts_for_itself(bench: &Bench<'_>) {
    let topic = bench.topic("t", 3);
    let writer = bench.writer(&[("linger.ms", "0")]);
    for (partition, payload) in [(0, "a"), (2, "b"), (0, "c"), (1, "d"), (2, "e")] {
        send(bench, &writer, &topic, partition, payload);
        flush(bench, &writer);
    }
}

fn acks_0_knows_no_offset(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("acks", "0"), ("linger.ms", "200")]);
    send(bench, &writer, &topic, 0, "a");
    flush(bench, &writer);
}

fn acks_1(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("acks", "1")]);
    send(bench, &writer, &topic, 0, "a");
    send(bench, &writer, &topic, 0, "b");
    flush(bench, &writer);
}

fn a_partition_beyond_the_last(bench: &Bench<'_>) {
    let topic = bench.topic("t", 2);
    let writer = bench.writer(&[]);
    send(bench, &writer, &topic, 5, "before metadata");
    flush(bench, &writer);
    send(bench, &writer, &topic, 5, "after metadata");
    send(bench, &writer, &topic, 1, "good");
    flush(bench, &writer);
}

fn larger_than_the_client_allows(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("message.max.bytes", "1000")]);
    let large = "x".repeat(2000);
    let record = BaseRecord::<str, str>::to(&topic)
        .partition(0)
        .payload(&large);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result("send 2000 bytes", &sent);
    send(bench, &writer, &topic, 0, "small");
    flush(bench, &writer);
}

fn larger_than_the_topic_allows(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[("max.message.bytes", "500")]);
    let writer = bench.writer(&[("linger.ms", "300")]);
    let large = "x".repeat(600);
    for payload in ["small", large.as_str()] {
        let record = BaseRecord::<str, str>::to(&topic)
            .partition(0)
            .payload(payload);
        let sent = writer.send(record).map_err(|(error, _)| error);
        bench.note_result(&format!("send {} bytes", payload.len()), &sent);
    }
    bench.note_result("flush", &writer.flush(PATIENCE));
    for line in writer.context().take() {
        bench.note(line.replace(&large, "600 bytes"));
    }
    send(bench, &writer, &topic, 0, "after");
    flush(bench, &writer);
}

fn null_key_and_payload(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("linger.ms", "0")]);
    let records = [
        BaseRecord::<str, str>::to(&topic),
        BaseRecord::to(&topic).key(""),
        BaseRecord::to(&topic).payload(""),
        BaseRecord::to(&topic).key("k").payload("p"),
    ];
    for record in records {
        let sent = writer.send(record.partition(0)).map_err(|(error, _)| error);
        bench.note_result("send", &sent);
        bench.note_result("flush", &writer.flush(PATIENCE));
    }
    let reader = reading(bench, &topic, 0);
    for _ in 0..4 {
        let line = bench.until("the next message", || {
            let message = reader.poll(POLL)?.ok()?;
            Some(format!("{:?} {:?}", message.key(), message.payload()))
        });
        bench.note(line);
    }
}

fn headers_arrive_as_they_were(bench: &Bench<'_>) {
    use rdkafka::message::Headers;
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[]);
    let headers = OwnedHeaders::new()
        .insert(Header {
            key: "a",
            value: Some("1"),
        })
        .insert(Header {
            key: "a",
            value: Some("2"),
        })
        .insert(Header {
            key: "null",
            value: None::<&str>,
        })
        .insert(Header {
            key: "empty",
            value: Some(""),
        });
    let record = BaseRecord::<str, str>::to(&topic)
        .payload("p")
        .headers(headers);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result("send", &sent);
    flush(bench, &writer);
    let reader = reading(bench, &topic, 0);
    let lines = bench.until("the message", || {
        let message = reader.poll(POLL)?.ok()?;
        let headers = message.headers()?;
        Some(
            headers
                .iter()
                .map(|header| format!("{}: {:?}", header.key, header.value))
                .collect::<Vec<_>>(),
        )
    });
    lines.into_iter().for_each(|line| bench.note(line));
}

fn note_timestamp(bench: &Bench<'_>, topic: &str) {
    let reader = reading(bench, topic, 0);
    let line = bench.until("the message", || {
        let message = reader.poll(POLL)?.ok()?;
        let timestamp = message.timestamp();
        Some(match timestamp {
            rdkafka::Timestamp::CreateTime(at) => format!("CreateTime {at}"),
            rdkafka::Timestamp::LogAppendTime(at) => {
                format!("LogAppendTime, the producer's: {}", at == 1_000)
            }
            rdkafka::Timestamp::NotAvailable => "none".to_owned(),
        })
    });
    bench.note(line);
}

fn send_at(bench: &Bench<'_>, writer: &Writer, topic: &str, timestamp_ms: i64) {
    let record = BaseRecord::<str, str>::to(topic)
        .partition(0)
        .payload("p")
        .timestamp(timestamp_ms);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result("send", &sent);
    flush(bench, writer);
}

fn the_producers_timestamp(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[("retention.ms", "-1")]);
    let writer = bench.writer(&[]);
    send_at(bench, &writer, &topic, 1_000);
    note_timestamp(bench, &topic);
}

fn the_brokers_timestamp(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let writer = bench.writer(&[]);
    send_at(bench, &writer, &topic, 1_000);
    note_timestamp(bench, &topic);
}

fn a_timestamp_from_the_far_future(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[]);
    // The year 2100.
    send_at(bench, &writer, &topic, 4_102_444_800_000);
    let bounded = bench.topic_with(
        "bounded",
        1,
        &[
            ("message.timestamp.before.max.ms", "1000"),
            ("retention.ms", "-1"),
        ],
    );
    send_at(bench, &writer, &bounded, 1_000);
}

fn more_replicas_in_sync_than_there_are(bench: &Bench<'_>) {
    let topic = bench.topic_with("t", 1, &[("min.insync.replicas", "2")]);
    let writer = bench.writer(&[("acks", "all"), ("message.timeout.ms", "3000")]);
    send(bench, &writer, &topic, 0, "a");
    flush(bench, &writer);
}

fn a_full_queue_refuses(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("queue.buffering.max.messages", "2"), ("linger.ms", "0")]);
    for payload in numbers(0..4) {
        send(bench, &writer, &topic, 0, &payload);
    }
    flush(bench, &writer);
    send(bench, &writer, &topic, 0, "room again");
    flush(bench, &writer);
}

fn purging_the_queue(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("linger.ms", "60000")]);
    for payload in numbers(0..3) {
        send(bench, &writer, &topic, 0, &payload);
    }
    writer.purge(PurgeConfig::default().queue());
    flush(bench, &writer);
    bench.note(format!("in flight: {}", writer.in_flight_count()));
}

fn a_topic_that_is_not_there(bench: &Bench<'_>) {
    let topic = bench.name("nowhere");
    let writer = bench.writer(&[
        ("allow.auto.create.topics", "false"),
        ("topic.metadata.propagation.max.ms", "1000"),
    ]);
    send(bench, &writer, &topic, 0, "first");
    flush(bench, &writer);
    send(bench, &writer, &topic, 0, "second");
    flush(bench, &writer);
}

fn a_topic_made_by_its_first_message(bench: &Bench<'_>) {
    let topic = bench.name("made");
    let writer = bench.writer(&[]);
    send(bench, &writer, &topic, 0, "first");
    flush(bench, &writer);
}

fn an_invalid_topic_name(bench: &Bench<'_>) {
    let writer = bench.writer(&[("topic.metadata.propagation.max.ms", "1000")]);
    send(bench, &writer, "not a topic!", 0, "first");
    flush(bench, &writer);
}

fn keys(bench: &Bench<'_>, partitioner: &str) {
    let topic = bench.topic("t", 7);
    let writer = bench.writer(&[("partitioner", partitioner), ("linger.ms", "0")]);
    for key in [
        "a",
        "b",
        "user-17",
        "",
        "IBM",
        "Überschall",
        "0123456789012345678901234567890",
    ] {
        let record = BaseRecord::<str, str>::to(&topic).key(key).payload(key);
        let sent = writer.send(record).map_err(|(error, _)| error);
        assert!(sent.is_ok(), "{sent:?}");
        flush(bench, &writer);
    }
}

fn crc32_keys(bench: &Bench<'_>) {
    keys(bench, "consistent");
}

fn murmur2_keys(bench: &Bench<'_>) {
    keys(bench, "murmur2");
}

fn fnv1a_keys(bench: &Bench<'_>) {
    keys(bench, "fnv1a");
}

fn nothing_to_flush(bench: &Bench<'_>) {
    let writer = bench.writer(&[]);
    bench.note_result("flush", &writer.flush(Duration::ZERO));
    bench.note(format!("in flight: {}", writer.in_flight_count()));
}

fn flushing_takes_too_long(bench: &Bench<'_>) {
    let writer = bench.writer(&[("allow.auto.create.topics", "false")]);
    send(bench, &writer, &bench.name("nowhere"), 0, "a");
    bench.note_result("flush", &writer.flush(Duration::from_millis(500)));
    bench.note(format!("in flight: {}", writer.in_flight_count()));
    writer.purge(PurgeConfig::default().queue().inflight());
    flush(bench, &writer);
}

fn a_linger_of_nothing(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("linger.ms", "0")]);
    send(bench, &writer, &topic, 0, "a");
    bench.until("the delivery report", || {
        writer.poll(Timeout::After(POLL));
        (writer.in_flight_count() == 0).then_some(())
    });
    bench.note_callbacks("producer", writer.context());
}

fn only_errors_are_reported(bench: &Bench<'_>) {
    let topic = bench.topic("t", 1);
    let writer = bench.writer(&[("delivery.report.only.error", "true")]);
    send(bench, &writer, &topic, 0, "good");
    flush(bench, &writer);
    send(bench, &writer, &topic, 9, "bad");
    flush(bench, &writer);
    let reader = reading(bench, &topic, 0);
    let line = bench.until("the message", || {
        let message = reader.poll(POLL)?.ok()?;
        Some(payload(&message))
    });
    bench.note(line);
}
