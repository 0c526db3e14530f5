//! Real time for a run, shared by its scenarios: no scenario starves because it comes last.

use std::time::{Duration, Instant};

/// A duration as people type it: `90`, `90s`, `15m`, `2h`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let (digits, unit_s) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3_600),
        _ => (text, 1),
    };
    let seconds = digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit_s));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "write it as 90, 90s, 15m or 2h".to_owned())
}

/// Until when a scenario may begin seeds, with so many scenarios to go (itself included). What it
/// does not need is the others'.
pub(crate) fn deadline(
    now: Instant,
    end: Option<Instant>,
    scenarios_left: usize,
) -> Option<Instant> {
    let left = end?.saturating_duration_since(now);
    Some(now + left / u32::try_from(scenarios_left.max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let seconds = |text| parse(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("15m"), Ok(900));
        assert_eq!(seconds("2h"), Ok(7_200));
        for wrong in ["", "m", "-3", "1.5h", "soon", "99999999999999999999h"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_left_is_shared() {
        let now = Instant::now();
        let end = now + Duration::from_secs(60);
        let after = |left| deadline(now, Some(end), left).map(|time| (time - now).as_secs());
        assert_eq!(after(6), Some(10));
        assert_eq!(after(1), Some(60));
        assert_eq!(deadline(end, Some(now), 3), Some(end));
        assert_eq!(deadline(now, None, 3), None);
    }
}
