//! Configurations: what is refused, and when. No broker is needed.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::BaseProducer;

use crate::bench::Bench;
use crate::case::cases;

cases! {
    "configuration":
    an_unknown_key,
    a_value_that_is_no_number,
    a_value_out_of_range,
    a_value_that_is_not_one_of_the_list,
    consumers,
    producers,
    groups,
    assignment_strategies,
    defaults,
    synonyms,
}

fn consumer(bench: &Bench<'_>, properties: &[(&str, &str)]) {
    let mut config = ClientConfig::new();
    properties.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    let created: Result<BaseConsumer, _> = config.create();
    bench.note(format!("consumer {properties:?}: {:?}", created.err()));
}

fn producer(bench: &Bench<'_>, properties: &[(&str, &str)]) {
    let mut config = ClientConfig::new();
    properties.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    let created: Result<BaseProducer, _> = config.create();
    bench.note(format!("producer {properties:?}: {:?}", created.err()));
}

fn an_unknown_key(bench: &Bench<'_>) {
    consumer(bench, &[("group.idd", "g")]);
    producer(bench, &[("lingerms", "1")]);
}

fn a_value_that_is_no_number(bench: &Bench<'_>) {
    consumer(bench, &[("session.timeout.ms", "soon")]);
    consumer(bench, &[("session.timeout.ms", "")]);
    producer(bench, &[("linger.ms", "five")]);
}

fn a_value_out_of_range(bench: &Bench<'_>) {
    consumer(bench, &[("session.timeout.ms", "0")]);
    consumer(bench, &[("fetch.wait.max.ms", "900000")]);
    producer(bench, &[("message.max.bytes", "10")]);
    producer(bench, &[("acks", "7000")]);
}

fn a_value_that_is_not_one_of_the_list(bench: &Bench<'_>) {
    consumer(bench, &[("auto.offset.reset", "middle")]);
    consumer(bench, &[("isolation.level", "read_all")]);
    producer(bench, &[("partitioner", "mine")]);
    producer(bench, &[("compression.type", "zip")]);
}

fn consumers(bench: &Bench<'_>) {
    consumer(
        bench,
        &[
            ("group.id", "g"),
            ("max.poll.interval.ms", "5000"),
            ("session.timeout.ms", "6000"),
        ],
    );
    consumer(
        bench,
        &[
            ("group.id", "g"),
            ("fetch.message.max.bytes", "1000"),
            ("fetch.max.bytes", "500"),
        ],
    );
    consumer(bench, &[("group.id", "g"), ("transactional.id", "t")]);
}

fn producers(bench: &Bench<'_>) {
    producer(bench, &[("enable.idempotence", "true"), ("acks", "1")]);
    producer(
        bench,
        &[("enable.idempotence", "true"), ("max.in.flight", "6")],
    );
    producer(bench, &[("enable.idempotence", "true"), ("retries", "0")]);
    producer(
        bench,
        &[("transactional.id", "t"), ("enable.idempotence", "false")],
    );
    producer(
        bench,
        &[
            ("transactional.id", "t"),
            ("message.timeout.ms", "100000"),
            ("transaction.timeout.ms", "60000"),
        ],
    );
    producer(bench, &[("auto.offset.reset", "earliest")]);
}

fn groups(bench: &Bench<'_>) {
    consumer(bench, &[("group.id", "")]);
    consumer(
        bench,
        &[
            ("group.id", "g"),
            ("group.protocol", "consumer"),
            ("session.timeout.ms", "6000"),
        ],
    );
    consumer(bench, &[("group.id", "g"), ("group.protocol", "modern")]);
}

fn assignment_strategies(bench: &Bench<'_>) {
    consumer(
        bench,
        &[
            ("group.id", "g"),
            ("partition.assignment.strategy", "range,cooperative-sticky"),
        ],
    );
    consumer(
        bench,
        &[
            ("group.id", "g"),
            ("partition.assignment.strategy", "sticky"),
        ],
    );
    consumer(
        bench,
        &[("group.id", "g"), ("partition.assignment.strategy", "")],
    );
}

fn defaults(bench: &Bench<'_>) {
    let native = match ClientConfig::new().create_native_config() {
        Ok(native) => native,
        Err(error) => return bench.note(format!("{error:?}")),
    };
    for key in [
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "max.poll.interval.ms",
        "auto.offset.reset",
        "isolation.level",
        "enable.auto.commit",
        "auto.commit.interval.ms",
        "enable.auto.offset.store",
        "queued.min.messages",
        "fetch.wait.max.ms",
        "fetch.min.bytes",
        "linger.ms",
        "acks",
        "enable.idempotence",
        "retries",
        "partitioner",
        "message.timeout.ms",
        "partition.assignment.strategy",
        "socket.timeout.ms",
        "client.id",
        "group.id",
    ] {
        bench.note(format!("{key}: {:?}", native.get(key)));
    }
}

fn synonyms(bench: &Bench<'_>) {
    let mut config = ClientConfig::new();
    config
        .set("request.required.acks", "1")
        .set("queue.buffering.max.ms", "7")
        .set("max.in.flight", "3");
    match config.create_native_config() {
        Ok(native) => {
            for key in ["acks", "linger.ms", "max.in.flight.requests.per.connection"] {
                bench.note(format!("{key}: {:?}", native.get(key)));
            }
        }
        Err(error) => bench.note(format!("{error:?}")),
    }
}
