//! Sending, and counting exactly what arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::clock;
use crate::field_path::{Extractor, FieldPath};
use crate::send::disorder::{Disorder, DisorderRates, Kind, Outgoing};
use crate::send::source::{Lines, SourceError};

/// What to send, and how.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// Where the key stands in a record; without it, records have no key.
    pub key: Option<FieldPath>,
    /// What goes wrong on the way.
    pub rates: DisorderRates,
    /// What decides when it goes wrong.
    pub seed: u64,
    /// How long an acknowledgement may take.
    pub timeout: Duration,
    /// librdkafka's properties, over ours.
    pub kafka: Vec<(String, String)>,
}

/// What was sent. `acknowledged + failed` is everything sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records read from the source.
    pub records: u64,
    /// Of these, later than their place.
    pub out_of_order: u64,
    /// Of these, without the key.
    pub without_key: u64,
    /// Copies besides.
    pub duplicates: u64,
    /// Broken copies besides.
    pub malformed: u64,
    /// Everything given to the client.
    pub sent: u64,
    /// What brokers acknowledged.
    pub acknowledged: u64,
    /// What they did not.
    pub failed: u64,
}

/// Why sending ended early. What was sent until then is in [`Counts`].
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The client refused its properties.
    #[error("kafka client refused its configuration: {0}")]
    Client(KafkaError),
    /// The source is bad.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The client takes no more.
    #[error("sending to `{topic}` failed: {reason}")]
    Kafka {
        /// Which topic.
        topic: String,
        /// Why.
        reason: KafkaError,
    },
    /// The topic could not be created.
    #[error("topic `{topic}` can't be created: {reason}")]
    Create {
        /// Which topic.
        topic: String,
        /// Why.
        reason: String,
    },
}

/// Counts delivery reports.
#[derive(Debug, Default)]
struct Reports {
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

#[derive(Clone)]
struct Context(Arc<Reports>);

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka client error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = match result {
            Ok(_) => &self.0.acknowledged,
            Err((error, _)) => {
                tracing::debug!(%error, "not acknowledged");
                &self.0.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Creates a topic with the broker's default replication factor.
///
/// # Errors
/// If it can't be created; one that is there already is left as it is.
pub fn create_topic(options: &SendOptions, partitions: i32) -> Result<(), SendError> {
    let topic = &options.topic;
    let failed = |reason: String| SendError::Create {
        topic: topic.clone(),
        reason,
    };
    let admin: AdminClient<DefaultClientContext> =
        client(options).create().map_err(SendError::Client)?;
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
    let how = AdminOptions::new()
        .request_timeout(Some(options.timeout))
        .operation_timeout(Some(options.timeout));
    let created = futures::executor::block_on(admin.create_topics([&new], &how))
        .map_err(|error| failed(error.to_string()))?;
    match created.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists)) | Ok(_)) => Ok(()),
        Some(Err((_, code))) => Err(failed(code.to_string())),
        None => Err(failed("the broker did not answer for it".to_owned())),
    }
}

fn client(options: &SendOptions) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &options.brokers);
    client.set("client.id", "pipeline-send");
    client.extend(options.kafka.iter().cloned());
    client
}

/// Sends every record of `lines`. `counts` is right whatever happens.
///
/// One request is in flight per broker, so that a retry can't change the order.
///
/// # Errors
/// See [`SendError`].
pub fn send(
    options: &SendOptions,
    lines: &mut Lines,
    counts: &mut Counts,
    mut progress: impl FnMut(&Lines, &Counts),
) -> Result<(), SendError> {
    let reports = Arc::new(Reports::default());
    let mut config = client(options);
    for (key, value) in [
        ("acks", "all".to_owned()),
        ("max.in.flight.requests.per.connection", "1".to_owned()),
        (
            "message.timeout.ms",
            options.timeout.as_millis().to_string(),
        ),
    ] {
        if config.get(key).is_none() {
            config.set(key, value);
        }
    }
    let producer: BaseProducer<Context> = config
        .create_with_context(Context(Arc::clone(&reports)))
        .map_err(SendError::Client)?;
    let mut sender = Sender {
        options,
        producer,
        key: options.key.as_ref().map(|path| {
            // One path can't overlap with itself.
            Extractor::new(&[Some(path.clone())]).expect("one path does not overlap")
        }),
        disorder: Disorder::new(options.rates, options.seed),
        out: Vec::new(),
    };
    let sent = sender.send_all(lines, counts, &reports, &mut progress);
    // What was given to the client is answered for, also if the source broke off.
    let started = clock::monotonic();
    let bound = options.timeout + Duration::from_secs(5);
    while sender.producer.in_flight_count() > 0 && started.elapsed() < bound {
        sender.producer.poll(Duration::from_millis(100));
        reports.count_into(counts);
        progress(lines, counts);
    }
    reports.count_into(counts);
    counts.failed = counts.sent - counts.acknowledged;
    sent
}

impl Reports {
    fn count_into(&self, counts: &mut Counts) {
        counts.acknowledged = self.acknowledged.load(Ordering::Relaxed);
        counts.failed = self.failed.load(Ordering::Relaxed);
    }
}

struct Sender<'o> {
    options: &'o SendOptions,
    producer: BaseProducer<Context>,
    key: Option<Extractor>,
    disorder: Disorder,
    out: Vec<Outgoing>,
}

impl Sender<'_> {
    fn send_all(
        &mut self,
        lines: &mut Lines,
        counts: &mut Counts,
        reports: &Reports,
        progress: &mut impl FnMut(&Lines, &Counts),
    ) -> Result<(), SendError> {
        let ended = loop {
            let payload = match lines.next_record() {
                Ok(Some(payload)) => payload,
                Ok(None) => break Ok(()),
                // What was read is sent, what is delayed included.
                Err(error) => break Err(error.into()),
            };
            let key = self.key(&payload);
            counts.records += 1;
            if self.key.is_some() && key.is_none() {
                counts.without_key += 1;
            }
            self.disorder.take(key, payload, &mut self.out);
            self.give_out(counts)?;
            if counts.records.is_multiple_of(1_000) {
                reports.count_into(counts);
                progress(lines, counts);
            }
        };
        self.disorder.finish(&mut self.out);
        self.give_out(counts)?;
        ended
    }

    /// Text keys without their quotation marks, anything else as it is written.
    fn key(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let raw = self.key.as_ref()?.extract(payload).ok()?[0]?;
        match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(raw)
                .ok()
                .map(String::into_bytes),
            _ if raw == "null" => None,
            _ => Some(raw.as_bytes().to_vec()),
        }
    }

    fn give_out(&mut self, counts: &mut Counts) -> Result<(), SendError> {
        for outgoing in self.out.drain(..) {
            give(&self.producer, &self.options.topic, &outgoing)?;
            counts.sent += 1;
            match outgoing.kind {
                Kind::InOrder => {}
                Kind::OutOfOrder => counts.out_of_order += 1,
                Kind::Duplicate => counts.duplicates += 1,
                Kind::Malformed => counts.malformed += 1,
            }
            if counts.sent.is_multiple_of(256) {
                self.producer.poll(Duration::ZERO);
            }
        }
        Ok(())
    }
}

fn give(
    producer: &BaseProducer<Context>,
    topic: &str,
    outgoing: &Outgoing,
) -> Result<(), SendError> {
    loop {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(&outgoing.payload);
        if let Some(key) = &outgoing.key {
            record = record.key(key);
        }
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(20));
            }
            Err((reason, _)) => {
                return Err(SendError::Kafka {
                    topic: topic.to_owned(),
                    reason,
                });
            }
        }
    }
}
