//! The real tokio's synchronisation: it wakes tasks and touches nothing else. Channels are wrapped
//! for the sake of their blocking methods, which must suspend a coroutine and not the thread.

mod blocking;
pub mod mpsc;
pub mod oneshot;

pub use real_tokio::sync::*;
