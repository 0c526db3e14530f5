//! What a case works with: clients, topics of its own, and a transcript.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::case::Case;
use crate::recorder::{self, Recorder};
use crate::way::Surroundings;

/// Far longer than anything should take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a poll waits.
pub const POLL: Duration = Duration::from_millis(100);

/// A consumer whose callbacks are noted.
pub type Reader = BaseConsumer<Recorder>;
/// A producer whose delivery reports are noted.
pub type Writer = BaseProducer<Recorder>;

/// What a running case has.
pub struct Bench<'a> {
    surroundings: &'a dyn Surroundings,
    /// Before every name, so that cases can share a cluster.
    prefix: String,
    lines: RefCell<Vec<String>>,
    clients: Cell<u32>,
}

impl<'a> Bench<'a> {
    /// For this case, as it runs for the so manieth time.
    #[must_use]
    pub fn new(surroundings: &'a dyn Surroundings, case: &Case, attempt: u32) -> Self {
        Self {
            surroundings,
            prefix: format!("{}.{}.{attempt}.", case.heading, case.name),
            lines: RefCell::default(),
            clients: Cell::new(0),
        }
    }

    /// What the case noted.
    #[must_use]
    pub fn into_transcript(self) -> String {
        let mut text = self.lines.into_inner().join("\n").replace(&self.prefix, "");
        text.push('\n');
        text
    }

    /// Notes what the case saw.
    pub fn note(&self, line: impl Into<String>) {
        self.lines.borrow_mut().push(line.into());
    }

    /// Notes how a call ended.
    pub fn note_result<T>(&self, what: &str, result: &KafkaResult<T>) {
        self.note(format!("{what}: {}", recorder::shown(result)));
    }

    /// Notes a list of offsets, or why there is none.
    pub fn note_offsets(&self, what: &str, result: &KafkaResult<TopicPartitionList>) {
        self.note(match result {
            Ok(list) => format!("{what}: [{}]", recorder::offsets_of(list)),
            Err(error) => format!("{what}: {error:?}"),
        });
    }

    /// Notes the callbacks of a client since the last time.
    pub fn note_callbacks(&self, who: &str, recorder: &Recorder) {
        for line in recorder.take() {
            self.note(format!("{who}: {line}"));
        }
    }

