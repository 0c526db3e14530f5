use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as Replace, AlterableConfig as Replacement,
};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource as Alter, AlterableConfig as Alteration,
};
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
};
use kafka_protocol::protocol::StrBytes;

use crate::config::BrokerSettings;
use crate::testing::{Lab, ask};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// The settings of a resource, or the error.
fn describe(
    lab: &mut Lab,
    broker: i32,
    (kind, name): (i8, &str),
    keys: &[&str],
) -> Result<Vec<DescribeConfigsResourceResult>, ResponseError> {
    let keys = keys.iter().map(|key| text(key)).collect();
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(keys));
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true);
    let result = ask!(lab, broker, 4, DescribeConfigs(request))
        .results
        .remove(0);
    match ResponseError::try_from_code(result.error_code) {
        None => Ok(result.configs),
        Some(error) => Err(error),
    }
}

/// `VALUE`, then `NAME=VALUE SOURCE` of every synonym.
fn described(lab: &mut Lab, broker: i32, resource: (i8, &str), key: &str) -> Vec<String> {
    let mut configs = describe(lab, broker, resource, &[key]).unwrap();
    assert_eq!(configs.len(), 1, "{key}");
    let config = configs.remove(0);
    let or_null = |value: Option<StrBytes>| value.map_or("null".to_owned(), |v| v.to_string());
    let synonyms = config
        .synonyms
        .into_iter()
        .map(|one| format!("{}={} {}", one.name, or_null(one.value), one.source));
    [or_null(config.value)]
        .into_iter()
        .chain(synonyms)
        .collect()
}

fn alter(
    lab: &mut Lab,
    broker: i32,
    (kind, name): (i8, &str),
    alterations: &[(i8, &str, Option<&str>)],
) -> Option<ResponseError> {
    let configs = alterations.iter().map(|(operation, key, value)| {
        Alteration::default()
            .with_config_operation(*operation)
            .with_name(text(key))
            .with_value(value.map(text))
    });
    let resource = Alter::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let response = ask!(lab, broker, 1, IncrementalAlterConfigs(request));
    ResponseError::try_from_code(response.responses[0].error_code)
}

fn replacing(name: &str, configs: &[(&str, &str)]) -> AlterConfigsRequest {
    let configs = configs.iter().map(|(key, value)| {
        Replacement::default()
            .with_name(text(key))
            .with_value(Some(text(value)))
    });
    let resource = Replace::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    AlterConfigsRequest::default().with_resources(vec![resource])
}

fn lab() -> Lab {
    let mut lab = Lab::with_settings(
        2,
        BrokerSettings {
            num_partitions: 7,
            log_segment_bytes: 2_000_000,
            ..BrokerSettings::default()
        },
    );
    lab.create_topic("t", &[1]);
    lab
}

#[test]
fn a_setting_shows_every_value_it_was_given_and_the_one_that_decides() {
    let mut lab = lab();
    let of_topic = |lab: &mut Lab, key| described(lab, 1, (TOPIC, "t"), key);
    assert_eq!(
        of_topic(&mut lab, "max.message.bytes"),
        ["1048588", "message.max.bytes=1048588 5"]
    );
    assert_eq!(
        of_topic(&mut lab, "segment.bytes"),
        [
            "2000000",
            "log.segment.bytes=2000000 4",
            "log.segment.bytes=1073741824 5"
        ]
    );
    assert_eq!(of_topic(&mut lab, "retention.ms"), ["604800000"]);
    assert_eq!(of_topic(&mut lab, "flush.ms"), ["9223372036854775807"]);
    assert_eq!(
        of_topic(&mut lab, "min.insync.replicas"),
        ["1", "min.insync.replicas=1 3", "min.insync.replicas=1 5"]
    );
    assert_eq!(
        alter(
            &mut lab,
            1,
            (TOPIC, "t"),
            &[(SET, "retention.ms", Some(" 9 "))]
        ),
        None
    );
    assert_eq!(
        alter(
            &mut lab,
            1,
            (BROKER, "1"),
            &[(SET, "log.retention.ms", Some("6000"))]
        ),
        None
    );
    assert_eq!(
        alter(
            &mut lab,
            2,
            (BROKER, ""),
            &[(SET, "log.retention.ms", Some("7000"))]
        ),
        None
    );
    assert_eq!(
        of_topic(&mut lab, "retention.ms"),
        [
            "9",
            "retention.ms=9 1",
            "log.retention.ms=6000 2",
            "log.retention.ms=7000 3",
            "log.retention.hours=168 5"
        ]
    );
    assert_eq!(
        described(&mut lab, 2, (BROKER, "2"), "log.roll.ms"),
        ["null"]
    );
    assert_eq!(
        described(&mut lab, 2, (BROKER, ""), "log.retention.ms"),
        ["7000", "log.retention.ms=7000 3"]
    );
}

