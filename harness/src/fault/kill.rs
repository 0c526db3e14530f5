//! `kill`: a worker gets SIGKILL and starts again after a while.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::action::FaultAction;
use super::site::Site;
use super::target::WorkerTarget;
use super::{Drawn, Fault};
use crate::scenario::range::Range;

/// Ends a worker without warning.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    #[serde(default = "WorkerTarget::any")]
    target: WorkerTarget,
    /// Until it starts again.
    #[serde(rename = "for", default = "down_for")]
    lasts: Range<Duration>,
}

fn down_for() -> Range<Duration> {
    Range {
        low: Duration::from_secs(1),
        high: Duration::from_secs(10),
    }
}

impl Fault for Kill {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let worker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::Kill { worker },
            lasts: Some(lasts),
        })
    }
}
