//! A setting for the pipeline: a value, a list to choose from, or a range of numbers.

use std::fmt;

use rand::Rng;
use rand::seq::IndexedRandom;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::range::Range;

/// What the seed draws a setting from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// One of these; a fixed value is a list of one. Never empty.
    OneOf(Vec<String>),
    /// A number: `"100..1000"`, both ends included.
    Number(Range<u64>),
}

impl Choice {
    /// The setting's value as text.
    pub fn draw(&self, random: &mut impl Rng) -> String {
        match self {
            Self::OneOf(values) => values.choose(random).cloned().unwrap_or_default(),
            Self::Number(range) => range.draw(random).to_string(),
        }
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

struct ChoiceVisitor;

impl ChoiceVisitor {
    fn fixed(value: impl fmt::Display) -> Choice {
        Choice::OneOf(vec![value.to_string()])
    }
}

impl<'de> Visitor<'de> for ChoiceVisitor {
    type Value = Choice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list of values, or a range such as \"100..1000\"")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Choice, E> {
        Ok(Self::fixed(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Choice, E> {
        Ok(Self::fixed(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Choice, E> {
        Ok(Self::fixed(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Choice, E> {
        Ok(Self::fixed(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Choice, E> {
        Ok(
            match value.contains("..").then(|| Range::parse(value)).flatten() {
                Some(range) => Choice::Number(range),
                None => Self::fixed(value),
            },
        )
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choice, A::Error> {
        let mut values = Vec::new();
        while let Some(Choice::OneOf(value)) = list.next_element()? {
            values.extend(value);
        }
        if values.is_empty() {
            return Err(de::Error::invalid_length(0, &self));
        }
        Ok(Choice::OneOf(values))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn read(toml: &str) -> Choice {
        #[derive(serde::Deserialize)]
        struct Wrapper {
            value: Choice,
        }
        toml::from_str::<Wrapper>(&format!("value = {toml}"))
            .expect("a choice")
            .value
    }

    #[test]
    fn choices_read_as_written() {
        assert_eq!(read("500"), Choice::OneOf(vec!["500".to_owned()]));
        assert_eq!(read("true"), Choice::OneOf(vec!["true".to_owned()]));
        assert_eq!(
            read("[\"range\", \"cooperative-sticky\"]"),
            Choice::OneOf(vec!["range".to_owned(), "cooperative-sticky".to_owned()])
        );
        assert_eq!(
            read("\"100..1_000\""),
            Choice::Number(Range {
                low: 100,
                high: 1000
            })
        );
        assert_eq!(read("\"a..b\""), Choice::OneOf(vec!["a..b".to_owned()]));
    }

    #[test]
    fn every_listed_value_is_drawn_sometimes() {
        let choice = read("[1, 2, 3]");
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let drawn: std::collections::BTreeSet<String> =
            (0..100).map(|_| choice.draw(&mut random)).collect();
        assert_eq!(drawn.len(), 3);
    }
}
