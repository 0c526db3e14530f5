//! The real tokio's synchronisation: it wakes tasks and touches nothing else.

pub use real_tokio::sync::*;
