//! `disk-error`: reads or writes of the disk under the sink fail with EIO for a while.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::disk_fault;

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

/// Makes a disk fail now and then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskError {
    #[serde(default = "HostTarget::any")]
    target: HostTarget,
    /// What fails; where it is not said, the seed picks.
    operation: Option<Operation>,
    /// How many such operations succeed before the first one fails.
    #[serde(default = "some")]
    after: Range<u64>,
    /// How many fail, one after another.
    #[serde(default = "few")]
    times: Range<u64>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

/// What a disk is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Reading from a file.
    Read,
    /// Writing to a file, truncating it, creating, renaming or unlinking it.
    Write,
}

fn some() -> Range<u64> {
    Range { low: 0, high: 200 }
}

fn few() -> Range<u64> {
    Range { low: 1, high: 20 }
}

impl Fault for DiskError {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let (after, times) = (self.after.draw(random), self.times.draw(random));
        let operation = match random.random() {
            true => Operation::Read,
            false => Operation::Write,
        };
        let operation = self.operation.unwrap_or(operation);
        let host = self
            .target
            .take_part("reads and writes", at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::DiskError(Action {
                host,
                operation,
                after,
                times,
            }),
            lasts: Some(lasts),
        })
    }
}

/// So many operations of the host's disk fail, after so many more that succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
    /// What fails.
    pub operation: Operation,
    /// How many such operations succeed first.
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
        let operation = match self.operation {
            Operation::Read => disk_fault::Operation::Read,
            Operation::Write => disk_fault::Operation::Write,
        };
        failing_operation::begin(on.host(&self.host), operation, self.after, self.times)
    }
}