#[test]
fn only_what_is_asked_for_is_shown_and_what_may_change_is_marked() {
    let mut lab = lab();
    let all = describe(&mut lab, 1, (TOPIC, "t"), &[]).unwrap();
    assert_eq!(all.len(), 37);
    assert!(all.is_sorted_by_key(|config| config.name.clone()));
    let [ratio] = &describe(&mut lab, 1, (TOPIC, "t"), &["min.cleanable.dirty.ratio"]).unwrap()[..]
    else {
        panic!("one was asked for");
    };
    assert_eq!((ratio.config_type, ratio.read_only), (6, false));
    let partitions = describe(&mut lab, 1, (BROKER, "1"), &["num.partitions"]).unwrap();
    assert_eq!(
        (partitions[0].read_only, partitions[0].config_source),
        (true, 4)
    );
    for (resource, error) in [
        ((TOPIC, "nowhere"), ResponseError::UnknownTopicOrPartition),
        ((TOPIC, "not a topic"), ResponseError::InvalidTopicException),
        ((BROKER, "2"), ResponseError::InvalidRequest),
        ((BROKER, "x"), ResponseError::InvalidRequest),
        ((32, "g"), ResponseError::InvalidRequest),
    ] {
        assert_eq!(
            describe(&mut lab, 1, resource, &[]),
            Err(error),
            "{resource:?}"
        );
    }
}

#[test]
fn a_changed_setting_takes_effect() {
    let mut lab = lab();
    assert_eq!(lab.produce(1, "t", 0, &["abcdefgh"]).error_code, 0);
    assert_eq!(
        alter(
            &mut lab,
            2,
            (TOPIC, "t"),
            &[(SET, "max.message.bytes", Some("70"))]
        ),
        None
    );
    let too_large = ResponseError::MessageTooLarge.code();
    assert_eq!(lab.produce(1, "t", 0, &["abcdefgh"]).error_code, too_large);
    assert_eq!(
        alter(
            &mut lab,
            1,
            (TOPIC, "t"),
            &[(DELETE, "max.message.bytes", None)]
        ),
        None
    );
    assert_eq!(lab.produce(1, "t", 0, &["abcdefgh"]).error_code, 0);

    // A broker's setting is that of its own partitions.
    lab.create_topic("u", &[2]);
    assert_eq!(
        alter(
            &mut lab,
            1,
            (BROKER, "1"),
            &[(SET, "message.max.bytes", Some("70"))]
        ),
        None
    );
    assert_eq!(lab.produce(1, "t", 0, &["abcdefgh"]).error_code, too_large);
    assert_eq!(lab.produce(2, "u", 0, &["abcdefgh"]).error_code, 0);
    assert_eq!(
        alter(
            &mut lab,
            1,
            (BROKER, ""),
            &[(SET, "message.max.bytes", Some("71"))]
        ),
        None
    );
    assert_eq!(lab.produce(2, "u", 0, &["abcdefgh"]).error_code, too_large);

    // The records are of 1970.
    assert_eq!(
        alter(
            &mut lab,
            1,
            (TOPIC, "t"),
            &[(SET, "retention.ms", Some("-1"))]
        ),
        None
    );
    lab.advance_ms(30_000);
    lab.cluster.tick(lab.now);
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_start_offset(), 0);
    assert_eq!(
        alter(
            &mut lab,
            1,
            (TOPIC, "t"),
            &[(SET, "retention.ms", Some("1"))]
        ),
        None
    );
    lab.advance_ms(300_000);
    lab.cluster.tick(lab.now);
    assert_eq!(lab.cluster.log("t", 0).unwrap().log_start_offset(), 2);
}

