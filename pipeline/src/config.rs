//! The configuration of a pipeline: a strict TOML file, or this struct.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;

use crate::config_error::{ConfigError, Fault, suggestion};
use crate::config_reader::Table;
use crate::field_path::FieldPath;
use crate::group_protocol::{GROUP_PROTOCOL, GroupProtocol};
use crate::registry::{self, Definition};

/// Everything a worker needs to know. All workers of a group share it, but for `worker`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// The topics to read.
    pub topics: Vec<String>,
    /// `group.id`.
    pub group: String,
    /// The name of this worker in audit rows and `client.id`; workers should differ.
    pub worker: String,
    /// `name@version` of the processor; also the name of the result set.
    pub processor: String,
    /// Where the processor's fields stand in a payload. A field without a path is null.
    pub fields: BTreeMap<String, FieldPath>,
    /// Where a partition begins that the sink has never seen.
    pub start: Start,
    /// The SQLite file that holds results, `seen`, quarantine, offsets and audit.
    pub sqlite: PathBuf,
    /// When a batch is full.
    pub batch: BatchLimits,
    /// For how long, in broker time, a message id is remembered after it was last seen. A
    /// duplicate that comes later counts as a new message, so this must be longer than anything
    /// is ever redelivered: the topic's retention is a good measure.
    pub seen_horizon: Duration,
    /// How long things may take.
    pub limits: Limits,
    /// Where alerts are posted, besides the log.
    pub webhook: Option<String>,
    /// librdkafka's properties, over our defaults ([`KAFKA_DEFAULTS`]).
    pub kafka: BTreeMap<String, String>,
}

/// Where a partition begins that the sink has never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record there is.
    Earliest,
    /// After the newest record there is.
    Latest,
}

/// When a batch is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Records at most.
    pub records_max: usize,
    /// Time at most between a batch's first record and its sink commit.
    pub linger: Duration,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Finishing a batch when its partitions are revoked, or at the end; then it is dropped, which
    /// fencing makes safe. Well below librdkafka's `max.poll.interval.ms`.
    pub drain: Duration,
    /// Waiting for a broker that does not answer, or a topic that is not there, at the start.
    pub broker_wait: Duration,
    /// Waiting for a sink that is locked by others. Well below `max.poll.interval.ms`.
    pub sink_wait: Duration,
    /// Between two advisory offset commits.
    pub offset_commit_interval: Duration,
    /// How old the oldest unprocessed record may be before there is an alert.
    pub lag: Duration,
    /// Between two looks at how far the log goes on.
    pub lag_interval: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            records_max: 500,
            linger: Duration::from_millis(200),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(5),
            broker_wait: Duration::from_secs(30),
            sink_wait: Duration::from_secs(60),
            offset_commit_interval: Duration::from_secs(1),
            lag: Duration::from_secs(300),
            lag_interval: Duration::from_secs(10),
        }
    }
}

/// How long a message id is remembered if the configuration says nothing: Kafka's default retention.
pub const SEEN_HORIZON_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3600);

/// librdkafka's properties where its own defaults are not the right ones here.
///
/// - `partition.assignment.strategy`: what a member keeps, it goes on reading during a rebalance.
///   Not with `group.protocol=consumer`, which is so by itself.
/// - `fetch.queue.backoff.ms`: librdkafka's 1,000 leaves a fast consumer idle when its queue was
///   full a moment ago; 5 nearly triples the throughput of a single loop.
pub const KAFKA_DEFAULTS: &[(&str, &str)] = &[
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("fetch.queue.backoff.ms", "5"),
];

/// librdkafka's properties that the pipeline's guarantees hang on, and what to use instead.
const KAFKA_OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "use `brokers`"),
    ("metadata.broker.list", "use `brokers`"),
    ("group.id", "use `group`"),
    ("client.id", "use `worker`"),
    (
        "auto.offset.reset",
        "use `start`; a position out of range is never reset silently",
    ),
    (
        "enable.auto.commit",
        "offsets are committed after the sink has them",
    ),
    (
        "auto.commit.enable",
        "offsets are committed after the sink has them",
    ),
    (
        "enable.auto.offset.store",
        "offsets are committed after the sink has them",
    ),
    ("enable.partition.eof", "the worker does not use it"),
];

