//! Every configuration property of librdkafka 2.12: who it is for, its values, its default.
//!
//! Source: librdkafka's `CONFIGURATION.md`. Where a global and a topic property share a name the
//! global one stands here, as `rd_kafka_conf_set` looks there first.

/// Which client a property is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Both kinds of client.
    Both,
    /// Consumers.
    Consumer,
    /// Producers.
    Producer,
}

/// The values a property takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// An integer in a closed range.
    Integer(i64, i64),
    /// A number in a closed range.
    Float(f64, f64),
    /// `true` or `false`.
    Boolean,
    /// Any text.
    Text,
    /// A comma-separated list of names and regular expressions.
    Patterns,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, to the letter.
    Checked(&'static [&'static str]),
    /// A comma-separated list of these words.
    Flags(&'static [&'static str]),
    /// A number of acknowledgements, or `all`.
    Acks,
    /// Not to be set through a string.
    Dedicated,
}

/// One property.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Property {
    /// The property's name.
    pub(crate) name: &'static str,
    /// Which client it is for.
    pub(crate) scope: Scope,
    /// The values it takes.
    pub(crate) kind: Kind,
    /// Its default, if it has one.
    pub(crate) default: Option<&'static str>,
    /// The property this one is another name of.
    pub(crate) alias_of: Option<&'static str>,
    /// Whether the simulated client acts on it.
    pub(crate) honoured: bool,
}

const fn property(
    name: &'static str,
    scope: Scope,
    kind: Kind,
    default: Option<&'static str>,
    alias_of: Option<&'static str>,
    honoured: bool,
) -> Property {
    Property {
        name,
        scope,
        kind,
        default,
        alias_of,
        honoured,
    }
}

