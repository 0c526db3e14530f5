//! What all clients have in common.

pub(crate) mod api;
mod backoff;
pub(crate) mod broker;
pub(crate) mod client_statistics;
pub(crate) mod cluster_view;
pub(crate) mod core;
mod group_list;
mod offset_query;
pub(crate) mod wakers;

use std::error::Error;
use std::sync::Arc;

use whitewater_sim::task::block_on;

use self::core::ClientCore;
use crate::config::{ClientConfig, NativeClientConfig, RDKafkaLogLevel};
use crate::error::{KafkaError, KafkaResult};
use crate::groups::GroupList;
use crate::log::{debug, error, info, warn};
use crate::metadata::Metadata;
use crate::statistics::Statistics;
use crate::topic_partition::TopicPartition;
use crate::types::{RDKafkaErrorCode, RDKafkaType};
use crate::util::Timeout;

pub(crate) use offset_query::{FoundOffset, OffsetQuery, query_offsets};

/// What an application wants to know of its client.
pub trait ClientContext: Send + Sync {
    /// Whether [`generate_oauth_token`](Self::generate_oauth_token) is to be called; it never is
    /// in the simulator, whose connections need no token.
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = false;

    /// A line of the client's log. By default it goes to the logger, target `librdkafka`.
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                error!(target: "librdkafka", "librdkafka: {} {}", fac, log_message);
            }
            RDKafkaLogLevel::Warning => {
                warn!(target: "librdkafka", "librdkafka: {} {}", fac, log_message);
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                info!(target: "librdkafka", "librdkafka: {} {}", fac, log_message);
            }
            RDKafkaLogLevel::Debug => {
                debug!(target: "librdkafka", "librdkafka: {} {}", fac, log_message);
            }
        }
    }

    /// Statistics, decoded (`statistics.interval.ms`).
    fn stats(&self, statistics: Statistics) {
        info!("Client stats: {:?}", statistics);
    }

    /// Statistics as JSON.
    fn stats_raw(&self, statistics: &[u8]) {
        match serde_json::from_slice(statistics) {
            Ok(statistics) => self.stats(statistics),
            Err(reason) => error!("Could not parse statistics JSON: {}", reason),
        }
    }

    /// An error of the client as a whole.
    fn error(&self, error: KafkaError, reason: &str) {
        error!("librdkafka: {}: {}", error, reason);
    }

    /// A token for OAUTHBEARER.
    ///
    /// # Errors
    /// If there is none; always, by default.
    fn generate_oauth_token(
        &self,
        _oauthbearer_config: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn Error>> {
        Err("Default implementation of generate_oauth_token must be overridden".into())
    }
}

/// A context that keeps all defaults.
#[derive(Clone, Debug, Default)]
pub struct DefaultClientContext;

impl ClientContext for DefaultClientContext {}

/// A token for OAUTHBEARER.
pub struct OAuthToken {
    /// The token.
    pub token: String,
    /// Whose it is.
    pub principal_name: String,
    /// When it expires, in milliseconds since the Unix epoch.
    pub lifetime_ms: i64,
}

/// A client without a role of its own: metadata, watermarks, groups.
pub struct Client<C: ClientContext = DefaultClientContext> {
    core: Arc<ClientCore>,
    context: Arc<C>,
}

impl<C: ClientContext> Client<C> {
    /// Creates a client of this type.
    ///
    /// # Errors
    /// [`KafkaError::ClientCreation`] if properties contradict one another.
    pub fn new(
        config: &ClientConfig,
        native_config: NativeClientConfig,
        rd_kafka_type: RDKafkaType,
        context: C,
    ) -> KafkaResult<Client<C>> {
        Self::with_shared_context(config, &native_config, rd_kafka_type, Arc::new(context))
    }

    pub(crate) fn with_shared_context(
        _config: &ClientConfig,
        native_config: &NativeClientConfig,
        rd_kafka_type: RDKafkaType,
        context: Arc<C>,
    ) -> KafkaResult<Client<C>> {
        let settings = native_config.settings(rd_kafka_type)?;
        for warning in native_config.warnings(rd_kafka_type) {
            context.log(RDKafkaLogLevel::Warning, "CONFWARN", &warning);
        }
        Ok(Self {
            core: ClientCore::start(settings),
            context,
        })
    }

    pub(crate) fn core(&self) -> &Arc<ClientCore> {
        &self.core
    }

    /// The context.
    pub fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Asks a broker for brokers and topics: of one topic, or of all.
    ///
    /// # Errors
    /// [`KafkaError::MetadataFetch`], `BrokerTransportFailure` if no broker answers in time.
    pub fn fetch_metadata<T: Into<Timeout>>(
        &self,
        topic: Option<&str>,
        timeout: T,
    ) -> KafkaResult<Metadata> {
        let topics = topic.map(|topic| [Arc::from(topic)].into());
        let deadline = timeout.into().deadline();
        let (response, broker) = block_on(self.core.fetch_metadata(topics.as_ref(), deadline))
            .map_err(KafkaError::MetadataFetch)?;
        Ok(Metadata::new(broker.node_id(), broker.name(), &response))
    }

    /// The low and high watermark of a partition; under `read_committed` the last stable offset
    /// stands for the high one.
    ///
    /// # Errors
    /// [`KafkaError::MetadataFetch`]: `UnknownPartition` if there is none, `OperationTimedOut` if
    /// its leader doesn't answer in time.
    pub fn fetch_watermarks<T: Into<Timeout>>(
        &self,
        topic: &str,
        partition: i32,
        timeout: T,
    ) -> KafkaResult<(i64, i64)> {
        let partition = TopicPartition::new(topic, partition);
        let deadline = timeout.into().deadline();
        let watermark = |query: OffsetQuery| {
            let wanted = [(partition.clone(), query)].into();
            let found = block_on(query_offsets(&self.core, wanted, deadline))
                .map_err(KafkaError::MetadataFetch)?;
            match found.get(&partition) {
                Some(Ok(found)) => Ok(found.offset),
                Some(Err(code)) => Err(KafkaError::MetadataFetch(*code)),
                None => Err(KafkaError::MetadataFetch(
                    RDKafkaErrorCode::UnknownPartition,
                )),
            }
        };
        Ok((
            watermark(OffsetQuery::Earliest)?,
            watermark(OffsetQuery::Latest)?,
        ))
    }

    /// The cluster's id, if a broker says so in time.
    pub fn fetch_cluster_id<T: Into<Timeout>>(&self, timeout: T) -> Option<String> {
        if let Some(id) = self.core.view().cluster_id.clone() {
            return Some(id);
        }
        let deadline = timeout.into().deadline();
        block_on(self.core.fetch_metadata(Some(&[].into()), deadline)).ok()?;
        self.core.view().cluster_id.clone()
    }

    /// The groups of all brokers, or one group.
    ///
    /// # Errors
    /// [`KafkaError::GroupListFetch`] if no broker answers in time.
    pub fn fetch_group_list<T: Into<Timeout>>(
        &self,
        group: Option<&str>,
        timeout: T,
    ) -> KafkaResult<GroupList> {
        let deadline = timeout.into().deadline();
        block_on(group_list::fetch(&self.core, group, deadline)).map_err(KafkaError::GroupListFetch)
    }

    /// The error that ended this client's use, if one did.
    pub fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.core.fatal_error()
    }
}

impl<C: ClientContext> Drop for Client<C> {
    fn drop(&mut self) {
        if whitewater_sim::world::in_world() {
            self.core.close();
        }
    }
}
