//! Settings that change while what they are about is there.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, OwnedResourceSpecifier,
    ResourceSpecifier,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseRecord, Producer};

use crate::bench::{Bench, PATIENCE, numbers};
use crate::case::cases;

cases! {
    "altering":
    a_topics_settings,
    what_is_not_named_goes_back,
    an_unknown_setting,
    a_bad_value,
    the_good_with_the_bad,
    a_topic_that_is_not_there,
    several_topics_in_one_call,
    only_validated,
    nothing,
    describing_nothing,
    the_largest_message,
    how_long_records_are_kept,
    no_cleanup_at_all,
    a_brokers_settings,
    two_brokers_in_one_call,
    a_broker_that_is_not_there,
    a_broker_and_a_topic,
    a_brokers_setting_changes,
    a_brokers_setting_that_cannot_change,
}

type Admin = AdminClient<DefaultClientContext>;

const RETENTION: &str = "retention.ms";
const LARGEST: &str = "max.message.bytes";

/// Without the case's prefix a broker's specifier is told as it is.
fn specified(specifier: &OwnedResourceSpecifier) -> String {
    match specifier {
        OwnedResourceSpecifier::Topic(name) => format!("topic {name}"),
        OwnedResourceSpecifier::Group(name) => format!("group {name}"),
        OwnedResourceSpecifier::Broker(id) => format!("broker {id}"),
    }
}

fn alter(bench: &Bench<'_>, admin: &Admin, configs: &[AlterConfig<'_>], options: &AdminOptions) {
    let results = bench.wait(admin.alter_configs(configs, options));
    bench.note(match results {
        Err(error) => format!("alter: {error:?}"),
        Ok(results) => {
            let results: Vec<String> = results
                .iter()
                .map(|result| match result {
                    Ok(specifier) => specified(specifier),
                    Err((specifier, error)) => format!("{} {error:?}", specified(specifier)),
                })
                .collect();
            format!("alter: [{}]", results.join(", "))
        }
    });
}

pub(super) fn alter_one(bench: &Bench<'_>, config: AlterConfig<'_>) {
    alter(bench, &bench.admin(), &[config], &AdminOptions::new());
}

pub(super) fn of_topic<'a>(name: &'a str, settings: &[(&'a str, &'a str)]) -> AlterConfig<'a> {
    let topic = AlterConfig::new(ResourceSpecifier::Topic(name));
    let set = |config: AlterConfig<'a>, (key, value): &(&'a str, &'a str)| config.set(key, value);
    settings.iter().fold(topic, set)
}

fn describe(
    bench: &Bench<'_>,
    admin: &Admin,
    resource: ResourceSpecifier<'_>,
) -> Option<ConfigResource> {
    let described = bench.wait(admin.describe_configs([&resource], &AdminOptions::new()));
    described.ok()?.pop()?.ok()
}

/// Waits until a topic's setting has that value; brokers learn of a change a little later.
fn until_set(bench: &Bench<'_>, topic: &str, key: &str, value: &str) {
    let admin = bench.admin();
    bench.until("the setting is there", || {
        let described = describe(bench, &admin, ResourceSpecifier::Topic(topic))?;
        let found = described.get(key)?.value.as_deref()? == value;
        found.then_some(())
    });
}

fn note_settings(bench: &Bench<'_>, resource: ResourceSpecifier<'_>, keys: &[&str]) {
    let Some(described) = describe(bench, &bench.admin(), resource) else {
        return bench.note("not described");
    };
    bench.note(specified(&described.specifier));
    for key in keys {
        let shown = described.get(key).map(|e| {
            let read_only = if e.is_read_only { " read-only" } else { "" };
            let default = if e.is_default { " default" } else { "" };
            format!("{:?} {:?}{read_only}{default}", e.value, e.source)
        });
        bench.note(format!("  {key}: {}", shown.unwrap_or_default()));
    }
}

fn note_topic(bench: &Bench<'_>, name: &str) {
    let keys = [RETENTION, LARGEST, "segment.ms", "cleanup.policy"];
    note_settings(bench, ResourceSpecifier::Topic(name), &keys);
}

fn a_topics_settings(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    alter_one(
        bench,
        of_topic(&name, &[(RETENTION, " 5000 "), (LARGEST, "2000")]),
    );
    until_set(bench, &name, RETENTION, "5000");
    note_topic(bench, &name);
}

