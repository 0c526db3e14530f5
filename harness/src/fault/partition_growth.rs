//! `partition-growth`: an administrator gives the topic more partitions. Consumers and producers find
//! out when they refresh their metadata; a key's newer records may lie in another partition than its
//! older ones.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::{Drawn, Fault};
use crate::plan::PlannedFault;
#[cfg(madsim)]
use crate::runner::{administrator, injector::Injector};
use crate::scenario::range::Range;

/// Lets the topic of the load grow (failure mode 22).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionGrowth {
    /// How many partitions are added.
    #[serde(default = "a_few")]
    partitions: Range<u64>,
}

fn a_few() -> Range<u64> {
    Range { low: 1, high: 4 }
}

impl Fault for PartitionGrowth {
    fn draw(&self, _: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let more = self.partitions.draw(random).max(1);
        Some(Drawn {
            action: FaultAction::PartitionGrowth(Action {
                topic: site.topic.clone(),
                more: i32::try_from(more).unwrap_or(i32::MAX),
            }),
            lasts: None,
        })
    }
}

/// Whether one of these faults lets a topic grow.
#[must_use]
pub fn is_among(faults: &[PlannedFault]) -> bool {
    faults
        .iter()
        .any(|fault| matches!(fault.action, FaultAction::PartitionGrowth(_)))
}

/// A CreatePartitions request: the topic has so many partitions more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The topic.
    pub topic: String,
    /// How many are added.
    pub more: i32,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.topic.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        Begun::over(administrator::grow(&on.cluster, &self.topic, self.more))
    }
}
