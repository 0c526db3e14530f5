//! What the value of a setting may be.

/// `DescribeConfigsResponse.ConfigType`, as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigType {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// A type with its bounds (`ConfigDef.Type` and `ConfigDef.Validator`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ConfigValue {
    /// `true` or `false`.
    Boolean,
    /// An integer of 32 bits within these bounds.
    Int(i32, i32),
    /// An integer of 64 bits within these bounds.
    Long(i64, i64),
    /// A number within these bounds.
    Double(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any of these words, with commas between.
    ListOf(&'static [&'static str]),
    /// Replicas whose replication is slowed, or `*`: only none here, as nothing is slowed.
    ThrottledReplicas,
}

impl ConfigValue {
    /// An integer of 32 bits from here on.
    pub(crate) const fn int(least: i32) -> Self {
        Self::Int(least, i32::MAX)
    }

    /// An integer of 64 bits from here on.
    pub(crate) const fn long(least: i64) -> Self {
        Self::Long(least, i64::MAX)
    }

    pub(crate) const fn config_type(self) -> ConfigType {
        match self {
            Self::Boolean => ConfigType::Boolean,
            Self::Int(..) => ConfigType::Int,
            Self::Long(..) => ConfigType::Long,
            Self::Double(..) => ConfigType::Double,
            Self::OneOf(_) => ConfigType::String,
            Self::ListOf(_) | Self::ThrottledReplicas => ConfigType::List,
        }
    }

    /// The value as Kafka keeps it: without spaces around. The error says what it must be.
    pub(crate) fn parse(self, text: &str) -> Result<String, String> {
        let text = text.trim();
        let is_valid = match self {
            Self::Boolean => matches!(&*text.to_ascii_lowercase(), "true" | "false"),
            Self::Int(least, most) => text.parse().is_ok_and(|n| (least..=most).contains(&n)),
            Self::Long(least, most) => text.parse().is_ok_and(|n| (least..=most).contains(&n)),
            Self::Double(least, most) => text.parse().is_ok_and(|n| (least..=most).contains(&n)),
            Self::OneOf(words) => words.contains(&text),
            Self::ListOf(words) => list(text).all(|word| words.contains(&word)),
            Self::ThrottledReplicas => text.is_empty(),
        };
        match (is_valid, self) {
            (false, _) => Err(format!("invalid value {text}: it must be {}", self.words())),
            (true, Self::Boolean) => Ok(text.to_ascii_lowercase()),
            (true, Self::ListOf(_)) => Ok(join(list(text))),
            (true, _) => Ok(text.to_owned()),
        }
    }

    /// What it must be, in words for people.
    fn words(self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Int(least, i32::MAX) => format!("an integer not below {least}"),
            Self::Int(least, most) => format!("an integer from {least} to {most}"),
            Self::Long(least, i64::MAX) => format!("an integer not below {least}"),
            Self::Long(least, most) => format!("an integer from {least} to {most}"),
            Self::Double(least, most) => format!("a number from {least} to {most}"),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::ListOf(words) => format!("a list of {}", words.join(", ")),
            Self::ThrottledReplicas => "empty, as nothing is throttled here".to_owned(),
        }
    }
}

/// The words of a list.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(',').map(str::trim);
    words.filter(|word| !word.is_empty())
}

/// Words as a list, each once.
pub(crate) fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for word in words {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    distinct.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_its_type_and_bounds_allow() {
        let policy = ConfigValue::ListOf(&["compact", "delete"]);
        for (value, text, parsed) in [
            (ConfigValue::Boolean, " TRUE ", Some("true")),
            (ConfigValue::Boolean, "yes", None),
            (ConfigValue::int(14), "14", Some("14")),
            (ConfigValue::int(14), "13", None),
            (ConfigValue::int(0), "2147483648", None),
            (ConfigValue::long(-1), "2147483648", Some("2147483648")),
            (ConfigValue::long(-1), "soon", None),
            (ConfigValue::long(-1), "", None),
            (ConfigValue::Double(0.0, 1.0), "0.01", Some("0.01")),
            (ConfigValue::Double(0.0, 1.0), "1.5", None),
            (ConfigValue::Double(0.0, 1.0), "NaN", None),
            (policy, "compact, delete,compact", Some("compact,delete")),
            (policy, "", Some("")),
            (policy, "compact,bogus", None),
            (ConfigValue::ThrottledReplicas, "0:1", None),
        ] {
            assert_eq!(
                value.parse(text).ok().as_deref(),
                parsed,
                "{value:?} {text}"
            );
        }
    }
}
