//! Telling others about alerts.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::config::Config;
use crate::lag::alert::Alert;

/// Someone to tell about alerts, besides the log.
pub trait Notify: Send + Sync {
    /// Tells about `alerts`, within bounded time; gives up early when `stop` says so. Blocks.
    fn notify(&self, alerts: &[Alert], stop: &AtomicBool);
}

/// Who is to be told, if the configuration names someone.
#[must_use]
pub fn from_config(config: &Config) -> Option<Arc<dyn Notify>> {
    let url = config.webhook.as_deref()?;
    #[cfg(feature = "webhook")]
    {
        Some(Arc::new(crate::lag::webhook::Webhook::new(config, url)))
    }
    #[cfg(not(feature = "webhook"))]
    {
        let _ = url;
        tracing::warn!("this build has no webhook; alerts go to the log only");
        None
    }
}
