//! Logging goes where the crate's features send it: `log`, or `tracing`.

#[cfg(not(feature = "tracing"))]
pub(crate) use log::Level::{Debug as DEBUG, Info as INFO, Warn as WARN};
#[cfg(not(feature = "tracing"))]
pub(crate) use log::{debug, error, info, log_enabled, warn};

#[cfg(feature = "tracing")]
pub(crate) use tracing::{debug, enabled as log_enabled, error, info, warn};
#[cfg(feature = "tracing")]
pub(crate) const DEBUG: tracing::Level = tracing::Level::DEBUG;
#[cfg(feature = "tracing")]
pub(crate) const INFO: tracing::Level = tracing::Level::INFO;
#[cfg(feature = "tracing")]
pub(crate) const WARN: tracing::Level = tracing::Level::WARN;
