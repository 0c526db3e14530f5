//! Shrinking: a failing plan made as small as it can be while it still fails in the same way.
//!
//! Everything here is pure: which plans to try, and in which order. Whether a candidate fails is
//! asked of a [`search::Judge`]. As the first failing candidate of an ordered list is taken, never
//! the fastest, the outcome does not depend on how many of them are executed at the same time.

pub mod delta_debugging;
pub mod faults;
pub mod leap;
pub mod names;
pub mod records;
pub mod reduction;
pub mod search;
pub mod settings;
pub mod target;
pub mod times;
pub mod topology;
pub mod workers;
