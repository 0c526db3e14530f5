//! The parts of responses that scripts do not show.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ResponseKind;

use super::super::join::error_response;

#[test]
fn before_version_7_a_protocol_name_is_never_null() {
    let name = |version| {
        let ResponseKind::JoinGroup(response) =
            error_response(version, "", ResponseError::UnknownMemberId)
        else {
            panic!("a JoinGroup response");
        };
        response.protocol_name.map(|name| name.to_string())
    };
    assert_eq!(name(6), Some(String::new()));
    assert_eq!(name(7), None);
}
