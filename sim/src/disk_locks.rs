//! Locks on files that processes of one host hold against one another: SQLite's file locks and the
//! slots of its WAL index.
//!
//! The levels and the rules are those of SQLite's own VFS for Unix (os_unix.c), without its
//! workarounds for POSIX locks that belong to a process instead of an open file.

use std::collections::{BTreeMap, BTreeSet};

/// One open of a file; locks belong to it and end with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OpenId(pub(crate) u64);

/// How much an open file is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Level {
    #[default]
    None,
    /// May read; any number at a time.
    Shared,
    /// Means to write; one at a time, next to readers.
    Reserved,
    /// Waits for the readers to leave; no new ones come in.
    Pending,
    /// Writes; nobody else holds any lock.
    Exclusive,
}

/// Somebody else holds a lock that is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// The locks on one file.
#[derive(Debug, Default)]
pub(crate) struct FileLocks {
    held: BTreeMap<OpenId, Level>,
}

impl FileLocks {
    pub(crate) fn level(&self, open: OpenId) -> Level {
        self.held.get(&open).copied().unwrap_or_default()
    }

    /// Raises the level of `open` to `wanted`. A refused [`Level::Exclusive`] may leave it at
    /// [`Level::Pending`], so that no new readers come in while it tries again.
    pub(crate) fn lock(&mut self, open: OpenId, wanted: Level) -> Result<(), Busy> {
        if self.level(open) >= wanted {
            return Ok(());
        }
        let others = self.highest_of_others(open);
        match wanted {
            Level::None => {}
            Level::Shared if others >= Level::Pending => return Err(Busy),
            Level::Shared => {}
            Level::Reserved | Level::Pending if others >= Level::Reserved => return Err(Busy),
            Level::Reserved | Level::Pending => {}
            Level::Exclusive => {
                self.lock(open, Level::Pending)?;
                if others > Level::None {
                    return Err(Busy);
                }
            }
        }
        self.held.insert(open, wanted);
        Ok(())
    }

    /// Lowers the level of `open` to `wanted`, where it is higher.
    pub(crate) fn unlock(&mut self, open: OpenId, wanted: Level) {
        if self.level(open) <= wanted {
            return;
        }
        if wanted == Level::None {
            self.held.remove(&open);
        } else {
            self.held.insert(open, wanted);
        }
    }

    /// Whether anyone means to write.
    pub(crate) fn is_reserved(&self) -> bool {
        self.held.values().any(|level| *level >= Level::Reserved)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn highest_of_others(&self, open: OpenId) -> Level {
        self.held
            .iter()
            .filter(|(other, _)| **other != open)
            .map(|(_, level)| *level)
            .max()
            .unwrap_or_default()
    }
}

/// The number of lock slots of a WAL index (`SQLITE_SHM_NLOCK`).
pub(crate) const SLOTS: usize = 8;

/// The locks on the slots of one WAL index.
#[derive(Debug, Default)]
pub(crate) struct SlotLocks {
    slots: [Slot; SLOTS],
}

#[derive(Debug, Default)]
struct Slot {
    shared: BTreeSet<OpenId>,
    exclusive: Option<OpenId>,
}

impl SlotLocks {
    /// Takes all `slots`, or none of them.
    pub(crate) fn lock(
        &mut self,
        open: OpenId,
        slots: std::ops::Range<usize>,
        exclusive: bool,
    ) -> Result<(), Busy> {
        let free = self.slots[slots.clone()].iter().all(|slot| {
            let no_writer = slot.exclusive.is_none_or(|holder| holder == open);
            let no_reader = slot.shared.iter().all(|holder| *holder == open);
            no_writer && (no_reader || !exclusive)
        });
        if !free {
            return Err(Busy);
        }
        for slot in &mut self.slots[slots] {
            if exclusive {
                slot.shared.remove(&open);
                slot.exclusive = Some(open);
            } else {
                slot.shared.insert(open);
            }
        }
        Ok(())
    }

    pub(crate) fn unlock(&mut self, open: OpenId, slots: std::ops::Range<usize>) {
        for slot in &mut self.slots[slots] {
            slot.shared.remove(&open);
            slot.exclusive = slot.exclusive.filter(|holder| *holder != open);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: OpenId = OpenId(1);
    const B: OpenId = OpenId(2);

    #[test]
    fn a_writer_waits_for_readers_and_keeps_new_ones_out() {
        let mut locks = FileLocks::default();
        locks.lock(A, Level::Shared).unwrap();
        locks.lock(B, Level::Shared).unwrap();
        locks.lock(A, Level::Reserved).unwrap();
        assert_eq!(locks.lock(B, Level::Reserved), Err(Busy));
        assert_eq!(locks.lock(A, Level::Exclusive), Err(Busy));
        assert_eq!(locks.level(A), Level::Pending);
        assert_eq!(locks.lock(OpenId(3), Level::Shared), Err(Busy));
        locks.unlock(B, Level::None);
        locks.lock(A, Level::Exclusive).unwrap();
        assert_eq!(locks.lock(B, Level::Shared), Err(Busy));
        locks.unlock(A, Level::Shared);
        locks.lock(B, Level::Shared).unwrap();
    }

    #[test]
    fn several_slots_are_taken_together_or_not_at_all() {
        let mut locks = SlotLocks::default();
        locks.lock(A, 2..3, false).unwrap();
        assert_eq!(locks.lock(B, 1..4, true), Err(Busy));
        locks.lock(A, 1..2, true).unwrap();
        locks.unlock(A, 1..3);
        locks.lock(B, 1..4, true).unwrap();
        assert_eq!(locks.lock(A, 3..4, false), Err(Busy));
    }

    fn level() -> impl Strategy<Value = Level> {
        prop_oneof![
            Just(Level::None),
            Just(Level::Shared),
            Just(Level::Reserved),
            Just(Level::Exclusive),
        ]
    }

    proptest! {
        #[test]
        fn an_exclusive_lock_stands_alone_and_one_at_most_means_to_write(
            steps in proptest::collection::vec((1..4_u64, level(), any::<bool>()), 0..60)
        ) {
            let mut locks = FileLocks::default();
            for (open, level, raise) in steps {
                if raise {
                    let _ = locks.lock(OpenId(open), level);
                } else {
                    locks.unlock(OpenId(open), level.min(Level::Shared));
                }
                let writers = locks.held.values().filter(|l| **l >= Level::Reserved).count();
                prop_assert!(writers <= 1);
                if locks.held.values().any(|l| *l == Level::Exclusive) {
                    prop_assert_eq!(locks.held.len(), 1);
                }
            }
        }
    }
}
