//! Typed settings of one client, after the checks that librdkafka makes when a client is created.

use std::time::Duration;

use super::NativeClientConfig;
use crate::consumer::AssignorKind;
use crate::error::{KafkaError, KafkaResult};
use crate::producer::PartitionerKind;
use crate::topic_patterns::TopicPatterns;
use crate::types::RDKafkaType;

/// Batches that a broker remembers of an idempotent producer, and so the most that may be under
/// way (`RD_KAFKA_IDEMP_MAX_INFLIGHT`).
const IN_FLIGHT_MAX: i64 = 5;

/// What every client needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) client_id: String,
    pub(crate) bootstrap_servers: Vec<String>,
    pub(crate) socket_timeout: Duration,
    pub(crate) connection_setup_timeout: Duration,
    pub(crate) reconnect_backoff: Duration,
    pub(crate) reconnect_backoff_max: Duration,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
    /// None: no periodic refresh.
    pub(crate) metadata_refresh_interval: Option<Duration>,
    pub(crate) metadata_refresh_fast_interval: Duration,
    pub(crate) metadata_propagation_max: Duration,
    /// None: no statistics.
    pub(crate) statistics_interval: Option<Duration>,
    pub(crate) metadata_max_age: Duration,
    /// Topics that subscriptions leave out.
    pub(crate) topic_blacklist: TopicPatterns,
    pub(crate) allow_auto_create_topics: bool,
    pub(crate) max_in_flight: usize,
    pub(crate) consumer: ConsumerSettings,
    pub(crate) producer: ProducerSettings,
}

/// `auto.offset.reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AutoOffsetReset {
    Smallest,
    Largest,
    Error,
}

/// `isolation.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IsolationLevel {
    ReadUncommitted = 0,
    ReadCommitted = 1,
}

/// What a consumer needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ConsumerSettings {
    pub(crate) group_id: Option<String>,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) group_protocol_type: String,
    /// `group.protocol=consumer` (KIP-848).
    pub(crate) uses_consumer_protocol: bool,
    pub(crate) group_remote_assignor: Option<String>,
    pub(crate) assignors: Vec<AssignorKind>,
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) max_poll_interval: Duration,
    pub(crate) enable_auto_commit: bool,
    /// None: no commits by timer.
    pub(crate) auto_commit_interval: Option<Duration>,
    pub(crate) enable_auto_offset_store: bool,
    pub(crate) enable_partition_eof: bool,
    pub(crate) auto_offset_reset: AutoOffsetReset,
    pub(crate) isolation_level: IsolationLevel,
    pub(crate) queued_min_messages: usize,
    pub(crate) queued_max_bytes: usize,
    pub(crate) fetch_wait_max: Duration,
    pub(crate) fetch_min_bytes: i32,
    pub(crate) fetch_max_bytes: i32,
    pub(crate) fetch_message_max_bytes: i32,
    pub(crate) fetch_queue_backoff: Duration,
    pub(crate) fetch_error_backoff: Duration,
}

/// What a producer needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ProducerSettings {
    pub(crate) acks: i16,
    pub(crate) request_timeout: Duration,
    /// None: a message never times out.
    pub(crate) message_timeout: Option<Duration>,
    pub(crate) linger: Duration,
    pub(crate) batch_num_messages: usize,
    pub(crate) batch_size: usize,
    pub(crate) message_max_bytes: usize,
    pub(crate) queue_max_messages: usize,
    pub(crate) queue_max_bytes: usize,
    pub(crate) retries: u32,
    pub(crate) partitioner: PartitionerKind,
    /// Zero: no sticky partitioning.
    pub(crate) sticky_linger: Duration,
    pub(crate) delivery_report_only_error: bool,
    /// Batches are numbered, so that none is appended twice or out of order.
    pub(crate) idempotent: bool,
    pub(crate) transactional_id: Option<String>,
    pub(crate) transaction_timeout: Duration,
}

