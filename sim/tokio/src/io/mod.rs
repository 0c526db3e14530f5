//! The real tokio's traits and adapters; standard output as the world captures it.

mod interest;
mod ready;
mod stdio;

pub use interest::Interest;
pub use ready::Ready;
pub use real_tokio::io::*;
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
