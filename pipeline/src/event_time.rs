//! Event times: when something happened, by the event's own word, in UTC.

use chrono::{DateTime, SecondsFormat};

/// Nanoseconds since 1970-01-01 UTC: every digit that RFC 3339 writers produce is kept.
pub type EventTimeNs = i64;

/// Why a text is not an event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventTimeError {
    /// Neither RFC 3339 with an offset nor whole milliseconds.
    #[error("neither an RFC 3339 time with an offset nor whole milliseconds since 1970")]
    Syntax,
    /// Before 1677-09-21 or after 2262-04-11.
    #[error("outside 1677-09-21 to 2262-04-11")]
    OutOfRange,
}

/// Reads an RFC 3339 time. A time without an offset is refused: whose midnight would it be?
///
/// # Errors
/// See [`EventTimeError`].
pub fn parse_rfc3339(text: &str) -> Result<EventTimeNs, EventTimeError> {
    DateTime::parse_from_rfc3339(text)
        .map_err(|_| EventTimeError::Syntax)?
        .timestamp_nanos_opt()
        .ok_or(EventTimeError::OutOfRange)
}

/// Reads whole milliseconds since 1970, the form of a JSON number.
///
/// # Errors
/// See [`EventTimeError`].
pub fn parse_epoch_ms(text: &str) -> Result<EventTimeNs, EventTimeError> {
    text.parse::<i64>()
        .map_err(|_| EventTimeError::Syntax)?
        .checked_mul(1_000_000)
        .ok_or(EventTimeError::OutOfRange)
}

/// RFC 3339 in UTC with 0, 3, 6 or 9 decimal places, as many as the time needs.
#[must_use]
pub fn format(time: EventTimeNs) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn real_times_read_back_as_they_were() {
        for text in [
            "2013-10-07T08:00:00.464Z",
            "1997-01-01T00:00:00Z",
            "2021-07-21T06:00:00Z",
            "2021-01-08T00:00:00.310Z",
        ] {
            assert_eq!(format(parse_rfc3339(text).unwrap()), text);
        }
    }

    #[test]
    fn an_offset_becomes_utc() {
        let time = parse_rfc3339("2024-02-29T23:30:00.5-05:30").unwrap();
        assert_eq!(format(time), "2024-03-01T05:00:00.500Z");
        assert_eq!(parse_epoch_ms("1709269200500"), Ok(time));
    }

    #[test]
    fn what_is_ambiguous_or_out_of_range_is_refused() {
        for text in [
            "2024-02-29T23:30:00",
            "2024-02-30T00:00:00Z",
            "2024-02-29",
            "noon",
            "",
        ] {
            assert_eq!(parse_rfc3339(text), Err(EventTimeError::Syntax), "{text}");
        }
        assert_eq!(
            parse_rfc3339("1400-01-01T00:00:00Z"),
            Err(EventTimeError::OutOfRange)
        );
        assert_eq!(parse_epoch_ms("1.5"), Err(EventTimeError::Syntax));
        assert_eq!(
            parse_epoch_ms("9223372036854775807"),
            Err(EventTimeError::OutOfRange)
        );
    }

    proptest! {
        #[test]
        fn every_time_survives(time: i64) {
            prop_assert_eq!(parse_rfc3339(&format(time)), Ok(time));
        }
    }
}
