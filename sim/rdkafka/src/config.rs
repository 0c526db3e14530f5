//! Client configuration: librdkafka's properties, as text.

mod native_config;
mod properties;
mod property_value;
mod settings;

use std::collections::BTreeMap;
use std::fmt;

use crate::client::ClientContext;
use crate::error::KafkaResult;
use crate::log::{DEBUG, INFO, WARN, log_enabled};

pub use native_config::NativeClientConfig;
pub(crate) use settings::{
    AutoOffsetReset, ConsumerSettings, IsolationLevel, ProducerSettings, Settings,
};

/// Properties whose values are not shown.
const SENSITIVE: &[&str] = &[
    "sasl.password",
    "ssl.key.password",
    "ssl.keystore.password",
    "ssl.truststore.password",
    "sasl.oauthbearer.client.secret",
];

const SANITIZED: &str = "[sanitized for safety]";

/// How much a client logs; syslog's levels.
#[derive(Copy, Clone, Debug)]
pub enum RDKafkaLogLevel {
    /// Higher priority than all.
    Emerg = 0,
    /// Needs action at once.
    Alert = 1,
    /// Critical conditions.
    Critical = 2,
    /// Errors.
    Error = 3,
    /// Warnings.
    Warning = 4,
    /// Normal but worth a note.
    Notice = 5,
    /// Information.
    Info = 6,
    /// For debugging.
    Debug = 7,
}

/// Properties to create a client with. Nothing is checked until a client is created.
#[derive(Clone)]
pub struct ClientConfig {
    properties: BTreeMap<String, String>,
    /// The log level of the client to be created.
    pub log_level: RDKafkaLogLevel,
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: BTreeMap<_, _> = self
            .properties
            .iter()
            .filter(|(key, _)| !SENSITIVE.contains(&key.as_str()))
            .collect();
        f.debug_struct("ClientConfig")
            .field("log_level", &self.log_level)
            .field("conf_map", &shown)
            .finish()
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientConfig {
    /// An empty configuration, its log level taken from the global logger's for `librdkafka`.
    pub fn new() -> Self {
        Self {
            properties: BTreeMap::new(),
            log_level: global_log_level(),
        }
    }

    /// All properties set, sensitive values masked.
    pub fn config_map(&self) -> BTreeMap<&str, &str> {
        self.properties
            .iter()
            .map(|(key, value)| {
                let masked = SENSITIVE.contains(&key.as_str());
                (key.as_str(), if masked { SANITIZED } else { value })
            })
            .collect()
    }

    /// The value set for `key`, if any; defaults are not shown (see
    /// [`NativeClientConfig::get`]).
    pub fn get(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }

    /// Sets a property, in place of an earlier value.
    pub fn set<K, V>(&mut self, key: K, value: V) -> &mut ClientConfig
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.properties.insert(key.into(), value.into());
        self
    }

    /// Unsets a property.
    pub fn remove<'a>(&'a mut self, key: &str) -> &'a mut ClientConfig {
        self.properties.remove(key);
        self
    }

    /// Sets the log level of the client to be created.
    pub fn set_log_level(&mut self, log_level: RDKafkaLogLevel) -> &mut ClientConfig {
        self.log_level = log_level;
        self
    }

    /// Checks every key and value against librdkafka's table.
    ///
    /// # Errors
    /// [`KafkaError::ClientConfig`](crate::error::KafkaError::ClientConfig) for the first unknown
    /// key or bad value, keys taken in alphabetical order.
    pub fn create_native_config(&self) -> KafkaResult<NativeClientConfig> {
        let mut native = NativeClientConfig::new();
        for (key, value) in &self.properties {
            native.set(key, value)?;
        }
        Ok(native)
    }

    /// Creates a client with its default context.
    ///
    /// # Errors
    /// As [`create_native_config`](Self::create_native_config), or
    /// [`KafkaError::ClientCreation`](crate::error::KafkaError::ClientCreation) if properties
    /// contradict one another.
    pub fn create<T: FromClientConfig>(&self) -> KafkaResult<T> {
        T::from_config(self)
    }

    /// Creates a client with this context.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with_context<C, T>(&self, context: C) -> KafkaResult<T>
    where
        C: ClientContext,
        T: FromClientConfigAndContext<C>,
    {
        T::from_config_and_context(self, context)
    }
}

impl FromIterator<(String, String)> for ClientConfig {
    fn from_iter<I>(iter: I) -> ClientConfig
    where
        I: IntoIterator<Item = (String, String)>,
    {
        let mut config = Self::new();
        config.extend(iter);
        config
    }
}

impl Extend<(String, String)> for ClientConfig {
    fn extend<I>(&mut self, iter: I)
    where
        I: IntoIterator<Item = (String, String)>,
    {
        self.properties.extend(iter);
    }
}

fn global_log_level() -> RDKafkaLogLevel {
    if log_enabled!(target: "librdkafka", DEBUG) {
        RDKafkaLogLevel::Debug
    } else if log_enabled!(target: "librdkafka", INFO) {
        RDKafkaLogLevel::Info
    } else if log_enabled!(target: "librdkafka", WARN) {
        RDKafkaLogLevel::Warning
    } else {
        RDKafkaLogLevel::Error
    }
}

/// A client that can be created from a configuration alone.
pub trait FromClientConfig: Sized {
    /// Creates the client.
    ///
    /// # Errors
    /// See [`ClientConfig::create`].
    fn from_config(config: &ClientConfig) -> KafkaResult<Self>;
}

/// A client that can be created from a configuration and a context.
pub trait FromClientConfigAndContext<C: ClientContext>: Sized {
    /// Creates the client.
    ///
    /// # Errors
    /// See [`ClientConfig::create`].
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self>;
}