#[test]
fn what_kafka_would_refuse_is_refused_and_changes_nothing() {
    let mut lab = lab();
    let before = lab.cluster.topic("t").unwrap().config.clone();
    use ResponseError::{
        InvalidConfig, InvalidRequest, InvalidTopicException, UnknownTopicOrPartition,
    };
    for (resource, alteration, error) in [
        (
            (TOPIC, "t"),
            (SET, "retention.ms", Some("soon")),
            InvalidConfig,
        ),
        (
            (TOPIC, "t"),
            (SET, "retention.ms", Some("-2")),
            InvalidConfig,
        ),
        ((TOPIC, "t"), (SET, "retention.ms", None), InvalidRequest),
        ((TOPIC, "t"), (9, "retention.ms", Some("1")), InvalidRequest),
        ((TOPIC, "t"), (SET, "bogus", Some("1")), InvalidConfig),
        (
            (TOPIC, "t"),
            (APPEND, "retention.ms", Some("1")),
            InvalidConfig,
        ),
        (
            (TOPIC, "t"),
            (APPEND, "cleanup.policy", Some("bogus")),
            InvalidConfig,
        ),
        (
            (TOPIC, "t"),
            (SET, "segment.bytes", Some("100")),
            InvalidConfig,
        ),
        (
            (TOPIC, "nowhere"),
            (SET, "retention.ms", Some("1")),
            UnknownTopicOrPartition,
        ),
        (
            (TOPIC, "not a topic"),
            (SET, "retention.ms", Some("1")),
            InvalidTopicException,
        ),
        (
            (BROKER, "1"),
            (SET, "num.partitions", Some("3")),
            InvalidRequest,
        ),
        (
            (BROKER, "1"),
            (SET, "message.max.bytes", Some("x")),
            InvalidRequest,
        ),
        (
            (BROKER, "2"),
            (SET, "message.max.bytes", Some("1")),
            InvalidRequest,
        ),
    ] {
        let refused = alter(&mut lab, 1, resource, &[alteration]);
        assert_eq!(refused, Some(error), "{resource:?} {alteration:?}");
    }
    // All of a resource's alterations, or none.
    let mixed = [
        (SET, "retention.ms", Some("5")),
        (SET, "segment.ms", Some("0")),
    ];
    assert_eq!(
        alter(&mut lab, 1, (TOPIC, "t"), &mixed),
        Some(InvalidConfig)
    );
    let twice = [
        (SET, "retention.ms", Some("5")),
        (DELETE, "retention.ms", None),
    ];
    assert_eq!(
        alter(&mut lab, 1, (TOPIC, "t"), &twice),
        Some(InvalidRequest)
    );
    let validated = replacing("t", &[("retention.ms", "5")]).with_validate_only(true);
    assert_eq!(
        ask!(lab, 1, 2, AlterConfigs(validated)).responses[0].error_code,
        0
    );
    let mut doubled = replacing("t", &[]);
    doubled.resources.push(doubled.resources[0].clone());
    let answers = ask!(lab, 1, 2, AlterConfigs(doubled)).responses;
    let codes: Vec<i16> = answers.iter().map(|answer| answer.error_code).collect();
    assert_eq!(codes, [InvalidRequest.code(); 2]);
    assert_eq!(lab.cluster.topic("t").unwrap().config, before);
    assert_eq!(
        alter(&mut lab, 1, (TOPIC, "t"), &[(DELETE, "bogus", None)]),
        None
    );
}

#[test]
fn the_old_way_resets_what_it_does_not_name() {
    let mut lab = lab();
    let given = [
        (SET, "retention.ms", Some("5")),
        (SET, "segment.ms", Some("6")),
    ];
    assert_eq!(alter(&mut lab, 1, (TOPIC, "t"), &given), None);
    let replace = replacing("t", &[("segment.ms", "7")]);
    assert_eq!(
        ask!(lab, 1, 2, AlterConfigs(replace)).responses[0].error_code,
        0
    );
    let topic = lab.cluster.topic("t").unwrap();
    assert_eq!(
        topic.config.entries().collect::<Vec<_>>(),
        [("segment.ms", "7")]
    );
}

#[test]
fn a_list_grows_and_shrinks() {
    let mut lab = lab();
    let delete = Some("delete");
    assert_eq!(
        alter(
            &mut lab,
            1,
            (TOPIC, "t"),
            &[(APPEND, "cleanup.policy", delete)]
        ),
        None
    );
    let policy = |lab: &mut Lab| described(lab, 1, (TOPIC, "t"), "cleanup.policy").remove(0);
    assert_eq!(policy(&mut lab), "delete");
    assert_eq!(
        alter(
            &mut lab,
            1,
            (TOPIC, "t"),
            &[(SUBTRACT, "cleanup.policy", delete)]
        ),
        None
    );
    assert_eq!(policy(&mut lab), "");
}
