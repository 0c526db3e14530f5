//! Which unsynced changes survive a power loss: drawn from the seed.
//!
//! Every unsynced change of a disk has a sequence number. A *cut* is drawn for each sector, for the
//! size of each file and for the directory; changes with a smaller sequence number are on the
//! medium. One cut for all of them is a disk that writes in order; a cut for each is a write cache
//! that goes to the medium in any order.

use rand::{Rng, RngCore};

/// How a disk treats the changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossMode {
    /// Nothing unsynced had reached the medium.
    DropAll,
    /// A prefix had, in order over all files; the write at its end is torn at sector boundaries.
    Ordered,
    /// Any subset had; each sector holds one of its versions since the last sync.
    Scattered,
}

/// One power loss: its mode and the dice for the cuts.
pub(crate) struct Loss<'a> {
    pub(crate) mode: LossMode,
    ordered_cut: u64,
    rng: &'a mut dyn RngCore,
}

impl<'a> Loss<'a> {
    /// Draws the mode and, for an ordered loss, the one cut between `first` and `last`, the
    /// sequence numbers of the oldest and the newest unsynced change.
    pub(crate) fn draw(rng: &'a mut dyn RngCore, (first, last): (u64, u64)) -> Self {
        let mode = match rng.random_range(0..5) {
            0 => LossMode::DropAll,
            1 | 2 => LossMode::Ordered,
            _ => LossMode::Scattered,
        };
        let ordered_cut = rng.random_range(first..=last + 1);
        Self {
            mode,
            ordered_cut,
            rng,
        }
    }

    /// The first sequence number that did not reach the medium, for one sector or one size;
    /// `range` spans the unsynced changes of its file.
    pub(crate) fn cut(&mut self, (first, last): (u64, u64)) -> u64 {
        match self.mode {
            LossMode::DropAll => 0,
            LossMode::Ordered => self.ordered_cut + u64::from(self.rng.random::<bool>()),
            LossMode::Scattered => self.rng.random_range(first..=last + 1),
        }
    }

    /// The cut for the directory, which a journal keeps in order and never tears.
    pub(crate) fn directory_cut(&mut self, (first, last): (u64, u64)) -> u64 {
        match self.mode {
            LossMode::DropAll => 0,
            LossMode::Ordered => self.ordered_cut,
            LossMode::Scattered => self.rng.random_range(first..=last + 1),
        }
    }
}