impl Config {
    /// A configuration with defaults for all but the essentials.
    #[must_use]
    pub fn new(
        brokers: impl Into<String>,
        topics: impl IntoIterator<Item = String>,
        group: impl Into<String>,
        processor: impl Into<String>,
        fields: BTreeMap<String, FieldPath>,
        sqlite: impl Into<PathBuf>,
    ) -> Self {
        Self {
            brokers: brokers.into(),
            topics: topics.into_iter().collect(),
            group: group.into(),
            worker: "worker".to_owned(),
            processor: processor.into(),
            fields,
            start: Start::Earliest,
            sqlite: sqlite.into(),
            batch: BatchLimits::default(),
            seen_horizon: SEEN_HORIZON_DEFAULT,
            limits: Limits::default(),
            webhook: None,
            kafka: BTreeMap::new(),
        }
    }

    /// Reads a configuration from TOML; `name` is what errors call the file.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Box<ConfigError>> {
        read(text).map_err(|fault| Box::new(fault.in_file(name, text)))
    }

    /// The properties of the group's consumer, in the order in which they are set.
    #[must_use]
    pub fn consumer_properties(&self) -> BTreeMap<String, String> {
        let protocol = GroupProtocol::of(&self.kafka);
        let mut properties: BTreeMap<String, String> = KAFKA_DEFAULTS
            .iter()
            .filter(|(key, _)| protocol.instead_of(key).is_none())
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        properties.extend(self.kafka.clone());
        for (key, value) in [
            ("bootstrap.servers", self.brokers.as_str()),
            ("group.id", &self.group),
            ("client.id", &self.worker),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
        ] {
            properties.insert(key.to_owned(), value.to_owned());
        }
        properties
    }

    /// The properties of a client outside the group: those that say how to reach the brokers.
    #[must_use]
    pub fn client_properties(&self) -> BTreeMap<String, String> {
        const HOW_TO_REACH: &[&str] = &["security.", "sasl.", "ssl.", "socket.", "broker."];
        let mut properties: BTreeMap<String, String> = self
            .kafka
            .iter()
            .filter(|(key, _)| HOW_TO_REACH.iter().any(|prefix| key.starts_with(prefix)))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        properties.insert("bootstrap.servers".to_owned(), self.brokers.clone());
        properties.insert("client.id".to_owned(), self.worker.clone());
        properties
    }

    /// What makes two configurations write the same result set, as stored with it.
    #[must_use]
    pub fn definition_text(&self) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|(field, path)| format!("{field}={:?}", path.as_keys()))
            .collect();
        format!("{} {}", self.processor, fields.join(" "))
    }
}

const TOP: &[&str] = &[
    "brokers",
    "topics",
    "group",
    "worker",
    "processor",
    "start",
    "fields",
    "sink",
    "batch",
    "seen",
    "limits",
    "alert",
    "kafka",
];

/// The keys of each table whose keys are the same for every processor.
const TABLES: &[(&str, &[&str])] = &[
    ("sink", &["sqlite"]),
    ("batch", &["records_max", "linger_ms"]),
    ("seen", &["horizon_hours"]),
    (
        "limits",
        &[
            "drain_ms_max",
            "broker_wait_ms_max",
            "sink_wait_ms_max",
            "offset_commit_interval_ms",
            "lag_ms_max",
            "lag_interval_ms",
        ],
    ),
    ("alert", &["webhook"]),
];

