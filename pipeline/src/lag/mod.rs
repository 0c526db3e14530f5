//! Lag: how far the sink is behind the log, in offsets and in time, and the alert when it is too far.
//!
//! [`sightings`] → [`estimate`] → [`alarm`] are pure and make up the [`monitor`]; [`look`] asks the
//! log for what the monitor wants to know; [`notify`] tells others about alerts.

pub mod alarm;
pub mod alert;
pub mod estimate;
pub mod look;
pub mod monitor;
pub mod notify;
pub mod sightings;
#[cfg(feature = "webhook")]
mod webhook;