fn what_is_not_named_goes_back(bench: &Bench<'_>) {
    let name = bench.topic_with("t", 1, &[(RETENTION, "5000"), ("segment.ms", "7000")]);
    alter_one(bench, of_topic(&name, &[(LARGEST, "2000")]));
    until_set(bench, &name, LARGEST, "2000");
    note_topic(bench, &name);
    alter_one(bench, of_topic(&name, &[]));
    until_set(bench, &name, LARGEST, "1048588");
    note_topic(bench, &name);
}

fn an_unknown_setting(bench: &Bench<'_>) {
    let name = bench.topic_with("t", 1, &[(RETENTION, "5000")]);
    alter_one(bench, of_topic(&name, &[("retention.msec", "5")]));
    note_topic(bench, &name);
}

fn a_bad_value(bench: &Bench<'_>) {
    let name = bench.topic_with("t", 1, &[(RETENTION, "5000")]);
    for (key, value) in [
        (RETENTION, "soon"),
        (RETENTION, "-2"),
        (LARGEST, ""),
        ("segment.bytes", "100"),
        ("segment.ms", "0"),
        ("cleanup.policy", "forget"),
        ("message.timestamp.type", "Now"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("preallocate", "yes"),
    ] {
        alter_one(bench, of_topic(&name, &[(key, value)]));
    }
    note_topic(bench, &name);
}

fn the_good_with_the_bad(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    alter_one(
        bench,
        of_topic(&name, &[(RETENTION, "5000"), (LARGEST, "many")]),
    );
    note_topic(bench, &name);
}

fn a_topic_that_is_not_there(bench: &Bench<'_>) {
    let name = bench.name("nowhere");
    alter_one(bench, of_topic(&name, &[(RETENTION, "5000")]));
    note_topic(bench, &name);
}

fn several_topics_in_one_call(bench: &Bench<'_>) {
    let names = [
        bench.topic("a", 1),
        bench.name("nowhere"),
        bench.topic("b", 1),
    ];
    let settings = [(RETENTION, "5000")];
    let configs = [0, 1, 2].map(|index: usize| of_topic(&names[index], &settings));
    alter(bench, &bench.admin(), &configs, &AdminOptions::new());
    for name in [&names[0], &names[2]] {
        until_set(bench, name, RETENTION, "5000");
    }
}

fn only_validated(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    let options = AdminOptions::new().validate_only(true);
    let configs = [of_topic(&name, &[(RETENTION, "5000")])];
    alter(bench, &bench.admin(), &configs, &options);
    alter_one(bench, of_topic(&name, &[(LARGEST, "2000")]));
    until_set(bench, &name, LARGEST, "2000");
    note_topic(bench, &name);
}

fn nothing(bench: &Bench<'_>) {
    alter(bench, &bench.admin(), &[], &AdminOptions::new());
}

fn describing_nothing(bench: &Bench<'_>) {
    let nothing: [&ResourceSpecifier<'_>; 0] = [];
    let described = bench.wait(
        bench
            .admin()
            .describe_configs(nothing, &AdminOptions::new()),
    );
    bench.note_result("describe", &described);
}

fn send(bench: &Bench<'_>, topic: &str, size: usize) {
    let writer = bench.writer(&[("linger.ms", "0")]);
    let payload = "x".repeat(size);
    let record = BaseRecord::<str, str>::to(topic)
        .partition(0)
        .payload(&payload);
    let sent = writer.send(record).map_err(|(error, _)| error);
    bench.note_result("send", &sent);
    bench.note_result("flush", &writer.flush(PATIENCE));
    for line in writer.context().take() {
        bench.note(line.replace(&payload, "it"));
    }
}

fn the_largest_message(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    send(bench, &name, 500);
    alter_one(bench, of_topic(&name, &[(LARGEST, "300")]));
    until_set(bench, &name, LARGEST, "300");
    send(bench, &name, 500);
    send(bench, &name, 100);
    alter_one(bench, of_topic(&name, &[]));
    until_set(bench, &name, LARGEST, "1048588");
    send(bench, &name, 500);
}

fn how_long_records_are_kept(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    bench.fill(&name, 0, numbers(0..3));
    let reader = bench.reader("g", &[]);
    let watermarks = reader.fetch_watermarks(&name, 0, PATIENCE);
    bench.note(format!("watermarks: {watermarks:?}"));
    alter_one(bench, of_topic(&name, &[(RETENTION, "100")]));
    let watermarks = bench.until("the records are gone", || {
        let watermarks = reader.fetch_watermarks(&name, 0, PATIENCE).ok()?;
        (watermarks.0 > 0).then_some(watermarks)
    });
    bench.note(format!("watermarks: {watermarks:?}"));
}

fn no_cleanup_at_all(bench: &Bench<'_>) {
    let settings = [("cleanup.policy", ""), (RETENTION, "100")];
    let name = bench.topic_with("t", 1, &settings);
    note_topic(bench, &name);
    bench.fill(&name, 0, numbers(0..3));
    bench.sleep(Duration::from_secs(4));
    let watermarks = bench.reader("g", &[]).fetch_watermarks(&name, 0, PATIENCE);
    bench.note(format!("watermarks: {watermarks:?}"));
}

fn a_brokers_settings(bench: &Bench<'_>) {
    let keys = [
        "auto.create.topics.enable",
        "delete.topic.enable",
        "fetch.max.bytes",
        "group.initial.rebalance.delay.ms",
        "group.max.session.timeout.ms",
        "log.message.timestamp.type",
        "log.retention.bytes",
        "log.retention.check.interval.ms",
        "log.retention.ms",
        "log.roll.ms",
        "log.segment.bytes",
        "message.max.bytes",
        "num.partitions",
        "offsets.topic.num.partitions",
        "transaction.max.timeout.ms",
        "transaction.partition.verification.enable",
    ];
    note_settings(bench, ResourceSpecifier::Broker(1), &keys);
}

fn describe_several(bench: &Bench<'_>, resources: &[ResourceSpecifier<'_>]) {
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(3)));
    let described = bench.wait(bench.admin().describe_configs(resources, &options));
    bench.note(match described {
        Err(error) => format!("describe: {error:?}"),
        Ok(results) => {
            let results: Vec<String> = results
                .iter()
                .map(|result| match result {
                    Ok(resource) => specified(&resource.specifier),
                    Err(error) => format!("{error:?}"),
                })
                .collect();
            format!("describe: [{}]", results.join(", "))
        }
    });
}

