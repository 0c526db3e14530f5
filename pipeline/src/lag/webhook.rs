//! Alerts by HTTP: one POST with a JSON object for each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::config::Config;
use crate::lag::alert::Alert;
use crate::lag::notify::Notify;

/// How long one try may take.
const TRY_MAX: Duration = Duration::from_secs(5);
/// Waits between tries.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
const PAUSE_STEP: Duration = Duration::from_millis(100);

/// A webhook.
pub(crate) struct Webhook {
    agent: ureq::Agent,
    url: String,
    group: String,
    worker: String,
}

impl Webhook {
    pub(crate) fn new(config: &Config, url: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TRY_MAX))
            .build()
            .new_agent();
        Self {
            agent,
            url: url.to_owned(),
            group: config.group.clone(),
            worker: config.worker.clone(),
        }
    }

    fn post(&self, body: &str) -> Result<(), ureq::Error> {
        self.agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(body)
            .map(drop)
    }
}

impl Notify for Webhook {
    fn notify(&self, alerts: &[Alert], stop: &AtomicBool) {
        for alert in alerts {
            let body = alert.body(&self.group, &self.worker);
            let mut pauses = PAUSES.iter();
            while let Err(error) = self.post(&body) {
                // The address may hold a secret: it is not told.
                tracing::warn!(partition = %alert.partition, %error, "webhook failed");
                match pauses.next() {
                    Some(pause) if !stop.load(Ordering::Relaxed) => wait(*pause, stop),
                    _ => break,
                }
            }
        }
    }
}

fn wait(pause: Duration, stop: &AtomicBool) {
    let started = crate::clock::monotonic();
    while started.elapsed() < pause && !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(PAUSE_STEP);
    }
}
