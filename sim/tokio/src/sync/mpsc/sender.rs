//! The sending end of a bounded channel.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use real_tokio::sync::mpsc as real;

use super::OwnedPermit;
use super::error::{SendError, SendTimeoutError, TrySendError};
use crate::sync::blocking::block_on;
use crate::time::timeout;

/// Sends to a bounded channel. Has the real sender's methods.
pub struct Sender<T>(pub(super) real::Sender<T>);

impl<T> Sender<T> {
    /// Sends when there is room, suspending the calling task.
    ///
    /// # Errors
    /// The receiver is gone.
    ///
    /// # Panics
    /// Inside an asynchronous task.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.0.send(value))
    }

    /// Sends if there is room in time.
    ///
    /// # Errors
    /// There is not, or the receiver is gone.
    pub async fn send_timeout(&self, value: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        match timeout(limit, self.0.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// Waits for room and keeps it.
    ///
    /// # Errors
    /// The receiver is gone.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.0.reserve_owned().await.map(OwnedPermit)
    }

    /// Keeps room, if there is any.
    ///
    /// # Errors
    /// There is none, or the receiver is gone.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.0.try_reserve_owned() {
            Ok(permit) => Ok(OwnedPermit(permit)),
            Err(TrySendError::Full(sender)) => Err(TrySendError::Full(Self(sender))),
            Err(TrySendError::Closed(sender)) => Err(TrySendError::Closed(Self(sender))),
        }
    }

    /// Whether both send to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "downgrading creates a weak sender without destroying the original"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender(self.0.downgrade())
    }
}

impl<T> Deref for Sender<T> {
    type Target = real::Sender<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A sender that does not keep its channel open.
pub struct WeakSender<T>(real::WeakSender<T>);

impl<T> WeakSender<T> {
    /// A sender, while there is another.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.0.upgrade().map(Sender)
    }

    /// How many senders keep the channel open.
    pub fn strong_count(&self) -> usize {
        self.0.strong_count()
    }

    /// How many do not.
    pub fn weak_count(&self) -> usize {
        self.0.weak_count()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
