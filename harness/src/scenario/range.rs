//! Values that the seed draws: a fixed one (`3`) or an inclusive range (`"2..5"`).

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use rand::Rng;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// An inclusive range; a fixed value has equal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    /// The smallest value a seed can draw.
    pub low: T,
    /// The largest value a seed can draw.
    pub high: T,
}

/// A share, in parts per million, so that `0.1%` is exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    /// Parts per million; at most 1,000,000.
    pub parts_per_million: u32,
}

/// What can stand in a [`Range`].
pub trait Drawable: Copy + PartialOrd + Sized {
    /// For error texts: how one value and a range are written.
    const EXAMPLE: &'static str;
    /// Reads one end of a range.
    fn parse(text: &str) -> Option<Self>;
    /// Reads a bare TOML integer; none where a unit is needed.
    fn from_integer(value: u64) -> Option<Self>;
    /// The value in its smallest unit.
    fn units(self) -> u64;
    /// The value of so many smallest units.
    fn from_units(units: u64) -> Self;
}

impl Drawable for u64 {
    const EXAMPLE: &'static str = "a number such as 3, or a range such as \"2..5\"";

    fn parse(text: &str) -> Option<Self> {
        text.replace('_', "").parse().ok()
    }

    fn from_integer(value: u64) -> Option<Self> {
        Some(value)
    }

    fn units(self) -> u64 {
        self
    }

    fn from_units(units: u64) -> Self {
        units
    }
}

impl Drawable for Percent {
    const EXAMPLE: &'static str = "a share such as \"1%\", or a range such as \"0%..5%\"";

    fn parse(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 4 {
            return None;
        }
        let whole: u32 = whole.parse().ok()?;
        let fraction: u32 = format!("{fraction:0<4}").parse().ok()?;
        let parts_per_million = whole.checked_mul(10_000)?.checked_add(fraction)?;
        (parts_per_million <= 1_000_000).then_some(Self { parts_per_million })
    }

    fn from_integer(_: u64) -> Option<Self> {
        None
    }

    fn units(self) -> u64 {
        u64::from(self.parts_per_million)
    }

    fn from_units(units: u64) -> Self {
        Self {
            parts_per_million: units.min(1_000_000) as u32,
        }
    }
}

impl Drawable for Duration {
    const EXAMPLE: &'static str =
        "a time such as \"12s\" or \"200ms\", or a range such as \"1s..10s\"";

    fn parse(text: &str) -> Option<Self> {
        let end_of_number = text.find(|c: char| !c.is_ascii_digit() && c != '_')?;
        let (number, unit) = text.split_at(end_of_number);
        let number: u64 = number.replace('_', "").parse().ok()?;
        let micros = match unit.trim() {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "min" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return None,
        };
        Some(Self::from_micros(number.checked_mul(micros)?))
    }

    fn from_integer(_: u64) -> Option<Self> {
        None
    }

    fn units(self) -> u64 {
        self.as_micros() as u64
    }

    fn from_units(units: u64) -> Self {
        Self::from_micros(units)
    }
}

/// A time forward or, where negative, back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    /// In microseconds.
    pub micros: i64,
}

impl Drawable for Shift {
    const EXAMPLE: &'static str =
        "a time forward or back such as \"-90s\", or a range such as \"-1d..1d\"";

    fn parse(text: &str) -> Option<Self> {
        let (text, sign) = match text.strip_prefix('-') {
            Some(text) => (text, -1),
            None => (text, 1),
        };
        let micros = i64::try_from(Duration::parse(text)?.as_micros()).ok()?;
        Some(Self {
            micros: sign * micros,
        })
    }

    fn from_integer(_: u64) -> Option<Self> {
        None
    }

    fn units(self) -> u64 {
        signed_units(self.micros)
    }

    fn from_units(units: u64) -> Self {
        Self {
            micros: from_signed_units(units),
        }
    }
}

