//! Checks a property's value as librdkafka does, and brings it into the form it is read back in.

use super::properties::{Kind, Property};
use crate::topic_patterns::TopicPatterns;

/// Why a value was refused, in librdkafka's words.
pub(crate) type Refusal = String;

/// The canonical form of `value` for `property`.
///
/// Rules: `rd_kafka_anyconf_set_prop` (rdkafka_conf.c).
pub(crate) fn canonical(property: &Property, value: &str) -> Result<String, Refusal> {
    let name = property.name;
    match property.kind {
        Kind::Text => Ok(value.trim_start().to_owned()),
        Kind::Patterns if TopicPatterns::parse(value).is_none() => Err(format!(
            "Invalid value for configuration property \"{name}\": not a list of regular expressions"
        )),
        Kind::Patterns => Ok(value.to_owned()),
        Kind::Boolean => boolean(name, value),
        Kind::Integer(min, max) => integer(name, value, min, max),
        Kind::Acks if value.eq_ignore_ascii_case("all") => Ok("-1".to_owned()),
        Kind::Acks => integer(name, value, -1, 1000),
        Kind::Float(min, max) => float(name, value, min, max),
        Kind::Choice(words) => choice(name, value, words),
        Kind::Flags(words) => flags(name, value, words),
        Kind::Checked(words) => checked(name, value, words),
        Kind::Dedicated => Err(format!(
            "Property \"{name}\" must be set through dedicated .._set_..() function"
        )),
    }
}

fn boolean(name: &str, value: &str) -> Result<String, Refusal> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok("true".to_owned()),
        "false" | "f" | "0" => Ok("false".to_owned()),
        _ => Err(format!("Expected bool value for \"{name}\": true or false")),
    }
}

fn integer(name: &str, value: &str, min: i64, max: i64) -> Result<String, Refusal> {
    if value.is_empty() {
        return Err(format!(
            "Integer configuration property \"{name}\" cannot be set to empty value"
        ));
    }
    let number = leading_integer(value)
        .ok_or_else(|| format!("Invalid value for configuration property \"{name}\""))?;
    if number < min || number > max {
        return Err(format!(
            "Configuration property \"{name}\" value {number} is outside allowed range {min}..{max}\n"
        ));
    }
    Ok(number.to_string())
}

/// The integer a text starts with, as C's `strtol` with base 0 reads it: what follows is ignored.
fn leading_integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(rest) => (16, rest),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let magnitude = i64::from_str_radix(&digits[..end], radix).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

fn float(name: &str, value: &str, min: f64, max: f64) -> Result<String, Refusal> {
    let number: f64 = value
        .trim()
        .parse()
        .map_err(|_| format!("Invalid value for configuration property \"{name}\""))?;
    if number < min || number > max {
        return Err(format!(
            "Configuration property \"{name}\" value {number} is outside allowed range {min}..{max}\n"
        ));
    }
    Ok(number.to_string())
}

fn choice(name: &str, value: &str, words: &[&str]) -> Result<String, Refusal> {
    let wanted = value.trim();
    words
        .iter()
        .find(|word| word.eq_ignore_ascii_case(wanted))
        .map(|word| first_name(word).to_owned())
        .ok_or_else(|| format!("Invalid value \"{wanted}\" for configuration property \"{name}\""))
}

/// As a choice, with the words of a property that is checked by a function of its own.
fn checked(name: &str, value: &str, words: &[&str]) -> Result<String, Refusal> {
    match words.contains(&value) {
        true => Ok(value.to_owned()),
        false => Err(format!(
            "Invalid value for configuration property \"{name}\": {value}"
        )),
    }
}

/// Values with several names are read back under the first (`auto.offset.reset`).
fn first_name(word: &str) -> &str {
    match word {
        "earliest" | "beginning" => "smallest",
        "latest" | "end" => "largest",
        other => other,
    }
}

fn flags(name: &str, value: &str, words: &[&str]) -> Result<String, Refusal> {
    let mut set: Vec<&str> = Vec::new();
    for item in value
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let (remove, item) = match item.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, item.strip_prefix('+').unwrap_or(item)),
        };
        let word = words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(item))
            .ok_or_else(|| {
                format!("Invalid value \"{item}\" for configuration property \"{name}\"")
            })?;
        set.retain(|present| present != word);
        if !remove {
            set.push(word);
        }
    }
    Ok(set.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::properties::{PROPERTIES, find};
    use super::*;

    fn set(name: &str, value: &str) -> Result<String, Refusal> {
        canonical(find(name).expect("a known property"), value)
    }

    #[test]
    fn every_default_is_a_value_the_property_takes() {
        for property in PROPERTIES {
            if let (Some(default), false) = (property.default, property.kind == Kind::Dedicated) {
                assert!(canonical(property, default).is_ok(), "{}", property.name);
            }
        }
    }

    #[test]
    fn every_alias_names_a_property_of_its_own_kind() {
        for property in PROPERTIES {
            if let Some(target) = property.alias_of {
                let target = find(target).expect("the target exists");
                assert_eq!(target.kind, property.kind, "{}", property.name);
                assert_eq!(target.honoured, property.honoured, "{}", property.name);
            }
        }
    }

    #[test]
    fn values_are_read_as_librdkafka_reads_them() {
        assert_eq!(set("session.timeout.ms", "6000").as_deref(), Ok("6000"));
        assert_eq!(set("session.timeout.ms", "6000ms").as_deref(), Ok("6000"));
        assert_eq!(set("session.timeout.ms", "0x10").as_deref(), Ok("16"));
        assert_eq!(set("enable.auto.commit", "T").as_deref(), Ok("true"));
        assert_eq!(
            set("auto.offset.reset", "earliest").as_deref(),
            Ok("smallest")
        );
        assert_eq!(set("acks", "ALL").as_deref(), Ok("-1"));
        assert_eq!(set("linger.ms", "0.5").as_deref(), Ok("0.5"));
        assert_eq!(set("debug", "cgrp,-cgrp,fetch").as_deref(), Ok("fetch"));
    }

    #[test]
    fn refusals_name_the_property_and_the_range() {
        assert_eq!(
            set("session.timeout.ms", "0"),
            Err(
                "Configuration property \"session.timeout.ms\" value 0 is outside allowed \
                 range 1..3600000\n"
                    .to_owned()
            )
        );
        assert_eq!(
            set("auto.offset.reset", "newest"),
            Err(
                "Invalid value \"newest\" for configuration property \"auto.offset.reset\""
                    .to_owned()
            )
        );
        assert_eq!(
            set("enable.auto.commit", "yes"),
            Err("Expected bool value for \"enable.auto.commit\": true or false".to_owned())
        );
        assert!(set("rebalance_cb", "x").is_err());
    }
}
