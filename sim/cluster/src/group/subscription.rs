//! The topics in a consumer's protocol metadata (`ConsumerProtocolSubscription`).

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};

/// The topics that a subscription of any version names: version 0 (version, topics, user data) is
/// a prefix of every later one. `None` if it can't be read.
pub(super) fn topics(mut metadata: Bytes) -> Option<BTreeSet<String>> {
    metadata.try_get_i16().ok()?;
    let count = metadata.try_get_i32().ok()?;
    (0..count).map(|_| string(&mut metadata)).collect()
}

fn string(from: &mut Bytes) -> Option<String> {
    let length = usize::try_from(from.try_get_i16().ok()?).ok()?;
    if from.remaining() < length {
        return None;
    }
    String::from_utf8(from.split_to(length).to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_any_version_are_read() {
        let metadata = Bytes::from_static(b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xffmore");
        assert_eq!(topics(metadata), Some(["a".into(), "bc".into()].into()));
    }

    #[test]
    fn what_is_no_subscription_has_no_topics() {
        for bytes in [
            &b""[..],
            b"\0\x01\0\0\0\x01\0\x09a",
            b"\0\0\0\0\0\x01\xff\xff",
        ] {
            assert_eq!(topics(Bytes::from(bytes)), None, "{bytes:?}");
        }
    }
}
