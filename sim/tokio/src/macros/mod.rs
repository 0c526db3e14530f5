//! The macros that can't be taken from the real tokio as they are.

mod select;
mod task_local;

pub mod support;
