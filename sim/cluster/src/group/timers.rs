//! The coordinator's deadlines: one per key, run in order.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a deadline is for. Scheduling a key again moves its deadline, as in Kafka's
/// `CoordinatorTimer`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// A member, or one that only has an id yet, was silent for its session timeout.
    Session { group: String, member_id: String },
    /// The wait for members to (re)join ends.
    Join { group: String },
    /// The wait for members to sync ends.
    Sync { group: String },
    /// A member of a consumer group has not given up its partitions.
    Revocation { group: String, member_id: String },
    /// Expired offsets and empty groups are to be removed.
    Expiry,
}

/// Deadlines on the monotonic clock. Equal deadlines run in the order they were scheduled in.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<(Duration, u64), TimerKey>,
    by_key: BTreeMap<TimerKey, (Duration, u64)>,
    scheduled: u64,
}

impl Timers {
    pub(super) fn schedule(&mut self, key: TimerKey, at: Duration) {
        self.cancel(&key);
        self.scheduled += 1;
        self.due.insert((at, self.scheduled), key.clone());
        self.by_key.insert(key, (at, self.scheduled));
    }

    pub(super) fn cancel(&mut self, key: &TimerKey) {
        if let Some(slot) = self.by_key.remove(key) {
            self.due.remove(&slot);
        }
    }

    pub(super) fn is_scheduled(&self, key: &TimerKey) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Removes and returns the first deadline that has come.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<TimerKey> {
        let (at, _) = *self.due.keys().next()?;
        if at > now {
            return None;
        }
        let (_, key) = self.due.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    pub(super) fn clear(&mut self) {
        self.due.clear();
        self.by_key.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(group: &str) -> TimerKey {
        TimerKey::Join {
            group: group.into(),
        }
    }

    #[test]
    fn deadlines_run_in_order_and_equal_ones_as_scheduled() {
        let mut timers = Timers::default();
        timers.schedule(join("late"), Duration::from_secs(2));
        timers.schedule(join("b"), Duration::from_secs(1));
        timers.schedule(join("a"), Duration::from_secs(1));
        let at = Duration::from_secs(2);
        assert_eq!(timers.next(), Some(Duration::from_secs(1)));
        assert_eq!(timers.pop_due(at), Some(join("b")));
        assert_eq!(timers.pop_due(at), Some(join("a")));
        assert_eq!(timers.pop_due(at), Some(join("late")));
        assert_eq!(timers.pop_due(at), None);
    }

    #[test]
    fn scheduling_a_key_again_moves_its_deadline() {
        let mut timers = Timers::default();
        timers.schedule(join("a"), Duration::from_secs(1));
        timers.schedule(join("a"), Duration::from_secs(5));
        assert_eq!(timers.pop_due(Duration::from_secs(4)), None);
        assert_eq!(timers.pop_due(Duration::from_secs(5)), Some(join("a")));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_cancelled_deadline_never_runs() {
        let mut timers = Timers::default();
        timers.schedule(join("a"), Duration::from_secs(1));
        timers.cancel(&join("a"));
        assert_eq!(timers.next(), None);
        assert!(!timers.is_scheduled(&join("a")));
    }
}
