//! Which requests are served, in which versions, and how ApiVersions says so.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::VersionRange;

/// Every served request with its versions, in the order of the keys.
const SERVED: &[(ApiKey, VersionRange)] = &[
    (ApiKey::Produce, versions(3, 13)),
    (ApiKey::Fetch, versions(4, 18)),
    (ApiKey::ListOffsets, versions(1, 10)),
    (ApiKey::Metadata, versions(0, 13)),
    (ApiKey::OffsetCommit, versions(2, 9)),
    (ApiKey::OffsetFetch, versions(1, 9)),
    (ApiKey::FindCoordinator, versions(0, 6)),
    (ApiKey::JoinGroup, versions(0, 9)),
    (ApiKey::Heartbeat, versions(0, 4)),
    (ApiKey::LeaveGroup, versions(0, 5)),
    (ApiKey::SyncGroup, versions(0, 5)),
    (ApiKey::DescribeGroups, versions(0, 6)),
    (ApiKey::ListGroups, versions(0, 5)),
    (ApiKey::ApiVersions, versions(0, 4)),
    (ApiKey::CreateTopics, versions(2, 7)),
    (ApiKey::DeleteTopics, versions(1, 6)),
    (ApiKey::DeleteRecords, versions(0, 2)),
    (ApiKey::InitProducerId, versions(0, 5)),
    (ApiKey::OffsetForLeaderEpoch, versions(2, 4)),
    // Version 5 of EndTxn and TxnOffsetCommit is transaction version 2 of KIP-890, which a client
    // uses only where the feature is finalized.
    (ApiKey::AddPartitionsToTxn, versions(0, 5)),
    (ApiKey::AddOffsetsToTxn, versions(0, 4)),
    (ApiKey::EndTxn, versions(0, 4)),
    (ApiKey::TxnOffsetCommit, versions(0, 4)),
    (ApiKey::DescribeConfigs, versions(1, 4)),
    (ApiKey::AlterConfigs, versions(0, 2)),
    (ApiKey::CreatePartitions, versions(0, 3)),
    (ApiKey::DeleteGroups, versions(0, 2)),
    (ApiKey::IncrementalAlterConfigs, versions(0, 1)),
    (ApiKey::OffsetDelete, versions(0, 0)),
    (ApiKey::DescribeCluster, versions(0, 2)),
    (ApiKey::ConsumerGroupHeartbeat, versions(0, 1)),
    (ApiKey::ConsumerGroupDescribe, versions(0, 1)),
];

const fn versions(min: i16, max: i16) -> VersionRange {
    VersionRange { min, max }
}

/// Every served request.
#[cfg(test)]
pub(crate) fn advertised_keys() -> impl Iterator<Item = ApiKey> {
    SERVED.iter().map(|(key, _)| *key)
}

/// The versions in which a request is served; `None` if it isn't.
pub fn served_versions(key: ApiKey) -> Option<VersionRange> {
    let found = SERVED
        .iter()
        .find(|(served, _)| *served as i16 == key as i16);
    found.map(|(_, range)| *range)
}

/// Whether a request is served in that version.
pub fn is_served(key: ApiKey, version: i16) -> bool {
    served_versions(key).is_some_and(|range| (range.min..=range.max).contains(&version))
}

/// Answers ApiVersions. The second value is the version to encode the answer in: a version this
/// cluster doesn't know is answered in version 0, with UNSUPPORTED_VERSION (KIP-511).
pub(crate) fn handle(request: &ApiVersionsRequest, version: i16) -> (ApiVersionsResponse, i16) {
    if !is_served(ApiKey::ApiVersions, version) {
        let own = SERVED
            .iter()
            .filter(|(key, _)| matches!(key, ApiKey::ApiVersions));
        let response = ApiVersionsResponse::default()
            .with_error_code(ResponseError::UnsupportedVersion.code())
            .with_api_keys(own.map(advertised).collect());
        return (response, 0);
    }
    let named = |text: &str| is_software_word(text);
    if version >= 3
        && !(named(&request.client_software_name) && named(&request.client_software_version))
    {
        let response =
            ApiVersionsResponse::default().with_error_code(ResponseError::InvalidRequest.code());
        return (response, version);
    }
    let response =
        ApiVersionsResponse::default().with_api_keys(SERVED.iter().map(advertised).collect());
    (response, version)
}

fn advertised((key, range): &(ApiKey, VersionRange)) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(*key as i16)
        .with_min_version(range.min)
        .with_max_version(range.max)
}

/// Letters, digits, dots and dashes, the first and last a letter or digit
/// (`ApiVersionsRequest.SOFTWARE_NAME_VERSION_PATTERN`).
fn is_software_word(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    outer(text.chars().next()) && outer(text.chars().last()) && text.chars().all(inner)
}
