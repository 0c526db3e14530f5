//! `fsync-error`: the disk under the sink can't make durable what was written, and says so.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::disk_fault::Operation;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::failing_operation;
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::HostTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Makes syncs of a disk fail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FsyncError {
    #[serde(default = "HostTarget::any")]
    target: HostTarget,
    /// How many syncs succeed before the first one fails.
    #[serde(default = "some")]
    after: Range<u64>,
    /// How many fail, one after another.
    #[serde(default = "few")]
    times: Range<u64>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

fn some() -> Range<u64> {
    Range { low: 0, high: 20 }
}

fn few() -> Range<u64> {
    Range { low: 1, high: 10 }
}

impl Fault for FsyncError {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let (after, times) = (self.after.draw(random), self.times.draw(random));
        let host = self
            .target
            .take_part("syncs", at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::FsyncError(Action { host, after, times }),
            lasts: Some(lasts),
        })
    }
}

/// So many syncs of the host's disk fail with EIO, after so many more that succeed. Nothing
/// becomes durable by a sync that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
    /// How many syncs succeed first.
    pub after: u64,
    /// How many fail then.
    pub times: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.host.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let host = on.host(&self.host);
        failing_operation::begin(host, Operation::Sync, self.after, self.times)
    }
}
