//! A checked configuration, defaults included.

use std::collections::BTreeMap;

use super::properties::{self, Property, Scope};
use super::property_value::canonical;
use crate::error::{KafkaError, KafkaResult};
use crate::types::{RDKafkaConfRes, RDKafkaType};

/// A configuration whose every key is known and every value allowed.
#[derive(Debug, Clone, Default)]
pub struct NativeClientConfig {
    modified: BTreeMap<&'static str, String>,
}

impl NativeClientConfig {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The value of `key` or its default.
    ///
    /// # Errors
    /// [`KafkaError::ClientConfig`] if the key is unknown, or has no value and no default. To
    /// librdkafka a topic's property is unknown until one of them is set, as there is no topic
    /// configuration to look it up in (`rd_kafka_conf_get`).
    pub fn get(&self, key: &str) -> KafkaResult<String> {
        let refuse = |result, text: &str| {
            Err(KafkaError::ClientConfig(
                result,
                text.to_owned(),
                key.to_owned(),
                String::new(),
            ))
        };
        let known = resolve(key).filter(|property| {
            !properties::is_of_topic(property) || self.has_topic_configuration()
        });
        match known.and_then(|property| self.value(property.name)) {
            Some(value) => Ok(value.to_owned()),
            None => refuse(
                RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN,
                "Unknown configuration name",
            ),
        }
    }

    pub(super) fn set(&mut self, key: &str, value: &str) -> KafkaResult<()> {
        let refuse = |result, text: String| {
            Err(KafkaError::ClientConfig(
                result,
                text,
                key.to_owned(),
                value.to_owned(),
            ))
        };
        let Some(property) = resolve(key) else {
            return refuse(
                RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN,
                format!("No such configuration property: \"{key}\""),
            );
        };
        match canonical(property, value) {
            Ok(value) => {
                self.modified.insert(property.name, value);
                Ok(())
            }
            Err(text) => refuse(RDKafkaConfRes::RD_KAFKA_CONF_INVALID, text),
        }
    }

    fn has_topic_configuration(&self) -> bool {
        let mut set = self.modified.keys();
        set.any(|name| properties::find(name).is_some_and(properties::is_of_topic))
    }

    /// Whether the property was set, under whatever name.
    pub(super) fn is_modified(&self, name: &'static str) -> bool {
        resolve(name).is_some_and(|property| self.modified.contains_key(property.name))
    }

    /// What is worth saying of the properties that were set: those of another kind of client, as
    /// librdkafka warns, and those without effect in the simulator.
    pub(crate) fn warnings(&self, client_type: RDKafkaType) -> Vec<String> {
        let other = match client_type {
            RDKafkaType::RD_KAFKA_PRODUCER => (Scope::Consumer, "consumer", "producer"),
            RDKafkaType::RD_KAFKA_CONSUMER => (Scope::Producer, "producer", "consumer"),
        };
        let set = self
            .modified
            .keys()
            .filter_map(|name| properties::find(name));
        set.filter_map(|property| {
            let name = property.name;
            if property.scope == other.0 {
                Some(format!(
                    "Configuration property {name} is a {} property and will be ignored by this \
                     {} instance",
                    other.1, other.2
                ))
            } else if property.honoured {
                None
            } else {
                Some(format!("{name} has no effect in the simulator"))
            }
        })
        .collect()
    }

    /// The value of a property that is no alias, or its default.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        match self.modified.get(name) {
            Some(value) => Some(value),
            None => properties::find(name)?.default,
        }
    }
}

/// The property of this name, or the one it is another name of.
fn resolve(key: &str) -> Option<&'static Property> {
    let property = properties::find(key)?;
    match property.alias_of {
        Some(target) => properties::find(target),
        None => Some(property),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientConfig;

    #[test]
    fn an_unknown_key_is_refused_as_librdkafka_refuses_it() {
        let error = ClientConfig::new()
            .set("auto.ofset.reset", "earliest")
            .create_native_config()
            .expect_err("a typo");
        assert_eq!(
            error,
            KafkaError::ClientConfig(
                RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN,
                "No such configuration property: \"auto.ofset.reset\"".to_owned(),
                "auto.ofset.reset".to_owned(),
                "earliest".to_owned(),
            )
        );
    }

    #[test]
    fn aliases_set_and_show_one_property() {
        let native = ClientConfig::new()
            .set("bootstrap.servers", "a:1")
            .create_native_config()
            .unwrap();
        assert_eq!(native.get("metadata.broker.list").unwrap(), "a:1");
        assert_eq!(native.get("bootstrap.servers").unwrap(), "a:1");
        assert_eq!(native.get("session.timeout.ms").unwrap(), "45000");
        assert!(native.get("group.id").is_err());
        assert!(native.get("no.such.key").is_err());
    }

    #[test]
    fn the_readme_lists_exactly_the_properties_without_effect() {
        let readme = include_str!("../../README.md");
        let (_, list) = readme.split_once("## Properties without effect").unwrap();
        let listed: Vec<&str> = list
            .lines()
            .filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'))
            .collect();
        let without_effect: Vec<&str> = properties::PROPERTIES
            .iter()
            .filter(|property| !property.honoured && property.kind != properties::Kind::Dedicated)
            .map(|property| property.name)
            .collect();
        assert_eq!(listed, without_effect);
    }

    #[test]
    fn properties_of_others_and_without_effect_are_mentioned() {
        let native = ClientConfig::new()
            .set("linger.ms", "1")
            .set("group.id", "g")
            .set("ssl.ca.location", "x")
            .create_native_config()
            .unwrap();
        assert_eq!(
            native.warnings(RDKafkaType::RD_KAFKA_PRODUCER),
            [
                "Configuration property group.id is a consumer property and will be ignored by \
                 this producer instance",
                "ssl.ca.location has no effect in the simulator",
            ]
        );
    }
}