impl NativeClientConfig {
    /// The settings of a client of this type.
    ///
    /// # Errors
    /// [`KafkaError::ClientCreation`], with librdkafka's text where librdkafka refuses too
    /// (`rd_kafka_conf_finalize`, `rd_kafka_new`), else naming what the simulator lacks.
    pub(crate) fn settings(&self, client_type: RDKafkaType) -> KafkaResult<Settings> {
        let is_producer = client_type == RDKafkaType::RD_KAFKA_PRODUCER;
        let refusal = if is_producer {
            self.producer_refusal()
        } else {
            self.consumer_refusal()
        };
        if let Some(text) = refusal.or_else(|| self.common_refusal()) {
            return Err(KafkaError::ClientCreation(text));
        }
        let assignors = self.assignors().map_err(KafkaError::ClientCreation)?;
        Ok(Settings {
            client_id: self.text("client.id"),
            bootstrap_servers: self
                .text("metadata.broker.list")
                .split(',')
                .map(str::trim)
                .filter(|server| !server.is_empty())
                .map(str::to_owned)
                .collect(),
            socket_timeout: self.millis("socket.timeout.ms"),
            connection_setup_timeout: self.millis("socket.connection.setup.timeout.ms"),
            reconnect_backoff: self.millis("reconnect.backoff.ms"),
            reconnect_backoff_max: self.millis("reconnect.backoff.max.ms"),
            retry_backoff: self.millis("retry.backoff.ms"),
            retry_backoff_max: self.millis("retry.backoff.max.ms"),
            metadata_refresh_interval: self.positive_millis("topic.metadata.refresh.interval.ms"),
            statistics_interval: self.positive_millis("statistics.interval.ms"),
            metadata_refresh_fast_interval: if self
                .is_modified("topic.metadata.refresh.fast.interval.ms")
            {
                self.millis("topic.metadata.refresh.fast.interval.ms")
            } else {
                self.millis("retry.backoff.ms")
            },
            metadata_propagation_max: self.millis("topic.metadata.propagation.max.ms"),
            metadata_max_age: self.millis("metadata.max.age.ms"),
            topic_blacklist: self
                .value("topic.blacklist")
                .and_then(TopicPatterns::parse)
                .unwrap_or_default(),
            allow_auto_create_topics: if self.is_modified("allow.auto.create.topics") {
                self.flag("allow.auto.create.topics")
            } else {
                is_producer
            },
            max_in_flight: self.max_in_flight(is_producer),
            consumer: self.consumer_settings(assignors),
            producer: self.producer_settings(),
        })
    }

    fn consumer_settings(&self, assignors: Vec<AssignorKind>) -> ConsumerSettings {
        let queued_max_bytes = self.number("queued.max.messages.kbytes") * 1024;
        let fetch_max_bytes = if self.is_modified("fetch.max.bytes") {
            self.number("fetch.max.bytes")
        } else {
            self.number("fetch.max.bytes")
                .min(queued_max_bytes)
                .max(self.number("message.max.bytes"))
        };
        ConsumerSettings {
            group_id: self.value("group.id").map(str::to_owned),
            group_instance_id: self.value("group.instance.id").map(str::to_owned),
            group_protocol_type: self.text("group.protocol.type"),
            uses_consumer_protocol: self.text("group.protocol") == "consumer",
            group_remote_assignor: self.value("group.remote.assignor").map(str::to_owned),
            assignors,
            session_timeout: self.millis("session.timeout.ms"),
            heartbeat_interval: self.millis("heartbeat.interval.ms"),
            max_poll_interval: self.millis("max.poll.interval.ms"),
            enable_auto_commit: self.flag("enable.auto.commit"),
            auto_commit_interval: self.positive_millis("auto.commit.interval.ms"),
            enable_auto_offset_store: self.flag("enable.auto.offset.store"),
            enable_partition_eof: self.flag("enable.partition.eof"),
            auto_offset_reset: match self.text("auto.offset.reset").as_str() {
                "smallest" => AutoOffsetReset::Smallest,
                "error" => AutoOffsetReset::Error,
                _ => AutoOffsetReset::Largest,
            },
            isolation_level: if self.text("isolation.level") == "read_uncommitted" {
                IsolationLevel::ReadUncommitted
            } else {
                IsolationLevel::ReadCommitted
            },
            queued_min_messages: self.number("queued.min.messages") as usize,
            queued_max_bytes: queued_max_bytes as usize,
            fetch_wait_max: self.millis("fetch.wait.max.ms"),
            fetch_min_bytes: self.number("fetch.min.bytes") as i32,
            fetch_max_bytes: fetch_max_bytes as i32,
            fetch_message_max_bytes: self.number("fetch.message.max.bytes") as i32,
            fetch_queue_backoff: self.millis("fetch.queue.backoff.ms"),
            fetch_error_backoff: self.millis("fetch.error.backoff.ms"),
        }
    }