fn two_brokers_in_one_call(bench: &Bench<'_>) {
    describe_several(
        bench,
        &[ResourceSpecifier::Broker(1), ResourceSpecifier::Broker(2)],
    );
}

fn a_broker_that_is_not_there(bench: &Bench<'_>) {
    describe_several(bench, &[ResourceSpecifier::Broker(77)]);
}

fn a_broker_and_a_topic(bench: &Bench<'_>) {
    let name = bench.topic("t", 1);
    describe_several(
        bench,
        &[
            ResourceSpecifier::Topic(&name),
            ResourceSpecifier::Broker(1),
        ],
    );
}

/// Other cases share the broker: the value is one that changes nothing for them.
fn a_brokers_setting_changes(bench: &Bench<'_>) {
    const KEY: &str = "log.message.timestamp.before.max.ms";
    const ALMOST_FOR_EVER: &str = "9223372036854775806";
    let broker = || AlterConfig::new(ResourceSpecifier::Broker(1));
    alter_one(bench, broker().set(KEY, ALMOST_FOR_EVER));
    let name = bench.topic("t", 1);
    until_set(
        bench,
        &name,
        "message.timestamp.before.max.ms",
        ALMOST_FOR_EVER,
    );
    note_settings(bench, ResourceSpecifier::Broker(1), &[KEY]);
    note_settings(
        bench,
        ResourceSpecifier::Topic(&name),
        &["message.timestamp.before.max.ms"],
    );
    alter_one(bench, broker());
    until_set(
        bench,
        &name,
        "message.timestamp.before.max.ms",
        "9223372036854775807",
    );
    note_settings(bench, ResourceSpecifier::Broker(1), &[KEY]);
}

fn a_brokers_setting_that_cannot_change(bench: &Bench<'_>) {
    let broker = AlterConfig::new(ResourceSpecifier::Broker(1));
    alter_one(bench, broker.set("num.partitions", "3"));
    note_settings(bench, ResourceSpecifier::Broker(1), &["num.partitions"]);
}
