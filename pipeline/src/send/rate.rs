//! A share of records, written as people write it: `1%`, `0.1%`.

use std::str::FromStr;

use crate::decimal;

/// A share, exact to a millionth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    per_million: u32,
}

/// Not a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a percentage from 0% to 100%, such as 0.1%")]
pub struct RateError;

impl Rate {
    /// Of a million.
    #[must_use]
    pub fn per_million(self) -> u32 {
        self.per_million
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let percent = text.strip_suffix('%').ok_or(RateError)?;
        let percent = decimal::parse(percent.trim_end()).map_err(|_| RateError)?;
        let per_million = decimal::multiply(percent, 10_000.into()).map_err(|_| RateError)?;
        u32::try_from(per_million)
            .ok()
            .filter(|share| *share <= 1_000_000 && per_million.is_integer())
            .map(|per_million| Self { per_million })
            .ok_or(RateError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact() {
        let read = |text: &str| text.parse::<Rate>().map(Rate::per_million);
        assert_eq!(read("1%"), Ok(10_000));
        assert_eq!(read("0.1 %"), Ok(1_000));
        assert_eq!(read("100%"), Ok(1_000_000));
        assert_eq!(read("0%"), Ok(0));
        for text in ["", "1", "%", "-1%", "101%", "0.00001%", "one%"] {
            assert_eq!(read(text), Err(RateError), "{text}");
        }
    }
}
