//! Which topic names are legal.

/// The topic that holds committed offsets and group metadata.
pub const GROUP_METADATA_TOPIC_NAME: &str = "__consumer_offsets";

/// The topic that holds transaction state.
pub const TRANSACTION_STATE_TOPIC_NAME: &str = "__transaction_state";

const MAX_NAME_LENGTH: usize = 249;

/// Whether clients may not write to the topic directly (`Topic.isInternal`).
pub fn is_internal(name: &str) -> bool {
    name == GROUP_METADATA_TOPIC_NAME || name == TRANSACTION_STATE_TOPIC_NAME
}

/// Says what is wrong with a topic name, if anything (`Topic.validate`).
pub fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("topic name is empty");
    }
    if name == "." || name == ".." {
        return Err("topic name cannot be \".\" or \"..\"");
    }
    if name.len() > MAX_NAME_LENGTH {
        return Err("topic name is longer than 249 characters");
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !name.chars().all(legal) {
        return Err(
            "topic name has a character other than ASCII letters, digits, '.', '_' and '-'",
        );
    }
    Ok(())
}

/// Whether two names would share a metric name (`Topic.hasCollision`).
pub fn collide(one: &str, other: &str) -> bool {
    if one.len() != other.len() || !one.contains(['.', '_']) {
        return one == other;
    }
    let folded = |byte: u8| if byte == b'.' { b'_' } else { byte };
    one.bytes().map(folded).eq(other.bytes().map(folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_names_are_those_of_kafka() {
        for name in ["a", "trades", "a.b_c-D9", &"x".repeat(249)] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", "a b", "a/b", "ä", &"x".repeat(250)] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_dot_collides_with_an_underscore() {
        assert!(collide("a.b", "a_b"));
        assert!(!collide("a-b", "a_b"));
        assert!(!collide("a.b", "a_b_"));
    }
}
