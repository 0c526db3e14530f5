//! `pause`: a worker stops running (a long garbage collection, a frozen virtual machine) and
//! goes on as if nothing had happened.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::action::FaultAction;
use super::site::Site;
use super::target::WorkerTarget;
use super::{Drawn, Fault};
use crate::scenario::range::Range;

/// Stops a worker for a while. Longer than `session.timeout.ms`, it wakes up as a zombie.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    #[serde(default = "WorkerTarget::any")]
    target: WorkerTarget,
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for Pause {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let worker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::Pause { worker },
            lasts: Some(lasts),
        })
    }
}