    fn producer_settings(&self) -> ProducerSettings {
        let message_timeout = self.message_timeout();
        let linger_ms = self.float("queue.buffering.max.ms");
        let linger_ms = match message_timeout {
            Some(timeout) if timeout.as_millis() as f64 <= linger_ms => {
                timeout.as_millis() as f64 - 0.1
            }
            _ => linger_ms,
        };
        ProducerSettings {
            acks: if self.is_idempotent() {
                -1
            } else {
                self.number("request.required.acks") as i16
            },
            request_timeout: self.millis("request.timeout.ms"),
            message_timeout,
            linger: Duration::from_micros((linger_ms * 1000.0) as u64),
            batch_num_messages: self.number("batch.num.messages") as usize,
            batch_size: self.number("batch.size") as usize,
            message_max_bytes: self.number("message.max.bytes") as usize,
            queue_max_messages: match self.number("queue.buffering.max.messages") {
                0 => usize::MAX,
                limit => limit as usize,
            },
            queue_max_bytes: self.number("queue.buffering.max.kbytes") as usize * 1024,
            retries: self.number("message.send.max.retries") as u32,
            partitioner: PartitionerKind::from_name(&self.text("partitioner")),
            sticky_linger: if self.is_modified("sticky.partitioning.linger.ms") {
                self.millis("sticky.partitioning.linger.ms")
            } else {
                Duration::from_millis((2.0 * linger_ms).min(900_000.0) as u64)
            },
            delivery_report_only_error: self.flag("delivery.report.only.error"),
            idempotent: self.is_idempotent(),
            transactional_id: self.transactional_id(),
            transaction_timeout: self.millis("transaction.timeout.ms"),
        }
    }

    fn consumer_refusal(&self) -> Option<String> {
        let classic_only = [
            ("session.timeout.ms", ". It is defined broker side"),
            (
                "partition.assignment.strategy",
                ". Use `group.remote.assignor` instead",
            ),
            ("group.protocol.type", ""),
            ("heartbeat.interval.ms", ". It is defined broker side"),
        ];
        let uses_consumer_protocol = self.text("group.protocol") == "consumer";
        let refused = classic_only.iter().find(|(name, _)| self.is_modified(name));
        if let Some((name, instead)) = refused.filter(|_| uses_consumer_protocol) {
            return Some(format!(
                "`{name}` is not supported for `group.protocol=consumer`{instead}"
            ));
        }
        if !uses_consumer_protocol
            && self.number("max.poll.interval.ms") < self.number("session.timeout.ms")
        {
            return Some("`max.poll.interval.ms`must be >= `session.timeout.ms`".to_owned());
        }
        let fetch_max_bytes = self.number("fetch.max.bytes");
        if self.is_modified("fetch.max.bytes") && fetch_max_bytes < self.number("message.max.bytes")
        {
            return Some("`fetch.max.bytes` must be >= `message.max.bytes`".to_owned());
        }
        if self.is_modified("receive.message.max.bytes")
            && fetch_max_bytes + 512 > self.number("receive.message.max.bytes")
        {
            return Some(
                "`receive.message.max.bytes` must be >= `fetch.max.bytes` + 512".to_owned(),
            );
        }
        if self.value("group.id") == Some("") {
            return Some("rdkafka consumer queue not available".to_owned());
        }
        None
    }

