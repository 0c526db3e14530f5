//! `fsync-slow`: syncs of the disk under the sink take long (a neighbour that writes, a battery-less
//! controller, a network disk).

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::{disk_mount::volume_of, disk_volume::DiskLatency};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::HostTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Slows the syncs of a disk down.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FsyncSlow {
    #[serde(default = "HostTarget::any")]
    target: HostTarget,
    /// How long each sync takes meanwhile.
    latency: Range<Duration>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for FsyncSlow {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let host = self
            .target
            .take_part("sync time", at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::FsyncSlow(Action {
                host,
                latency_us_min: self.latency.low.as_micros() as u64,
                latency_us_max: self.latency.high.as_micros() as u64,
            }),
            lasts: Some(lasts),
        })
    }
}

/// Every sync of the host's disk takes this long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
    /// Shortest time of a sync, in microseconds.
    pub latency_us_min: u64,
    /// Longest time of a sync, in microseconds.
    pub latency_us_max: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.host.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let volume = volume_of(on.host(&self.host));
        let slow = Duration::from_micros(self.latency_us_min)
            ..Duration::from_micros(self.latency_us_max + 1);
        let synced = volume.disk().counters().syncs;
        volume.set_latency(DiskLatency {
            sync: slow,
            ..volume.latency()
        });
        Begun::armed(async move {
            volume.set_latency(DiskLatency {
                sync: DiskLatency::default().sync,
                ..volume.latency()
            });
            volume.disk().counters().syncs > synced
        })
    }
}