fn read(text: &str) -> Result<Config, Fault> {
    let document = DeTable::parse(text).map_err(|error| broken(&error))?;
    let top = Table::strict(document.get_ref(), TOP)?;
    // A key that is not known is likelier the fault than one that is missing.
    for (name, known) in TABLES {
        if let Some(entry) = top.get(name) {
            Table::strict(entry.table()?, known)?;
        }
    }

    let definition = read_processor(&top)?;
    let sink = top
        .require("sink", "[sink]\nsqlite = \"results.db\"")?
        .table()?;
    let sink = Table::open(sink);
    let sqlite = sink.require("sqlite", "sqlite = \"results.db\"")?.text()?;

    let mut config = Config::new(
        top.require("brokers", "brokers = \"localhost:9092\"")?
            .texts()?
            .join(","),
        top.require("topics", "topics = [\"trades\"]")?
            .texts()?
            .into_iter()
            .map(str::to_owned),
        top.require("group", "group = \"trades\"")?.text()?,
        definition.name,
        read_fields(&top, definition)?,
        sqlite,
    );
    if let Some(worker) = top.get("worker") {
        worker.text()?.clone_into(&mut config.worker);
    }
    if let Some(start) = top.get("start") {
        config.start = match start.text()? {
            "earliest" => Start::Earliest,
            "latest" => Start::Latest,
            _ => return Err(start.fault("`start` is neither", "`earliest` or `latest`")),
        };
    }
    read_batch(&top, &mut config)?;
    read_limits(&top, &mut config)?;
    config.webhook = read_webhook(&top)?;
    config.kafka = read_kafka(&top)?;
    Ok(config)
}

fn broken(error: &toml::de::Error) -> Fault {
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let place = error.span().unwrap_or(0..0);
    // What is missing has no width: point at what it is missing after.
    let place = place.start.saturating_sub(usize::from(place.is_empty()))..place.end;
    Fault::at(place, format!("broken TOML: {message}"), "here")
}

