//! The timers of a world, in the order in which they fire.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::process::ProcessId;

/// A deadline that is never reached: a timer for it is not kept.
pub(crate) const NEVER: u64 = u64::MAX;

/// Identifies a registered timer: its deadline in nanoseconds of simulated time, and a sequence
/// number that breaks ties in order of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    pub(crate) at: u64,
    sequence: u64,
}

/// What happens when a timer fires.
#[derive(Debug)]
pub(crate) enum Action {
    Wake(Waker),
    /// The world itself does something (a message arrives): a function and its argument, so that
    /// no message costs an allocation.
    Call(fn(u64), u64),
}

#[derive(Debug)]
struct Timer {
    action: Action,
    process: ProcessId,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<TimerKey, Timer>,
    sequence: u64,
}

impl Timers {
    pub(crate) fn insert(&mut self, at: u64, process: ProcessId, action: Action) -> TimerKey {
        self.sequence += 1;
        let key = TimerKey {
            at,
            sequence: self.sequence,
        };
        self.queue.insert(key, Timer { action, process });
        key
    }

    /// Replaces the waker of a timer that has not fired.
    pub(crate) fn update(&mut self, key: TimerKey, waker: &Waker) {
        if let Some(Timer {
            action: Action::Wake(current),
            ..
        }) = self.queue.get_mut(&key)
        {
            current.clone_from(waker);
        }
    }

    /// The action of a timer that has not fired, for the caller to drop once no world state is
    /// borrowed (dropping a waker may run anything).
    #[must_use]
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<Action> {
        self.queue.remove(&key).map(|timer| timer.action)
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.queue.first_key_value().map(|(key, _)| key.at)
    }

    /// Takes the next timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<Action> {
        let entry = self.queue.first_entry()?;
        (entry.key().at <= now).then(|| entry.remove().action)
    }

    /// Forgets the timers of a killed process: nothing of it may run again, not even a waker's
    /// destructor.
    pub(crate) fn forget_process(&mut self, process: ProcessId) {
        let dead = self
            .queue
            .extract_if(.., |_, timer| {
                timer.process == process && matches!(timer.action, Action::Wake(_))
            })
            .map(|(_, timer)| timer);
        dead.for_each(std::mem::forget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wake() -> Action {
        Action::Wake(Waker::noop().clone())
    }

    #[test]
    fn fires_in_order_of_deadline_then_registration() {
        let mut timers = Timers::default();
        let late = timers.insert(20, ProcessId(0), wake());
        let call = |n| Action::Call(|_| (), n);
        timers.insert(10, ProcessId(0), call(1));
        timers.insert(10, ProcessId(0), call(2));
        assert_eq!(timers.next_at(), Some(10));
        assert!(timers.pop_due(9).is_none());
        let order: Vec<u64> = std::iter::from_fn(|| match timers.pop_due(10)? {
            Action::Call(_, argument) => Some(argument),
            Action::Wake(_) => None,
        })
        .collect();
        assert_eq!(order, [1, 2]);
        assert!(timers.cancel(late).is_some());
        assert_eq!(timers.next_at(), None);
    }

    #[test]
    fn a_dead_process_keeps_no_timer() {
        let mut timers = Timers::default();
        timers.insert(1, ProcessId(1), wake());
        timers.insert(2, ProcessId(2), wake());
        timers.forget_process(ProcessId(1));
        assert_eq!(timers.next_at(), Some(2));
    }
}
