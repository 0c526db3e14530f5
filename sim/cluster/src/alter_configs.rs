//! AlterConfigs and IncrementalAlterConfigs: settings of topics and brokers change while they are
//! there.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as Replaced;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as Altered;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use crate::broker_config_definition::{BrokerConfigDefinition, UpdateMode};
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::config_resource::{ConfigResource, invalid};
use crate::config_value::{self, ConfigType, ConfigValue};
use crate::dynamic_broker_configs::Configs;
use crate::refusal::Refusal;
use crate::topic_config::TopicConfig;
use crate::topic_config_definition::TopicConfigDefinition;

/// `AlterConfigOp.OpType`, as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Set,
    Delete,
    Append,
    Subtract,
}

impl Operation {
    fn of(code: i8) -> Option<Self> {
        [Self::Set, Self::Delete, Self::Append, Self::Subtract]
            .get(usize::try_from(code).ok()?)
            .copied()
    }
}

/// What shall become of one setting.
struct Alteration<'a> {
    name: &'a str,
    operation: i8,
    value: Option<&'a str>,
}

/// What a request asks of one resource.
struct Wanted<'a> {
    resource_type: i8,
    name: &'a StrBytes,
    alterations: Vec<Alteration<'a>>,
}

/// What a request does with the settings that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Stay,
    GoBackToDefaults,
}

