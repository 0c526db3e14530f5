//! Which events are compared: a share of them by the hash of a field, so that events which belong
//! together stay together, and the same events are taken every time.

use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Keeps the sample's hash apart from whatever pipelines do with theirs.
const HASH_SEED: u64 = 0x5a4d_504c;
const UNITS_PER_PERCENT: u64 = 1_000_000;

/// A share of all events, exact to a millionth of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    units: u64,
}

/// A share is not written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a share such as 1% or 0.25%, above 0% and at most 100%")]
pub struct ShareError;

impl Share {
    /// Everything.
    pub const ALL: Self = Self {
        units: 100 * UNITS_PER_PERCENT,
    };

    /// Whether `part` of `whole` is no more than this share.
    #[must_use]
    pub fn holds(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(Self::ALL.units) <= u128::from(whole) * u128::from(self.units)
    }

    /// A hash is taken if it is below this.
    fn threshold(self) -> u128 {
        (u128::from(self.units) << 64) / u128::from(Self::ALL.units)
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let number = text.trim().strip_suffix('%').ok_or(ShareError)?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || fraction.len() > 6 {
            return Err(ShareError);
        }
        if !digits(whole) || !digits(fraction) {
            return Err(ShareError);
        }
        let units: u64 = format!("{whole}{fraction:0<6}")
            .parse()
            .map_err(|_| ShareError)?;
        if units == 0 || units > Self::ALL.units {
            return Err(ShareError);
        }
        Ok(Self { units })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (
            self.units / UNITS_PER_PERCENT,
            self.units % UNITS_PER_PERCENT,
        );
        let fraction = format!("{fraction:06}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole} %"),
            fraction => write!(f, "{whole}.{fraction} %"),
        }
    }
}

/// Which events to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// How many of them.
    pub share: Share,
    /// The field whose hash decides: its keys, outermost first.
    pub by: Vec<String>,
}

impl Sample {
    /// Takes `share` by the field at the dotted path `by`.
    #[must_use]
    pub fn new(share: Share, by: &str) -> Self {
        Self {
            share,
            by: by.split('.').map(str::to_owned).collect(),
        }
    }

    /// Whether an event is taken. One that has no such field, or is no JSON object, is taken or
    /// left by the hash of all its bytes.
    #[must_use]
    pub fn takes(&self, event: &[u8]) -> bool {
        if self.share == Share::ALL {
            return true;
        }
        let field = field_text(event, &self.by);
        let bytes = field.as_ref().map_or(event, |text| text.as_bytes());
        u128::from(xxh3_64_with_seed(bytes, HASH_SEED)) < self.share.threshold()
    }
}

/// The text of the field at `path`: a text without its quotation marks, anything else as written.
fn field_text(event: &[u8], path: &[String]) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(event);
    let text = At(path).deserialize(&mut reader).ok()??;
    reader.end().ok()?;
    Some(text)
}

/// Finds the field at a path and skips everything else.
struct At<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            [] => {
                let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?.get();
                Ok(match serde_json::from_str::<Option<String>>(raw) {
                    Ok(text) => text,
                    Err(_) => Some(raw.to_owned()),
                })
            }
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if found.is_none() && key == first.as_str() {
                found = map.next_value_seed(At(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_and_written_as_read() {
        for (text, shown) in [
            ("1%", "1 %"),
            ("0.5%", "0.5 %"),
            ("100%", "100 %"),
            (" 12.25 %", "12.25 %"),
            ("0.000001%", "0.000001 %"),
        ] {
            assert_eq!(
                text.parse::<Share>().map(|share| share.to_string()),
                Ok(shown.to_owned())
            );
        }
        for text in [
            "1",
            "0%",
            "101%",
            "-1%",
            "1e2%",
            "%",
            ".5%",
            "0.0000001%",
            "+1%",
        ] {
            assert_eq!(text.parse::<Share>(), Err(ShareError), "{text}");
        }
    }

    #[test]
    fn a_field_is_found_wherever_it_stands() {
        let text = |event: &str, path: &str| {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            field_text(event.as_bytes(), &path)
        };
        assert_eq!(
            text(r#"{"x":[1],"id":"a\u00e9"}"#, "id").as_deref(),
            Some("aé")
        );
        assert_eq!(text(r#"{"id":7.0}"#, "id").as_deref(), Some("7.0"));
        assert_eq!(
            text(r#"{"actor":{"login":"u"},"id":1}"#, "actor.login").as_deref(),
            Some("u")
        );
        for event in [
            r#"{"id":null}"#,
            r#"{"id":"#,
            "[]",
            r#"{"other":1}"#,
            r#"{"id":1} x"#,
        ] {
            assert_eq!(text(event, "id"), None, "{event}");
        }
        assert_eq!(text(r#"{"actor":"u"}"#, "actor.login"), None);
    }

    #[test]
    fn the_sample_is_the_stated_share_keeps_users_together_and_never_changes() {
        let sample = Sample::new("10%".parse().expect("a share"), "user");
        let event = |user: u32, number: u32| format!(r#"{{"id":"{number}","user":"u{user}"}}"#);
        let taken: Vec<u32> = (0..10_000)
            .filter(|user| sample.takes(event(*user, 1).as_bytes()))
            .collect();
        assert!((850..1_150).contains(&taken.len()), "{}", taken.len());
        for user in 0..200 {
            let both = [1, 2].map(|number| sample.takes(event(user, number).as_bytes()));
            assert_eq!(both[0], both[1]);
        }
        // What is sampled is part of the contract: these never change.
        assert_eq!(taken[..8], [2, 24, 31, 35, 44, 59, 91, 92]);
        let larger = Sample::new("20%".parse().expect("a share"), "user");
        assert!(
            taken
                .iter()
                .all(|user| larger.takes(event(*user, 1).as_bytes()))
        );
    }
}
