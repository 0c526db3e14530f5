//! The real tokio's one-shot channel, with a receiver that may block.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use real_tokio::sync::oneshot as real;

use super::blocking::block_on;

pub use real::{Sender, error};

/// A channel for one value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = real::channel();
    (sender, Receiver(receiver))
}

/// Receives the value. Has the real receiver's methods.
#[derive(Debug)]
pub struct Receiver<T>(real::Receiver<T>);

impl<T> Receiver<T> {
    /// Waits for the value, suspending the calling task.
    ///
    /// # Errors
    /// The sender was dropped.
    ///
    /// # Panics
    /// Inside an asynchronous task.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, error::RecvError> {
        block_on(self.0)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, error::RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Deref for Receiver<T> {
    type Target = real::Receiver<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for Receiver<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
