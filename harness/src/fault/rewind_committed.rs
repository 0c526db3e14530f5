//! `rewind-committed`: the group's committed offsets fall back, and records are delivered again.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::time;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::{administrator, injector::Injector};
use crate::scenario::range::Range;

/// Sets the committed offsets back while nobody is in the group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewindCommitted {
    /// How many records of each partition are delivered again, at most.
    #[serde(default = "some_records")]
    records: Range<u64>,
}

/// So long are the workers away. No other fault brings one back meanwhile: the group would not be
/// empty.
const AWAY: Duration = Duration::from_secs(10);

fn some_records() -> Range<u64> {
    Range { low: 1, high: 100 }
}

impl Fault for RewindCommitted {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let until = at + AWAY;
        let names: Vec<String> = site.workers.iter().map(|w| w.name.clone()).collect();
        if !names.iter().all(|name| site.is_free(name, at, until)) {
            return None;
        }
        for name in &names {
            site.take(name, at, until);
        }
        Some(Drawn {
            action: FaultAction::RewindCommitted(Action {
                records: self.records.draw(random),
            }),
            lasts: Some(AWAY),
        })
    }
}

/// An administrator sets the group's committed offsets back while its members are away (Kafka
/// refuses that for a live group): the workers are told to end, the group empties, every committed
/// offset falls by up to `records`, the workers start again and fetch from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// How far, at most to offset 0.
    pub records: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        "group".to_owned()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, ends_at: Duration) -> Begun {
        let fleet = on.fleet.clone();
        let mut stopped = Vec::new();
        for name in fleet.names() {
            if fleet.stop(&name).await {
                stopped.push(name);
            }
        }
        // A member that could not leave is there until its session has expired.
        let mut rewound = false;
        while time::now() < ends_at {
            if administrator::members(&on.cluster, &on.plan.group).is_empty() {
                rewound = administrator::rewind(&on.cluster, &on.plan.group, self.records);
                break;
            }
            time::sleep(Duration::from_millis(500)).await;
        }
        Begun::until(rewound, async move {
            stopped.iter().for_each(|name| fleet.start(name));
        })
    }
}
