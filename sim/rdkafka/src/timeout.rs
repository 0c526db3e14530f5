//! How long a call may take.

use std::ops::SubAssign;
use std::time::Duration;

use whitewater_sim::time;

/// A bound on a call's duration.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Timeout {
    /// At most this long; librdkafka drops what is below a millisecond.
    After(Duration),
    /// Without bound.
    Never,
}

impl Timeout {
    /// When a call that starts now has to end; none for `Never`.
    pub(crate) fn deadline(self) -> Option<Duration> {
        match self {
            Self::After(duration) => {
                let whole =
                    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
                time::now().checked_add(whole)
            }
            Self::Never => None,
        }
    }
}

impl SubAssign for Timeout {
    fn sub_assign(&mut self, other: Self) {
        match (self, other) {
            (Self::After(left), Self::After(right)) => *left -= right,
            (Self::Never, Self::After(_)) => {}
            _ => panic!("subtraction of Timeout::Never is ill-defined"),
        }
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Self::Never, Self::After)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_the_longest_timeout() {
        assert!(Timeout::Never > Timeout::from(Duration::MAX));
        assert_eq!(Timeout::from(None::<Duration>), Timeout::Never);
        let mut left = Timeout::from(Duration::from_secs(3));
        left -= Timeout::from(Duration::from_secs(1));
        assert_eq!(left, Timeout::from(Duration::from_secs(2)));
    }
}
