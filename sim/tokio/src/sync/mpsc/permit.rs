//! Room in a channel that owns its sender.

use std::fmt;

use real_tokio::sync::mpsc as real;

use super::Sender;

/// Room for one value: see [`Sender::reserve_owned`].
pub struct OwnedPermit<T>(pub(super) real::OwnedPermit<T>);

impl<T> OwnedPermit<T> {
    /// Sends a value and gives the sender back.
    pub fn send(self, value: T) -> Sender<T> {
        Sender(self.0.send(value))
    }

    /// Gives the room up and the sender back.
    pub fn release(self) -> Sender<T> {
        Sender(self.0.release())
    }

    /// Whether both are of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }

    /// Whether `sender` sends to the same channel.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.0.same_channel_as_sender(&sender.0)
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