fn read_processor(top: &Table<'_>) -> Result<&'static Definition, Fault> {
    let entry = top.require("processor", "processor = \"trades@1\"")?;
    let name = entry.text()?;
    let known: Vec<&str> = registry::DEFINITIONS
        .iter()
        .map(|definition| definition.name)
        .collect();
    registry::find(name).ok_or_else(|| {
        entry.fault(
            format!("unknown processor `{name}`"),
            suggestion(name, &known),
        )
    })
}

fn read_fields(
    top: &Table<'_>,
    definition: &Definition,
) -> Result<BTreeMap<String, FieldPath>, Fault> {
    let entry = top.require("fields", "[fields]\nid = \"id\"")?;
    let table = Table::strict(entry.table()?, definition.fields)?;
    let id = definition.fields[0];
    table.require(
        id,
        &format!("{id} = \"id\" in [fields], where the message id stands"),
    )?;
    let mut fields = BTreeMap::new();
    for field in table.entries() {
        let path = if field.is_list() {
            FieldPath::keys(field.texts()?.into_iter().map(str::to_owned))
        } else {
            FieldPath::dotted(field.text()?)
        };
        let path = path.map_err(|error| {
            field.fault(format!("`{}` is not a path", field.key), error.to_string())
        })?;
        fields.insert(field.key.to_owned(), path);
    }
    definition.processor(&fields).map_err(|overlap| {
        let longer = table
            .entries()
            .find(|field| fields.get(field.key) == Some(&overlap.inner));
        let place = longer.map_or(entry.key_span.clone(), |field| field.span);
        Fault::at(place, "two paths overlap", overlap.to_string())
    })?;
    Ok(fields)
}

fn read_batch(top: &Table<'_>, config: &mut Config) -> Result<(), Fault> {
    if let Some(batch) = top.get("batch") {
        let batch = Table::open(batch.table()?);
        config.batch = BatchLimits {
            records_max: usize::try_from(batch.number("records_max", 1..=100_000, 500)?)
                .unwrap_or(usize::MAX),
            linger: Duration::from_millis(batch.number("linger_ms", 0..=60_000, 200)?),
        };
    }
    if let Some(seen) = top.get("seen") {
        let seen = Table::open(seen.table()?);
        let default = SEEN_HORIZON_DEFAULT.as_secs() / 3600;
        config.seen_horizon =
            Duration::from_secs(3600 * seen.number("horizon_hours", 1..=876_000, default)?);
    }
    Ok(())
}

fn read_limits(top: &Table<'_>, config: &mut Config) -> Result<(), Fault> {
    let Some(entry) = top.get("limits") else {
        return Ok(());
    };
    let table = Table::open(entry.table()?);
    let read_within = |key: &str, range: RangeInclusive<u64>, default: Duration| {
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        table.number(key, range, default).map(Duration::from_millis)
    };
    let read = |key: &str, default: Duration| read_within(key, 0..=3_600_000, default);
    let default = Limits::default();
    config.limits = Limits {
        drain: read("drain_ms_max", default.drain)?,
        broker_wait: read("broker_wait_ms_max", default.broker_wait)?,
        sink_wait: read("sink_wait_ms_max", default.sink_wait)?,
        offset_commit_interval: read("offset_commit_interval_ms", default.offset_commit_interval)?,
        lag: read_within("lag_ms_max", 1_000..=2_678_400_000, default.lag)?,
        lag_interval: read_within("lag_interval_ms", 100..=600_000, default.lag_interval)?,
    };
    Ok(())
}

fn read_webhook(top: &Table<'_>) -> Result<Option<String>, Fault> {
    let Some(alert) = top.get("alert") else {
        return Ok(None);
    };
    let Some(webhook) = Table::open(alert.table()?).get("webhook") else {
        return Ok(None);
    };
    let url = webhook.text()?;
    if url.starts_with("http://") || url.starts_with("https://") {
        Ok(Some(url.to_owned()))
    } else {
        Err(webhook.fault(
            "`webhook` is not an address",
            "starts with http:// or https://",
        ))
    }
}

fn read_kafka(top: &Table<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let mut properties = BTreeMap::new();
    if let Some(entry) = top.get("kafka") {
        read_properties("", &Table::open(entry.table()?), &mut properties)?;
    }
    check_protocol(&properties)?;
    let kafka = properties.into_iter();
    Ok(kafka.map(|(name, read)| (name, read.value)).collect())
}

/// One of librdkafka's properties, and where it stands.
struct Property {
    key_span: Range<usize>,
    span: Range<usize>,
    value: String,
}

/// `"session.timeout.ms" = 6000` and, without quotation marks, the nested tables that TOML makes of it.
fn read_properties(
    prefix: &str,
    table: &Table<'_>,
    properties: &mut BTreeMap<String, Property>,
) -> Result<(), Fault> {
    for entry in table.entries() {
        let name = format!("{prefix}{}", entry.key);
        if entry.is_table() {
            let inner = Table::open(entry.table()?);
            read_properties(&format!("{name}."), &inner, properties)?;
            continue;
        }
        if let Some((owned, instead)) = KAFKA_OWNED.iter().find(|(key, _)| *key == name) {
            return Err(Fault::at(
                entry.key_span,
                format!("`{owned}` is not yours to set"),
                *instead,
            ));
        }
        let value = entry.scalar()?;
        let property = Property {
            key_span: entry.key_span,
            span: entry.span,
            value,
        };
        properties.insert(name, property);
    }
    Ok(())
}

/// A group's protocol decides what else can be set.
fn check_protocol(properties: &BTreeMap<String, Property>) -> Result<(), Fault> {
    let Some(named) = properties.get(GROUP_PROTOCOL) else {
        return Ok(());
    };
    let Some(protocol) = GroupProtocol::from_name(&named.value) else {
        return Err(Fault::at(
            named.span.clone(),
            format!("`{GROUP_PROTOCOL}` is neither"),
            "`classic` or `consumer`",
        ));
    };
    for (name, property) in properties {
        if let Some(instead) = protocol.instead_of(name) {
            return Err(Fault::at(
                property.key_span.clone(),
                format!("`{name}` can't be set with `{GROUP_PROTOCOL} = \"consumer\"`"),
                instead,
            ));
        }
    }
    Ok(())
}
