//! The receiving ends.

use std::ops::{Deref, DerefMut};

use real_tokio::sync::mpsc as real;

use crate::sync::blocking::block_on;

/// A receiving end that wraps a real one.
macro_rules! receiver {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub struct $name<T>(pub(super) real::$name<T>);

        impl<T> $name<T> {
            /// The next value, suspending the calling task; `None` once every sender is gone.
            ///
            /// # Panics
            /// Inside an asynchronous task.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                block_on(self.0.recv())
            }

            /// The next values, `limit` at most, suspending the calling task: how many.
            ///
            /// # Panics
            /// Inside an asynchronous task.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                block_on(self.0.recv_many(buffer, limit))
            }
        }

        impl<T> Deref for $name<T> {
            type Target = real::$name<T>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl<T> DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.0
            }
        }
    };
}

receiver!(
    Receiver,
    "Receives from a bounded channel. Has the real receiver's methods."
);
receiver!(
    UnboundedReceiver,
    "Receives from an unbounded channel. Has the real receiver's methods."
);