impl Drawable for i64 {
    const EXAMPLE: &'static str = "a number such as -3, or a range such as \"-500..500\"";

    fn parse(text: &str) -> Option<Self> {
        text.replace('_', "").parse().ok()
    }

    fn from_integer(value: u64) -> Option<Self> {
        value.try_into().ok()
    }

    fn units(self) -> u64 {
        signed_units(self)
    }

    fn from_units(units: u64) -> Self {
        from_signed_units(units)
    }
}

/// Maps the smallest number to 0, so that the order is the same.
fn signed_units(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

fn from_signed_units(units: u64) -> i64 {
    (units ^ (1 << 63)).cast_signed()
}

impl<T: Drawable> Range<T> {
    /// A range of one value.
    #[must_use]
    pub fn fixed(value: T) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// Reads `2`, or `2..5` with both ends included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.split_once("..") {
            None => T::parse(text).map(Self::fixed),
            Some((low, high)) => {
                let range = Self {
                    low: T::parse(low.trim())?,
                    high: T::parse(high.trim())?,
                };
                (range.low <= range.high).then_some(range)
            }
        }
    }

    /// One value of the range, each equally likely.
    pub fn draw(&self, random: &mut impl Rng) -> T {
        T::from_units(random.random_range(self.low.units()..=self.high.units()))
    }
}

impl<'de, T: Drawable> Deserialize<'de> for Range<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RangeVisitor(PhantomData))
    }
}

struct RangeVisitor<T>(PhantomData<T>);

impl<T: Drawable> Visitor<'_> for RangeVisitor<T> {
    type Value = Range<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXAMPLE)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        u64::try_from(value)
            .ok()
            .and_then(T::from_integer)
            .map(Range::fixed)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        T::from_integer(value)
            .map(Range::fixed)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        Range::parse(value).ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn percent(text: &str) -> Option<u32> {
        Percent::parse(text).map(|p| p.parts_per_million)
    }

    #[test]
    fn percents_are_exact() {
        assert_eq!(percent("0.1%"), Some(1_000));
        assert_eq!(percent("0.0001%"), Some(1));
        assert_eq!(percent("100%"), Some(1_000_000));
        for wrong in ["1", "%", "1.%", "101%", "0.00001%", "-1%", "1,5%"] {
            assert_eq!(percent(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(
            Duration::parse("1_500ms"),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(Duration::parse("2min"), Some(Duration::from_secs(120)));
        for wrong in ["12", "s", "1.5s", "-1s", "1y", ""] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_goes_upwards() {
        assert_eq!(Range::<u64>::parse("2..5"), Some(Range { low: 2, high: 5 }));
        assert_eq!(Range::<u64>::parse("5..2"), None);
        assert_eq!(Range::<u64>::parse("2.."), None);
    }

    #[test]
    fn shifts_go_both_ways() {
        let micros = |text: &str| Shift::parse(text).map(|shift| shift.micros);
        assert_eq!(micros("-1d"), Some(-86_400_000_000));
        assert_eq!(micros("2h"), Some(7_200_000_000));
        assert_eq!(micros("--1d"), None);
        assert!(Range::<Shift>::parse("-1d..1d").is_some());
        assert_eq!(Range::<Shift>::parse("1d..-1d"), None);
        assert_eq!(
            Range::<i64>::parse("-5..-2"),
            Some(Range { low: -5, high: -2 })
        );
    }

    proptest! {
        #[test]
        fn a_drawn_number_keeps_its_sign(low: i64, high: i64, seed: u64) {
            let range = Range { low: low.min(high), high: low.max(high) };
            let drawn = range.draw(&mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!((range.low..=range.high).contains(&drawn));
        }

        #[test]
        fn a_drawn_value_is_in_the_range(low in 0_u64..1_000, span in 0_u64..1_000, seed: u64) {
            let range = Range { low, high: low + span };
            let drawn = range.draw(&mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!((range.low..=range.high).contains(&drawn));
        }
    }
}
