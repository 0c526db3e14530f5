//! The real tokio's channels, with ends that may block and a `send_timeout` in simulated time.

pub mod error;
mod permit;
mod receiver;
mod sender;

pub use permit::OwnedPermit;
pub use real_tokio::sync::mpsc::{Permit, PermitIterator, UnboundedSender, WeakUnboundedSender};
pub use receiver::{Receiver, UnboundedReceiver};
pub use sender::{Sender, WeakSender};

/// A channel with room for `buffer` values.
///
/// # Panics
/// If `buffer` is zero, or more than a semaphore can count.
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = real_tokio::sync::mpsc::channel(buffer);
    (Sender(sender), Receiver(receiver))
}

/// A channel with room for any number of values.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = real_tokio::sync::mpsc::unbounded_channel();
    (sender, UnboundedReceiver(receiver))
}
