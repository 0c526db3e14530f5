//! Showing and changing configurations (`rd_kafka_DescribeConfigs`, `rd_kafka_AlterConfigs`): any
//! broker is asked, and the broker itself where one of the resources is a broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::{AlterConfigsRequest, DescribeConfigsRequest};
use whitewater_sim::time;

use super::admin_types::{
    AlterConfig, AlterConfigsResult, ConfigEntry, ConfigResource, ConfigResourceResult,
    ConfigSource, OwnedResourceSpecifier, ResourceSpecifier,
};
use crate::client::api::{Api, text};
use crate::client::broker::until;
use crate::client::core::ClientCore;
use crate::error::{KafkaError, KafkaResult};
use crate::types::RDKafkaErrorCode;

/// A resource's type, as the protocol numbers it, and its name.
type Resource = (i8, String);

/// `ConfigResource.Type`, as the protocol numbers it.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;

pub(super) fn resource(specifier: &ResourceSpecifier<'_>) -> Resource {
    match specifier {
        ResourceSpecifier::Topic(name) => (TOPIC, (*name).to_owned()),
        ResourceSpecifier::Broker(id) => (BROKER, id.to_string()),
        ResourceSpecifier::Group(name) => (GROUP, (*name).to_owned()),
    }
}

/// What an alteration asks for. The properties are sorted, so that runs repeat.
pub(super) fn alteration(config: &AlterConfig<'_>) -> (Resource, BTreeMap<String, String>) {
    let entries = config.entries.iter();
    let entries = entries.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    (resource(&config.specifier), entries.collect())
}

/// The resources' configurations. That one of them is not there shows in its having no entries:
/// librdkafka keeps the error, rdkafka drops it.
///
/// # Errors
/// As [`ask`]; [`KafkaError::AdminOpCreation`] for an answer that makes no sense.
pub(super) async fn describe_configs(
    core: &ClientCore,
    resources: Vec<Resource>,
    deadline: Duration,
) -> KafkaResult<Vec<ConfigResourceResult>> {
    let described = resources.iter().map(|(kind, name)| {
        DescribeConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    });
    let request = DescribeConfigsRequest::default()
        .with_resources(described.collect())
        .with_include_synonyms(true);
    let response = ask(core, request, &resources, deadline).await?;
    let results = response.results.into_iter();
    results
        .map(|result| described_one(&result).map(Ok))
        .collect()
}

fn described_one(result: &DescribeConfigsResult) -> KafkaResult<ConfigResource> {
    let entries: KafkaResult<_> = result.configs.iter().map(entry).collect();
    Ok(ConfigResource {
        specifier: specifier(result.resource_type, &result.resource_name)?,
        entries: entries?,
    })
}

fn entry(config: &DescribeConfigsResourceResult) -> KafkaResult<ConfigEntry> {
    let source = match config.config_source {
        0 => ConfigSource::Unknown,
        1 => ConfigSource::DynamicTopic,
        2 => ConfigSource::DynamicBroker,
        3 => ConfigSource::DynamicDefaultBroker,
        4 => ConfigSource::StaticBroker,
        5 => ConfigSource::Default,
        other => {
            let text = format!("bogus config source type in kafka response: {other}");
            return Err(KafkaError::AdminOpCreation(text));
        }
    };
    Ok(ConfigEntry {
        name: config.name.to_string(),
        value: config.value.as_ref().map(ToString::to_string),
        is_default: source == ConfigSource::Default,
        source,
        is_read_only: config.read_only,
        is_sensitive: config.is_sensitive,
    })
}

/// Changes the resources' configurations. Each is told as changed: librdkafka keeps the errors of
/// single resources, rdkafka drops them.
///
/// # Errors
/// As [`describe_configs`].
pub(super) async fn alter_configs(
    core: &ClientCore,
    alterations: Vec<(Resource, BTreeMap<String, String>)>,
    validate_only: bool,
    deadline: Duration,
) -> KafkaResult<Vec<AlterConfigsResult>> {
    let resources: Vec<Resource> = alterations.iter().map(|(of, _)| of.clone()).collect();
    let altered = alterations.iter().map(|((kind, name), entries)| {
        let configs = entries.iter().map(|(key, value)| {
            AlterableConfig::default()
                .with_name(text(key))
                .with_value(Some(text(value)))
        });
        AlterConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(text(name))
            .with_configs(configs.collect())
    });
    let request = AlterConfigsRequest::default()
        .with_resources(altered.collect())
        .with_validate_only(validate_only);
    let response = ask(core, request, &resources, deadline).await?;
    let results = response.responses.iter();
    results
        .map(|result| specifier(result.resource_type, &result.resource_name).map(Ok))
        .collect()
}

fn specifier(resource_type: i8, name: &str) -> KafkaResult<OwnedResourceSpecifier> {
    match resource_type {
        TOPIC => Ok(OwnedResourceSpecifier::Topic(name.to_owned())),
        GROUP => Ok(OwnedResourceSpecifier::Group(name.to_owned())),
        BROKER => name
            .parse()
            .map(OwnedResourceSpecifier::Broker)
            .map_err(|_| {
                let text = format!("bogus broker ID in kafka response: {name}");
                KafkaError::AdminOpCreation(text)
            }),
        other => {
            let text = format!("bogus resource type in kafka response: {other}");
            Err(KafkaError::AdminOpCreation(text))
        }
    }
}

/// Asks the broker that the resources call for.
///
/// # Errors
/// [`KafkaError::AdminOp`]: `InvalidArgument` without resources, `Conflict` with two brokers,
/// `OperationTimedOut` if the broker is not there, or no answer comes.
async fn ask<R: Api + Clone>(
    core: &ClientCore,
    request: R,
    resources: &[Resource],
    deadline: Duration,
) -> KafkaResult<R::Response> {
    let mut brokers = resources.iter().filter(|(kind, _)| *kind == BROKER);
    let answer = match (resources, brokers.next(), brokers.next()) {
        ([], ..) => Err(RDKafkaErrorCode::InvalidArgument),
        (_, Some(_), Some(_)) => Err(RDKafkaErrorCode::Conflict),
        (_, Some((_, id)), None) => match id.parse() {
            Ok(id) => ask_node(core, request, id, deadline).await,
            Err(_) => Err(RDKafkaErrorCode::InvalidArgument),
        },
        (_, None, _) => {
            let answered = core.call_any(request, Some(deadline)).await;
            answered.map(|(response, _)| response)
        }
    };
    answer.map_err(KafkaError::AdminOp)
}

/// Waits for a broker to be known and asks it.
async fn ask_node<R: Api + Clone>(
    core: &ClientCore,
    request: R,
    id: i32,
    deadline: Duration,
) -> Result<R::Response, RDKafkaErrorCode> {
    let mut backoff = core.retry_backoff();
    loop {
        let node: Option<Arc<_>> = core.node(id);
        if let Some(node) = node {
            let call = node.call(request, core.settings().socket_timeout);
            let answer = until(Some(deadline), call).await;
            return answer.ok_or(RDKafkaErrorCode::OperationTimedOut)?;
        }
        core.fetch_metadata(Some(&[].into()), Some(deadline))
            .await?;
        let pause = backoff.step();
        if core.node(id).is_none() && time::now() + pause >= deadline {
            return Err(RDKafkaErrorCode::OperationTimedOut);
        }
        time::sleep(pause).await;
    }
}
