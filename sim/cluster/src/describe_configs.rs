//! DescribeConfigs: the settings of topics and brokers, and where each value comes from.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::broker_config_definition::{BROKER_CONFIGS, BrokerConfigDefinition, UpdateMode};
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::config_resource::ConfigResource;
use crate::config_value::ConfigType;
use crate::refusal::Refusal;
use crate::topic_config_definition::{TOPIC_CONFIGS, TopicConfigDefinition};

/// `DescribeConfigsResponse.ConfigSource`, as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConfigSource {
    DynamicTopic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
}

/// A value that somebody gave a setting, under the name it has there.
struct Synonym {
    name: String,
    value: String,
    source: ConfigSource,
}

impl Synonym {
    fn new(name: &str, value: &str, source: ConfigSource) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            source,
        }
    }
}

/// A setting as it is to be shown.
struct Entry {
    name: &'static str,
    config_type: ConfigType,
    read_only: bool,
    value: Option<String>,
    /// Every value that was given, the one that decides first.
    synonyms: Vec<Synonym>,
}

/// From this version on a setting's type is told.
const CONFIG_TYPE_SINCE: i16 = 3;

/// Answers DescribeConfigs (`ConfigHelper.describeConfigs`). What a setting is for stays untold,
/// asked or not.
pub(crate) fn handle(
    state: &ClusterState,
    broker: BrokerId,
    version: i16,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match entries(state, broker, resource) {
            Ok(entries) => {
                let wanted = entries.filter(|entry| is_wanted(resource, entry.name));
                let shown = wanted.map(|entry| shown(entry, version, request.include_synonyms));
                result.with_configs(shown.collect())
            }
            Err((error, text)) => result
                .with_error_code(error.code())
                .with_error_message(Some(StrBytes::from_string(text))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

/// No keys, or an empty list of them, means all.
fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    let keys = resource.configuration_keys.as_deref().unwrap_or_default();
    keys.is_empty() || keys.iter().any(|key| **key == *name)
}

fn entries<'a>(
    state: &'a ClusterState,
    broker: BrokerId,
    resource: &DescribeConfigsResource,
) -> Result<Box<dyn Iterator<Item = Entry> + 'a>, Refusal> {
    let name = &resource.resource_name;
    Ok(
        match ConfigResource::find(state, broker, resource.resource_type, name)? {
            ConfigResource::Topic(name) => {
                let configs = TOPIC_CONFIGS.iter();
                Box::new(configs.map(move |config| topic_entry(state, broker, &name, config)))
            }
            ConfigResource::Broker(id) => {
                let configs = BROKER_CONFIGS.iter();
                Box::new(configs.map(move |config| broker_entry(state, id, config)))
            }
            ConfigResource::AllBrokers => Box::new(changed_for_all(state)),
        },
    )
}

fn topic_entry(
    state: &ClusterState,
    broker: BrokerId,
    topic: &TopicName,
    config: &TopicConfigDefinition,
) -> Entry {
    let own = state
        .topics
        .get(topic)
        .and_then(|topic| topic.config.get(config.name));
    let own = own.map(|value| Synonym::new(config.name, value, ConfigSource::DynamicTopic));
    let broker_name = config.broker_name.into_iter();
    let of_broker =
        broker_name.flat_map(|name| broker_synonyms(state, broker, name, config.default));
    let synonyms: Vec<Synonym> = own.into_iter().chain(of_broker).collect();
    let first = synonyms.first().map(|synonym| synonym.value.clone());
    Entry {
        name: config.name,
        config_type: config.value.config_type(),
        read_only: false,
        value: Some(first.unwrap_or_else(|| config.default.to_owned())),
        synonyms,
    }
}

fn broker_entry(state: &ClusterState, broker: BrokerId, config: &BrokerConfigDefinition) -> Entry {
    let synonyms = broker_synonyms(state, broker, config.name, &config.default());
    // A default in hours is that of the setting in hours.
    let first = synonyms
        .first()
        .filter(|synonym| synonym.name == config.name);
    Entry {
        name: config.name,
        config_type: config.value.config_type(),
        read_only: config.update_mode == UpdateMode::ReadOnly,
        value: first.map(|synonym| synonym.value.clone()),
        synonyms,
    }
}

/// What was changed for all brokers, of what this cluster knows.
fn changed_for_all(state: &ClusterState) -> impl Iterator<Item = Entry> + '_ {
    BROKER_CONFIGS.iter().filter_map(|config| {
        let value = state.dynamic_configs.of_all(config.name)?;
        let source = ConfigSource::DynamicDefaultBroker;
        Some(Entry {
            name: config.name,
            config_type: config.value.config_type(),
            read_only: false,
            value: Some(value.to_owned()),
            synonyms: vec![Synonym::new(config.name, value, source)],
        })
    })
}

/// Every value that a broker's setting was given, the one that decides first. The cluster's own
/// settings are those of a configuration file, where they are not Kafka's defaults.
fn broker_synonyms(
    state: &ClusterState,
    broker: BrokerId,
    name: &str,
    default: &str,
) -> Vec<Synonym> {
    let dynamic = &state.dynamic_configs;
    let config = BrokerConfigDefinition::of(name);
    let from_file = config
        .map(|config| config.get(&state.config.settings))
        .filter(|value| *value != default);
    let given = [
        (dynamic.of_broker(broker, name), ConfigSource::DynamicBroker),
        (dynamic.of_all(name), ConfigSource::DynamicDefaultBroker),
        (from_file.as_deref(), ConfigSource::StaticBroker),
    ];
    let given = given
        .into_iter()
        .filter_map(|(value, source)| Some((value?, source)));
    let mut synonyms: Vec<Synonym> = given
        .map(|(value, source)| Synonym::new(name, value, source))
        .collect();
    match config.and_then(|config| config.in_hours) {
        None => synonyms.push(Synonym::new(name, default, ConfigSource::Default)),
        Some(_) if synonyms.is_empty() => {}
        Some((hours, value)) => synonyms.push(Synonym::new(hours, value, ConfigSource::Default)),
    }
    synonyms
}

fn shown(entry: Entry, version: i16, include_synonyms: bool) -> DescribeConfigsResourceResult {
    let text = |text: String| StrBytes::from_string(text);
    let source = entry.synonyms.first().map(|synonym| synonym.source);
    let mut shown = DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(entry.name))
        .with_value(entry.value.map(text))
        .with_read_only(entry.read_only)
        .with_config_source(source.unwrap_or(ConfigSource::Default) as i8);
    if version >= CONFIG_TYPE_SINCE {
        shown.config_type = entry.config_type as i8;
    }
    if include_synonyms {
        let synonyms = entry.synonyms.into_iter().map(|synonym| {
            DescribeConfigsSynonym::default()
                .with_name(text(synonym.name))
                .with_value(Some(text(synonym.value)))
                .with_source(synonym.source as i8)
        });
        shown.synonyms = synonyms.collect();
    }
    shown
}
