//! `power-loss`: a host of workers loses power; writes that were not synced are lost or torn.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::action::FaultAction;
use super::site::Site;
use super::target::HostTarget;
use super::{Drawn, Fault};
use crate::scenario::range::Range;

/// Takes a host and all its workers down.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerLoss {
    #[serde(default = "HostTarget::any")]
    target: HostTarget,
    /// Until the host boots again.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl HostTarget {
    fn any() -> Self {
        Self::Any
    }
}

impl Fault for PowerLoss {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let mut hosts = site.worker_hosts();
        if let HostTarget::Named(name) = &self.target {
            hosts.retain(|host| host == name);
        }
        // A host goes down with whatever its workers are going through: a fault of one of them
        // that is under way is over.
        let host = site.take_one_of(hosts, at, at + lasts, random)?;
        for worker in site.workers.clone() {
            if worker.host == host {
                site.take(&worker.name, at, at + lasts);
            }
        }
        Some(Drawn {
            action: FaultAction::PowerLoss { host },
            lasts: Some(lasts),
        })
    }
}
