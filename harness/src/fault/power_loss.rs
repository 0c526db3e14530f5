//! `power-loss`: a host of workers loses power; writes that were not synced are lost or torn.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::HostTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
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
            action: FaultAction::PowerLoss(Action { host }),
            lasts: Some(lasts),
        })
    }
}

/// The host loses power: its processes end, unsynced writes are lost or torn. At the end it boots
/// and its workers start again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.host.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (site, host) = (on.clone(), self.host.clone());
        let ran = on.fleet.power_loss(&host);
        Begun::until(ran, async move {
            site.fleet.boot(&host, &|worker| site.is_at_start(worker));
        })
    }
}
