//! `disk-full`: the disk under the sink has little room left, or none; later somebody makes room.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::disk_mount::{DEFAULT_CAPACITY_BYTES, volume_of};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::HostTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Lets a disk run full.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskFull {
    #[serde(default = "HostTarget::any")]
    target: HostTarget,
    /// What can still be written before it is full, in KiB.
    #[serde(default = "little")]
    room_kib: Range<u64>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

fn little() -> Range<u64> {
    Range { low: 0, high: 64 }
}

impl Fault for DiskFull {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let room_kib = self.room_kib.draw(random);
        let host = self
            .target
            .take_part("room", at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::DiskFull(Action { host, room_kib }),
            lasts: Some(lasts),
        })
    }
}

/// The disk of the host holds no more than now, and so much; at the end there is room again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
    /// What can still be written, in KiB.
    pub room_kib: u64,
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
        let full_at = volume.disk().used_bytes() + self.room_kib * 1_024;
        let refused = volume.disk().counters().no_space;
        volume.disk().set_capacity_bytes(full_at);
        Begun::armed(async move {
            volume.disk().set_capacity_bytes(DEFAULT_CAPACITY_BYTES);
            volume.disk().counters().no_space > refused
        })
    }
}