    fn producer_refusal(&self) -> Option<String> {
        let transactional = self.transactional_id().is_some();
        let turned_off = self.is_modified("enable.idempotence") && !self.flag("enable.idempotence");
        if transactional && turned_off {
            return Some("`transactional.id` requires `enable.idempotence=true`".to_owned());
        }
        if transactional
            && self.is_modified("message.timeout.ms")
            && self.number("message.timeout.ms") > self.number("transaction.timeout.ms")
        {
            return Some("`message.timeout.ms` must be set <= `transaction.timeout.ms`".to_owned());
        }
        if self.is_idempotent() {
            if let Some(refusal) = self.idempotence_refusal() {
                return Some(refusal.to_owned());
            }
        } else if self.flag("enable.gapless.guarantee") {
            return Some(
                "`enable.gapless.guarantee` requires `enable.idempotence` to be enabled".to_owned(),
            );
        }
        let timeout_ms = self.number("message.timeout.ms");
        if timeout_ms != 0
            && timeout_ms as f64 <= self.float("queue.buffering.max.ms")
            && self.is_modified("linger.ms")
        {
            return Some("`message.timeout.ms` must be greater than `linger.ms`".to_owned());
        }
        None
    }

    /// What an idempotent producer may not be set to (`rd_kafka_conf_finalize`).
    fn idempotence_refusal(&self) -> Option<&'static str> {
        let set = |name: &'static str, wrong: fn(i64) -> bool| {
            self.is_modified(name) && wrong(self.number(name))
        };
        if set("max.in.flight.requests.per.connection", |max| {
            max > IN_FLIGHT_MAX
        }) {
            Some("`max.in.flight` must be set <= 5 when `enable.idempotence` is true")
        } else if set("message.send.max.retries", |retries| retries < 1) {
            Some("`retries` must be set >= 1 when `enable.idempotence` is true")
        } else if set("request.required.acks", |acks| acks != -1) {
            Some("`acks` must be set to `all` when `enable.idempotence` is true")
        } else {
            None
        }
    }

    fn transactional_id(&self) -> Option<String> {
        let id = self.value("transactional.id");
        id.filter(|id| !id.is_empty()).map(str::to_owned)
    }

    fn is_idempotent(&self) -> bool {
        self.flag("enable.idempotence") || self.transactional_id().is_some()
    }

    fn max_in_flight(&self, is_producer: bool) -> usize {
        let max = self.number("max.in.flight.requests.per.connection");
        if is_producer && self.is_idempotent() {
            max.min(IN_FLIGHT_MAX) as usize
        } else {
            max as usize
        }
    }

    /// A transaction's messages do not outlive it, unless somebody says how long they live.
    fn message_timeout(&self) -> Option<Duration> {
        let timeout = self.positive_millis("message.timeout.ms");
        if self.transactional_id().is_some() && !self.is_modified("message.timeout.ms") {
            let transaction = self.millis("transaction.timeout.ms");
            return Some(timeout.map_or(transaction, |timeout| timeout.min(transaction)));
        }
        timeout
    }

    fn common_refusal(&self) -> Option<String> {
        if self.number("reconnect.backoff.max.ms") < self.number("reconnect.backoff.ms") {
            return Some("`reconnect.backoff.max.ms` must be >= `reconnect.backoff.ms`".to_owned());
        }
        None
    }

    fn assignors(&self) -> Result<Vec<AssignorKind>, String> {
        let strategy = self.text("partition.assignment.strategy");
        let mut assignors = Vec::new();
        for name in strategy
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let kind = AssignorKind::from_name(name)
                .ok_or_else(|| format!("Unsupported partition.assignment.strategy: {name}"))?;
            if !assignors.contains(&kind) {
                assignors.push(kind);
            }
        }
        let cooperative = assignors
            .iter()
            .filter(|kind| kind.is_cooperative())
            .count();
        if cooperative != 0 && cooperative != assignors.len() {
            return Err(format!(
                "All partition.assignment.strategy ({strategy}) assignors must have the same \
                 protocol type, online migration between assignors with different protocol types \
                 is not supported"
            ));
        }
        Ok(assignors)
    }

    fn text(&self, name: &str) -> String {
        self.value(name).unwrap_or_default().to_owned()
    }

    fn number(&self, name: &str) -> i64 {
        self.value(name)
            .and_then(|value| value.parse().ok())
            .expect("every integer property has a default, and its values are checked when set")
    }

    fn float(&self, name: &str) -> f64 {
        self.value(name)
            .and_then(|value| value.parse().ok())
            .expect("every float property has a default, and its values are checked when set")
    }

    fn flag(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }

    fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name).max(0) as u64)
    }

    fn positive_millis(&self, name: &str) -> Option<Duration> {
        let millis = self.number(name);
        (millis > 0).then(|| Duration::from_millis(millis as u64))
    }
}