/// Changes the settings that a request names, and leaves the others
/// (`ConfigurationControlManager.incrementalAlterConfigs`). Each resource succeeds or fails by
/// itself.
pub(crate) fn alter(
    state: &mut ClusterState,
    broker: BrokerId,
    request: &IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let wanted = request.resources.iter().map(|resource| {
        let alterations = resource.configs.iter().map(|config| Alteration {
            name: &config.name,
            operation: config.config_operation,
            value: config.value.as_deref(),
        });
        Wanted {
            resource_type: resource.resource_type,
            name: &resource.resource_name,
            alterations: alterations.collect(),
        }
    });
    let outcomes = answer_each(
        state,
        broker,
        wanted.collect(),
        Others::Stay,
        request.validate_only,
    );
    let responses = request.resources.iter().zip(outcomes);
    let responses = responses.map(|(resource, (code, text))| {
        Altered::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(code)
            .with_error_message(text)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

/// Replaces all settings of a resource: what a request does not name goes back to its default
/// (`ConfigurationControlManager.legacyAlterConfigs`).
pub(crate) fn replace(
    state: &mut ClusterState,
    broker: BrokerId,
    request: &AlterConfigsRequest,
) -> AlterConfigsResponse {
    let wanted = request.resources.iter().map(|resource| {
        let alterations = resource.configs.iter().map(|config| Alteration {
            name: &config.name,
            operation: Operation::Set as i8,
            value: config.value.as_deref(),
        });
        Wanted {
            resource_type: resource.resource_type,
            name: &resource.resource_name,
            alterations: alterations.collect(),
        }
    });
    let outcomes = answer_each(
        state,
        broker,
        wanted.collect(),
        Others::GoBackToDefaults,
        request.validate_only,
    );
    let responses = request.resources.iter().zip(outcomes);
    let responses = responses.map(|(resource, (code, text))| {
        Replaced::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(code)
            .with_error_message(text)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// The error code and text of each resource, in their order.
fn answer_each(
    state: &mut ClusterState,
    broker: BrokerId,
    all: Vec<Wanted<'_>>,
    others: Others,
    validate_only: bool,
) -> Vec<(i16, Option<StrBytes>)> {
    let mut answers = Vec::with_capacity(all.len());
    for wanted in &all {
        let key = |wanted: &Wanted<'_>| (wanted.resource_type, wanted.name.clone());
        let times = all.iter().filter(|other| key(other) == key(wanted)).count();
        let outcome = check_once(times, &wanted.alterations)
            .and_then(|()| carry_out(state, broker, wanted, others, validate_only));
        answers.push(match outcome {
            Ok(()) => (0, None),
            Err((error, text)) => (error.code(), Some(StrBytes::from_string(text))),
        });
    }
    answers
}

fn carry_out(
    state: &mut ClusterState,
    broker: BrokerId,
    wanted: &Wanted<'_>,
    others: Others,
    validate_only: bool,
) -> Result<(), Refusal> {
    let resource = ConfigResource::find(state, broker, wanted.resource_type, wanted.name)?;
    let before = match others {
        Others::Stay => present(state, &resource),
        Others::GoBackToDefaults => Configs::new(),
    };
    let configs = altered(&resource, before, &wanted.alterations)?;
    if validate_only {
        return Ok(());
    }
    match &resource {
        ConfigResource::Topic(name) => {
            let config = TopicConfig::of(&configs);
            let config = config.map_err(|text| (ResponseError::InvalidConfig, text))?;
            state.topics.set_config(name, config);
        }
        ConfigResource::Broker(id) => state.replace_broker_configs(Some(*id), configs),
        ConfigResource::AllBrokers => state.replace_broker_configs(None, configs),
    }
    Ok(())
}

/// What is wrong with a request before its resources are looked at
/// (`ConfigAdminManager.preprocess`).
fn check_once(same_resource: usize, alterations: &[Alteration<'_>]) -> Result<(), Refusal> {
    if same_resource > 1 {
        return Err(invalid("each resource may be named once".to_owned()));
    }
    for alteration in alterations {
        let name = alteration.name;
        if alterations
            .iter()
            .filter(|other| other.name == name)
            .count()
            > 1
        {
            return Err(invalid(format!(
                "each setting may be named once, not {name}"
            )));
        }
        let Some(operation) = Operation::of(alteration.operation) else {
            return Err(invalid(format!(
                "unknown operation {}",
                alteration.operation
            )));
        };
        if operation != Operation::Delete && alteration.value.is_none() {
            return Err(invalid(format!("null value for {name}")));
        }
    }
    Ok(())
}

/// The settings that a resource has been given.
fn present(state: &ClusterState, resource: &ConfigResource) -> Configs {
    match resource {
        ConfigResource::Topic(name) => {
            let entries = state.topics.get(name).map(|topic| topic.config.entries());
            let entries = entries.into_iter().flatten();
            entries
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        }
        ConfigResource::Broker(id) => state.dynamic_configs.of(Some(*id)),
        ConfigResource::AllBrokers => state.dynamic_configs.of(None),
    }
}

/// A resource's settings after the alterations.
fn altered(
    resource: &ConfigResource,
    mut configs: Configs,
    alterations: &[Alteration<'_>],
) -> Result<Configs, Refusal> {
    for alteration in alterations {
        let name = alteration.name;
        let value = alteration.value.unwrap_or_default();
        let changed = match Operation::of(alteration.operation) {
            None | Some(Operation::Delete) => None,
            Some(Operation::Set) => Some(parse(resource, name, value)?),
            Some(operation) => Some(changed_list(resource, &configs, name, operation, value)?),
        };
        match changed {
            Some(value) => configs.insert(name.to_owned(), value),
            None => configs.remove(name),
        };
    }
    Ok(configs)
}

/// A list with words more or less.
fn changed_list(
    resource: &ConfigResource,
    configs: &Configs,
    name: &str,
    operation: Operation,
    value: &str,
) -> Result<String, Refusal> {
    let definition = TopicConfigDefinition::of(name).filter(|config| {
        let is_list = config.value.config_type() == ConfigType::List;
        is_list && matches!(resource, ConfigResource::Topic(_))
    });
    let Some(definition) = definition else {
        let text = format!("{name} is no list that could grow or shrink");
        return Err((ResponseError::InvalidConfig, text));
    };
    let before = configs.get(name).map_or(definition.default, String::as_str);
    let words = config_value::list(before);
    let changed = if operation == Operation::Append {
        config_value::join(words.chain(config_value::list(value)))
    } else {
        let goes = |word: &&str| config_value::list(value).any(|gone| gone == *word);
        config_value::join(words.filter(|word| !goes(word)))
    };
    parse(resource, name, &changed)
}

/// The value as it is kept.
fn parse(resource: &ConfigResource, name: &str, value: &str) -> Result<String, Refusal> {
    let (parsed, error) = match resource {
        ConfigResource::Topic(_) => {
            let config = TopicConfigDefinition::of(name);
            let parsed = config.map(|config| config.parse(value));
            (parsed, ResponseError::InvalidConfig)
        }
        ConfigResource::Broker(_) | ConfigResource::AllBrokers => {
            let config = BrokerConfigDefinition::of(name);
            if config.is_some_and(|config| config.update_mode == UpdateMode::ReadOnly) {
                return Err(invalid(format!("{name} cannot change while a broker runs")));
            }
            let parsed = config.map(|config| ConfigValue::parse(config.value, value));
            (parsed, ResponseError::InvalidRequest)
        }
    };
    match parsed {
        Some(Ok(value)) => Ok(value),
        Some(Err(text)) => Err((error, format!("{name}: {text}"))),
        None => Err((
            ResponseError::InvalidConfig,
            format!("unknown setting {name}"),
        )),
    }
}