    /// A name that no other case uses.
    #[must_use]
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.surroundings.now()
    }

    /// Lets time pass.
    pub fn sleep(&self, duration: Duration) {
        self.surroundings.sleep(duration);
    }

    /// Waits for a future.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let slot = RefCell::new(None);
        self.surroundings.block_on(Box::pin(async {
            *slot.borrow_mut() = Some(future.await);
        }));
        let Some(output) = slot.into_inner() else {
            unreachable!("the future was waited for");
        };
        output
    }

    /// A configuration with these properties; brokers and impatience are set.
    #[must_use]
    pub fn config(&self, properties: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.surroundings.bootstrap_servers())
            .set("topic.metadata.refresh.fast.interval.ms", "50")
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "100");
        for (key, value) in properties {
            config.set(*key, *value);
        }
        config
    }

    /// A consumer of the group, from the log's start, without automatic commits unless asked for.
    ///
    /// # Panics
    /// If the properties are refused.
    #[must_use]
    pub fn reader(&self, group: &str, properties: &[(&str, &str)]) -> Reader {
        let classic = [
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "100"),
        ];
        self.consumer(group, &[&classic, properties].concat())
    }

    /// The same with `group.protocol=consumer`.
    ///
    /// # Panics
    /// If the properties are refused.
    #[must_use]
    pub fn member(&self, group: &str, properties: &[(&str, &str)]) -> Reader {
        self.consumer(
            group,
            &[&[("group.protocol", "consumer")], properties].concat(),
        )
    }

    fn consumer(&self, group: &str, properties: &[(&str, &str)]) -> Reader {
        let client = self.clients.get();
        self.clients.set(client + 1);
        let mut config = self.config(&[
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("fetch.queue.backoff.ms", "5"),
        ]);
        // Assignors order members by their ids, which begin with the client's.
        config
            .set("group.id", self.name(group))
            .set("client.id", format!("client-{client}"));
        for (key, value) in properties {
            config.set(*key, *value);
        }
        config
            .create_with_context(Recorder::default())
            .unwrap_or_else(|error| panic!("the consumer's properties are refused: {error}"))
    }

    /// A producer.
    ///
    /// # Panics
    /// If the properties are refused.
    #[must_use]
    pub fn writer(&self, properties: &[(&str, &str)]) -> Writer {
        self.config(properties)
            .create_with_context(Recorder::default())
            .unwrap_or_else(|error| panic!("the producer's properties are refused: {error}"))
    }

    /// An administrator.
    ///
    /// # Panics
    /// If it can't be made.
    #[must_use]
    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config(&[])
            .create()
            .unwrap_or_else(|error| panic!("no administrator: {error}"))
    }

    /// Creates a topic of the case, with Kafka's defaults, and returns its full name.
    pub fn topic(&self, name: &str, partitions: i32) -> String {
        self.topic_with(name, partitions, &[])
    }

    /// Creates a topic of the case with these settings, and waits until its leaders are known.
    ///
    /// # Panics
    /// If it can't be created.
    pub fn topic_with(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> String {
        let admin = self.admin();
        let name = self.name(name);
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let created = self.wait(admin.create_topics([&topic], &AdminOptions::new()));
        match created.as_deref() {
            Ok([Ok(_)]) => {}
            other => panic!("topic {name} was not created: {other:?}"),
        }
        self.until("the topic's leaders are known", || {
            let metadata = admin.inner().fetch_metadata(Some(&name), PATIENCE).ok()?;
            let partitions_known = metadata.topics().first()?.partitions();
            let led = partitions_known.iter().all(|p| p.leader() > 0);
            (led && partitions_known.len() == partitions as usize).then_some(())
        });
        name
    }

    /// Sends payloads to a partition and waits for their delivery reports.
    ///
    /// # Panics
    /// If one is not delivered.
    pub fn fill(&self, topic: &str, partition: i32, payloads: impl IntoIterator<Item = String>) {
        let writer = self.writer(&[("linger.ms", "0")]);
        for payload in payloads {
            let record = BaseRecord::<str, str>::to(topic)
                .partition(partition)
                .payload(&payload);
            if let Err((error, _)) = writer.send(record) {
                panic!("{payload} was refused: {error}");
            }
        }
        if let Err(error) = writer.flush(PATIENCE) {
            panic!("{topic}-{partition} was not filled: {error}");
        }
        let reports = writer.context().take();
        let failed = reports.iter().find(|line| !line.starts_with("delivered"));
        assert_eq!(failed, None, "{topic}-{partition} was not filled");
    }

    /// Asks again and again until there is an answer.
    ///
    /// # Panics
    /// If there is none for very long.
    pub fn until<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let deadline = self.now() + PATIENCE;
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(self.now() < deadline, "not in time: {what}");
            self.sleep(Duration::from_millis(20));
        }
    }

    /// Polls the consumers in turn until each of them has that many partitions.
    ///
    /// # Panics
    /// If that does not happen, or a poll gives an error.
    pub fn settle(&self, readers: &[(&Reader, usize)]) {
        self.until("the group settles", || {
            let mut settled = true;
            for (reader, count) in readers {
                if let Some(Err(error)) = reader.poll(POLL) {
                    panic!("a poll failed while the group settled: {error:?}");
                }
                settled &= reader.assignment().is_ok_and(|list| list.count() == *count);
            }
            settled.then_some(())
        });
    }

    /// Polls the consumers in turn for a while: whoever has what it should may still be told of
    /// a rebalance that changes nothing for it.
    pub fn rest(&self, readers: &[&Reader]) {
        let end = self.now() + Duration::from_millis(1500);
        while self.now() < end {
            for reader in readers {
                if let Some(Err(error)) = reader.poll(POLL) {
                    panic!("a poll failed while the group rested: {error:?}");
                }
            }
        }
    }

    /// Polls the consumer until it has given that many messages or errors, and notes them.
    ///
    /// # Panics
    /// If they don't come.
    pub fn note_next(&self, who: &str, reader: &Reader, count: usize) {
        for _ in 0..count {
            let line = self.until("the next message", || match reader.poll(POLL)? {
                Ok(message) => Some(format!(
                    "{}@{} {}",
                    message.partition(),
                    message.offset(),
                    recorder::payload(&message)
                )),
                Err(error) => Some(format!("{error:?}")),
            });
            self.note(format!("{who}: {line}"));
        }
    }

    /// Polls the consumer of one partition until it stands there, and notes what comes.
    ///
    /// # Panics
    /// If it does not get there.
    pub fn note_until_position(&self, who: &str, reader: &Reader, end: i64) {
        self.until("the position", || {
            let position = reader.position().ok()?;
            let reached = position.elements().first()?.offset() == Offset::Offset(end);
            if end == 0 || reached {
                return Some(());
            }
            self.note_polls(who, reader, POLL);
            None
        });
    }

    /// Polls the consumer for a while and notes what came, sorted: partitions come in any order.
    pub fn note_sorted(&self, who: &str, reader: &Reader, duration: Duration) {
        let begin = self.lines.borrow().len();
        self.note_polls(who, reader, duration);
        self.lines.borrow_mut()[begin..].sort_unstable();
    }

    /// Polls the consumer for a while and notes what comes, if anything.
    pub fn note_polls(&self, who: &str, reader: &Reader, duration: Duration) {
        let end = self.now() + duration;
        while self.now() < end {
            match reader.poll(POLL) {
                Some(Ok(message)) => self.note(format!(
                    "{who}: {}@{} {}",
                    message.partition(),
                    message.offset(),
                    recorder::payload(&message)
                )),
                Some(Err(error)) => self.note(format!("{who}: {error:?}")),
                None => {}
            }
        }
    }
}

/// Positions of a topic.
///
/// # Panics
/// If an offset can't be set, which rdkafka allows for every one of these.
#[must_use]
pub fn positions(topic: &str, positions: &[(i32, Offset)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in positions {
        if let Err(error) = list.add_partition_offset(topic, *partition, *offset) {
            panic!("{topic}-{partition} {offset:?}: {error}");
        }
    }
    list
}

/// `0`, `1`, ... as text.
pub fn numbers(range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    range.map(|number| number.to_string())
}