/// The property of this name.
pub(crate) fn find(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

/// Whether it is a topic's property: those stand last.
pub(crate) fn is_of_topic(property: &Property) -> bool {
    let mut of_topics = PROPERTIES
        .iter()
        .skip_while(|other| other.name != "request.required.acks");
    of_topics.any(|other| other.name == property.name)
}

use Kind::{Acks, Boolean, Checked, Choice, Dedicated, Flags, Float, Integer, Patterns, Text};
use Scope::{Both, Consumer, Producer};

/// The table, in the order of librdkafka's documentation.
#[rustfmt::skip]
pub(crate) const PROPERTIES: &[Property] = &[
    property("builtin.features", Both, Text, Some("gzip, snappy, ssl, sasl, regex, lz4, sasl_gssapi, sasl_plain, sasl_scram, plugins, zstd, sasl_oauthbearer, http, oidc"), None, false),
    property("client.id", Both, Text, Some("rdkafka"), None, true),
    property("metadata.broker.list", Both, Text, None, None, true),
    property("bootstrap.servers", Both, Text, None, Some("metadata.broker.list"), true),
    property("message.max.bytes", Both, Integer(1000, 1000000000), Some("1000000"), None, true),
    property("message.copy.max.bytes", Both, Integer(0, 1000000000), Some("65535"), None, false),
    property("receive.message.max.bytes", Both, Integer(1000, 2147483647), Some("100000000"), None, true),
    property("max.in.flight.requests.per.connection", Both, Integer(1, 1000000), Some("1000000"), None, true),
    property("max.in.flight", Both, Integer(1, 1000000), Some("1000000"), Some("max.in.flight.requests.per.connection"), true),
    property("metadata.recovery.strategy", Both, Choice(&["none", "rebootstrap"]), Some("rebootstrap"), None, false),
    property("metadata.recovery.rebootstrap.trigger.ms", Both, Integer(0, 2147483647), Some("300000"), None, false),
    property("topic.metadata.refresh.interval.ms", Both, Integer(-1, 3600000), Some("300000"), None, true),
    property("metadata.max.age.ms", Both, Integer(1, 86400000), Some("900000"), None, true),
    property("topic.metadata.refresh.fast.interval.ms", Both, Integer(1, 60000), Some("100"), None, true),
    property("topic.metadata.refresh.fast.cnt", Both, Integer(0, 1000), Some("10"), None, false),
    property("topic.metadata.refresh.sparse", Both, Boolean, Some("true"), None, false),
    property("topic.metadata.propagation.max.ms", Both, Integer(0, 3600000), Some("30000"), None, true),
    property("topic.blacklist", Both, Patterns, None, None, true),
    property("debug", Both, Flags(&["generic", "broker", "topic", "metadata", "feature", "queue", "msg", "protocol", "cgrp", "security", "fetch", "interceptor", "plugin", "consumer", "admin", "eos", "mock", "assignor", "conf", "telemetry", "all"]), None, None, false),
    property("socket.timeout.ms", Both, Integer(10, 300000), Some("60000"), None, true),
    property("socket.blocking.max.ms", Both, Integer(1, 60000), Some("1000"), None, false),
    property("socket.send.buffer.bytes", Both, Integer(0, 100000000), Some("0"), None, false),
    property("socket.receive.buffer.bytes", Both, Integer(0, 100000000), Some("0"), None, false),
    property("socket.keepalive.enable", Both, Boolean, Some("false"), None, false),
    property("socket.nagle.disable", Both, Boolean, Some("true"), None, false),
    property("socket.max.fails", Both, Integer(0, 1000000), Some("1"), None, false),
    property("broker.address.ttl", Both, Integer(0, 86400000), Some("1000"), None, false),
    property("broker.address.family", Both, Choice(&["any", "v4", "v6"]), Some("any"), None, false),
    property("socket.connection.setup.timeout.ms", Both, Integer(1000, 2147483647), Some("30000"), None, true),
    property("connections.max.idle.ms", Both, Integer(0, 2147483647), Some("0"), None, false),
    property("reconnect.backoff.jitter.ms", Both, Integer(0, 3600000), Some("0"), None, false),
    property("reconnect.backoff.ms", Both, Integer(0, 3600000), Some("100"), None, true),
    property("reconnect.backoff.max.ms", Both, Integer(0, 3600000), Some("10000"), None, true),
    property("statistics.interval.ms", Both, Integer(0, 86400000), Some("0"), None, true),
    property("enabled_events", Both, Integer(0, 2147483647), Some("0"), None, false),
    property("error_cb", Both, Dedicated, None, None, false),
    property("throttle_cb", Both, Dedicated, None, None, false),
    property("stats_cb", Both, Dedicated, None, None, false),
    property("log_cb", Both, Dedicated, None, None, false),
    property("log_level", Both, Integer(0, 7), Some("6"), None, true),
    property("log.queue", Both, Boolean, Some("false"), None, false),
    property("log.thread.name", Both, Boolean, Some("true"), None, false),
    property("enable.random.seed", Both, Boolean, Some("true"), None, false),
    property("log.connection.close", Both, Boolean, Some("true"), None, false),
    property("background_event_cb", Both, Dedicated, None, None, false),
    property("socket_cb", Both, Dedicated, None, None, false),
    property("connect_cb", Both, Dedicated, None, None, false),
    property("closesocket_cb", Both, Dedicated, None, None, false),
    property("open_cb", Both, Dedicated, None, None, false),
    property("resolve_cb", Both, Dedicated, None, None, false),
    property("opaque", Both, Dedicated, None, None, false),
    property("default_topic_conf", Both, Dedicated, None, None, false),
    property("internal.termination.signal", Both, Integer(0, 128), Some("0"), None, false),
    property("api.version.request", Both, Boolean, Some("true"), None, false),
    property("api.version.request.timeout.ms", Both, Integer(1, 300000), Some("10000"), None, false),
    property("api.version.fallback.ms", Both, Integer(0, 604800000), Some("0"), None, false),
    property("broker.version.fallback", Both, Text, Some("0.10.0"), None, false),
    property("allow.auto.create.topics", Both, Boolean, Some("false"), None, true),
    property("security.protocol", Both, Choice(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]), Some("plaintext"), None, false),
    property("ssl.cipher.suites", Both, Text, None, None, false),
    property("ssl.curves.list", Both, Text, None, None, false),
    property("ssl.sigalgs.list", Both, Text, None, None, false),
    property("ssl.key.location", Both, Text, None, None, false),
    property("ssl.key.password", Both, Text, None, None, false),
    property("ssl.key.pem", Both, Text, None, None, false),
    property("ssl_key", Both, Dedicated, None, None, false),
    property("ssl.certificate.location", Both, Text, None, None, false),
    property("ssl.certificate.pem", Both, Text, None, None, false),
    property("ssl_certificate", Both, Dedicated, None, None, false),
    property("ssl.ca.location", Both, Text, None, None, false),
    property("https.ca.location", Both, Text, None, None, false),
    property("https.ca.pem", Both, Text, None, None, false),
    property("ssl.ca.pem", Both, Text, None, None, false),
    property("ssl_ca", Both, Dedicated, None, None, false),
    property("ssl.ca.certificate.stores", Both, Text, Some("Root"), None, false),
    property("ssl.crl.location", Both, Text, None, None, false),
    property("ssl.keystore.location", Both, Text, None, None, false),
    property("ssl.keystore.password", Both, Text, None, None, false),
    property("ssl.providers", Both, Text, None, None, false),
    property("ssl.engine.location", Both, Text, None, None, false),
    property("ssl.engine.id", Both, Text, Some("dynamic"), None, false),
    property("ssl_engine_callback_data", Both, Dedicated, None, None, false),
    property("enable.ssl.certificate.verification", Both, Boolean, Some("true"), None, false),
    property("ssl.endpoint.identification.algorithm", Both, Choice(&["none", "https"]), Some("https"), None, false),
    property("ssl.certificate.verify_cb", Both, Dedicated, None, None, false),
    property("sasl.mechanisms", Both, Text, Some("GSSAPI"), None, false),
    property("sasl.mechanism", Both, Text, Some("GSSAPI"), Some("sasl.mechanisms"), false),
    property("sasl.kerberos.service.name", Both, Text, Some("kafka"), None, false),
    property("sasl.kerberos.principal", Both, Text, Some("kafkaclient"), None, false),
    property("sasl.kerberos.kinit.cmd", Both, Text, None, None, false),
    property("sasl.kerberos.keytab", Both, Text, None, None, false),
    property("sasl.kerberos.min.time.before.relogin", Both, Integer(0, 86400000), Some("60000"), None, false),
    property("sasl.username", Both, Text, None, None, false),
    property("sasl.password", Both, Text, None, None, false),
    property("sasl.oauthbearer.config", Both, Text, None, None, false),
    property("enable.sasl.oauthbearer.unsecure.jwt", Both, Boolean, Some("false"), None, false),
    property("oauthbearer_token_refresh_cb", Both, Dedicated, None, None, false),
    property("sasl.oauthbearer.method", Both, Choice(&["default", "oidc"]), Some("default"), None, false),
    property("sasl.oauthbearer.client.id", Both, Text, None, None, false),
    property("sasl.oauthbearer.client.credentials.client.id", Both, Text, None, Some("sasl.oauthbearer.client.id"), false),
    property("sasl.oauthbearer.client.credentials.client.secret", Both, Text, None, Some("sasl.oauthbearer.client.secret"), false),
    property("sasl.oauthbearer.client.secret", Both, Text, None, None, false),
    property("sasl.oauthbearer.scope", Both, Text, None, None, false),
    property("sasl.oauthbearer.extensions", Both, Text, None, None, false),
    property("sasl.oauthbearer.token.endpoint.url", Both, Text, None, None, false),
    property("sasl.oauthbearer.grant.type", Both, Choice(&["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"]), Some("client_credentials"), None, false),
    property("sasl.oauthbearer.assertion.algorithm", Both, Choice(&["RS256", "ES256"]), Some("RS256"), None, false),
    property("sasl.oauthbearer.assertion.private.key.file", Both, Text, None, None, false),
    property("sasl.oauthbearer.assertion.private.key.passphrase", Both, Text, None, None, false),
    property("sasl.oauthbearer.assertion.private.key.pem", Both, Text, None, None, false),
    property("sasl.oauthbearer.assertion.file", Both, Text, None, None, false),
    property("sasl.oauthbearer.assertion.claim.aud", Both, Text, None, None, false),
    property("sasl.oauthbearer.assertion.claim.exp.seconds", Both, Integer(1, 2147483647), Some("300"), None, false),
    property("sasl.oauthbearer.assertion.claim.iss", Both, Text, None, None, false),
    property("sasl.oauthbearer.assertion.claim.jti.include", Both, Boolean, Some("false"), None, false),
    property("sasl.oauthbearer.assertion.claim.nbf.seconds", Both, Integer(0, 2147483647), Some("60"), None, false),
    property("sasl.oauthbearer.assertion.claim.sub", Both, Text, None, None, false),
    property("sasl.oauthbearer.assertion.jwt.template.file", Both, Text, None, None, false),
    property("sasl.oauthbearer.metadata.authentication.type", Both, Choice(&["none", "azure_imds"]), Some("none"), None, false),
    property("plugin.library.paths", Both, Text, None, None, false),
    property("interceptors", Both, Dedicated, None, None, false),
    property("group.id", Consumer, Text, None, None, true),
    property("group.instance.id", Consumer, Text, None, None, true),
    property("partition.assignment.strategy", Consumer, Text, Some("range,roundrobin"), None, true),
    property("session.timeout.ms", Consumer, Integer(1, 3600000), Some("45000"), None, true),
    property("heartbeat.interval.ms", Consumer, Integer(1, 3600000), Some("3000"), None, true),
    property("group.protocol.type", Consumer, Text, Some("consumer"), None, true),
    property("group.protocol", Consumer, Choice(&["classic", "consumer"]), Some("classic"), None, true),
    property("group.remote.assignor", Consumer, Text, None, None, false),
    property("coordinator.query.interval.ms", Consumer, Integer(1, 3600000), Some("600000"), None, true),
    property("max.poll.interval.ms", Consumer, Integer(1, 86400000), Some("300000"), None, true),
    property("enable.auto.commit", Consumer, Boolean, Some("true"), None, true),
    property("auto.commit.interval.ms", Consumer, Integer(0, 86400000), Some("5000"), None, true),
    property("enable.auto.offset.store", Consumer, Boolean, Some("true"), None, true),
    property("queued.min.messages", Consumer, Integer(1, 10000000), Some("100000"), None, true),
    property("queued.max.messages.kbytes", Consumer, Integer(1, 2097151), Some("65536"), None, true),
    property("fetch.wait.max.ms", Consumer, Integer(0, 300000), Some("500"), None, true),
    property("fetch.queue.backoff.ms", Consumer, Integer(0, 300000), Some("1000"), None, true),
    property("fetch.message.max.bytes", Consumer, Integer(1, 1000000000), Some("1048576"), None, true),
    property("max.partition.fetch.bytes", Consumer, Integer(1, 1000000000), Some("1048576"), Some("fetch.message.max.bytes"), true),
    property("fetch.max.bytes", Consumer, Integer(0, 2147483135), Some("52428800"), None, true),
    property("fetch.min.bytes", Consumer, Integer(1, 100000000), Some("1"), None, true),
    property("fetch.error.backoff.ms", Consumer, Integer(0, 300000), Some("500"), None, true),
    property("offset.store.method", Consumer, Choice(&["none", "file", "broker"]), Some("broker"), None, false),
    property("isolation.level", Consumer, Choice(&["read_uncommitted", "read_committed"]), Some("read_committed"), None, true),
    property("consume_cb", Consumer, Dedicated, None, None, false),
    property("rebalance_cb", Consumer, Dedicated, None, None, false),
    property("offset_commit_cb", Consumer, Dedicated, None, None, false),
    property("enable.partition.eof", Consumer, Boolean, Some("false"), None, true),
    property("check.crcs", Consumer, Boolean, Some("false"), None, false),
    property("client.rack", Both, Text, None, None, true),
    property("transactional.id", Producer, Text, None, None, true),
    property("transaction.timeout.ms", Producer, Integer(1000, 2147483647), Some("60000"), None, true),
    property("enable.idempotence", Producer, Boolean, Some("false"), None, true),
    property("enable.gapless.guarantee", Producer, Boolean, Some("false"), None, true),
    property("queue.buffering.max.messages", Producer, Integer(0, 2147483647), Some("100000"), None, true),
    property("queue.buffering.max.kbytes", Producer, Integer(1, 2147483647), Some("1048576"), None, true),
    property("queue.buffering.max.ms", Producer, Float(0.0, 900000.0), Some("5"), None, true),
    property("linger.ms", Producer, Float(0.0, 900000.0), Some("5"), Some("queue.buffering.max.ms"), true),
    property("message.send.max.retries", Producer, Integer(0, 2147483647), Some("2147483647"), None, true),
    property("retries", Producer, Integer(0, 2147483647), Some("2147483647"), Some("message.send.max.retries"), true),
    property("retry.backoff.ms", Both, Integer(1, 300000), Some("100"), None, true),
    property("retry.backoff.max.ms", Both, Integer(1, 300000), Some("1000"), None, true),
    property("queue.buffering.backpressure.threshold", Producer, Integer(1, 1000000), Some("1"), None, false),
    property("compression.codec", Producer, Choice(&["none", "gzip", "snappy", "lz4", "zstd"]), Some("none"), None, false),
    property("compression.type", Producer, Choice(&["none", "gzip", "snappy", "lz4", "zstd"]), Some("none"), Some("compression.codec"), false),
    property("batch.num.messages", Producer, Integer(1, 1000000), Some("10000"), None, true),
    property("batch.size", Producer, Integer(1, 2147483647), Some("1000000"), None, true),
    property("delivery.report.only.error", Producer, Boolean, Some("false"), None, true),
    property("dr_cb", Producer, Dedicated, None, None, false),
    property("dr_msg_cb", Producer, Dedicated, None, None, false),
    property("sticky.partitioning.linger.ms", Producer, Integer(0, 900000), Some("10"), None, true),
    property("client.dns.lookup", Both, Choice(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]), Some("use_all_dns_ips"), None, false),
    property("enable.metrics.push", Both, Boolean, Some("true"), None, false),
    property("request.required.acks", Producer, Acks, Some("-1"), None, true),
    property("acks", Producer, Acks, Some("-1"), Some("request.required.acks"), true),
    property("request.timeout.ms", Producer, Integer(1, 900000), Some("30000"), None, true),
    property("message.timeout.ms", Producer, Integer(0, 2147483647), Some("300000"), None, true),
    property("delivery.timeout.ms", Producer, Integer(0, 2147483647), Some("300000"), Some("message.timeout.ms"), true),
    property("queuing.strategy", Producer, Choice(&["fifo", "lifo"]), Some("fifo"), None, false),
    property("produce.offset.report", Producer, Boolean, Some("false"), None, false),
    property("partitioner", Producer, Checked(&["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"]), Some("consistent_random"), None, true),
    property("partitioner_cb", Producer, Dedicated, None, None, false),
    property("msg_order_cmp", Producer, Dedicated, None, None, false),
    property("compression.level", Producer, Integer(-1, 12), Some("-1"), None, false),
    property("auto.commit.enable", Consumer, Boolean, Some("true"), None, false),
    property("auto.offset.reset", Consumer, Choice(&["smallest", "earliest", "beginning", "largest", "latest", "end", "error"]), Some("largest"), None, true),
    property("offset.store.path", Consumer, Text, Some("."), None, false),
    property("offset.store.sync.interval.ms", Consumer, Integer(-1, 86400000), Some("-1"), None, false),
    property("consume.callback.max.messages", Consumer, Integer(0, 1000000), Some("0"), None, false),
];
