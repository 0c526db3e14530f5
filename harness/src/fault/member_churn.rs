//! `member-churn`: workers join and leave in good order, as in a deployment or an autoscaler.

use std::time::Duration;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Makes the group's membership change: one leaves and comes back, or one more joins and leaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberChurn {
    /// Until the one that left is back, or the one that joined is gone.
    #[serde(rename = "for", default = "away_for")]
    lasts: Range<Duration>,
}

fn away_for() -> Range<Duration> {
    Range {
        low: Duration::from_secs(1),
        high: Duration::from_secs(10),
    }
}

impl Fault for MemberChurn {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let free: Vec<_> = site
            .workers
            .iter()
            .filter(|worker| site.is_free(&worker.name, at, at + lasts))
            .collect();
        let chosen = (*free.choose(random)?).clone();
        site.take(&chosen.name, at, at + lasts);
        Some(Drawn {
            action: FaultAction::MemberChurn(Action {
                worker: chosen.name,
                change: if chosen.at_start {
                    MemberChange::Leave
                } else {
                    MemberChange::Join
                },
            }),
            lasts: Some(lasts),
        })
    }
}

/// A worker leaves the group in good order (SIGTERM) and is back at the end, or one that was not
/// there joins, and leaves at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The worker.
    pub worker: String,
    /// Which of the two.
    pub change: MemberChange,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.worker.clone()
    }
}

/// What a member does at the begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberChange {
    /// It joins, and leaves at the end.
    Join,
    /// It leaves, and is back at the end.
    Leave,
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (fleet, worker) = (on.fleet.clone(), self.worker.clone());
        match self.change {
            MemberChange::Join => {
                fleet.start(&worker);
                Begun::until(true, async move {
                    fleet.stop(&worker).await;
                })
            }
            MemberChange::Leave => {
                let ran = fleet.stop(&worker).await;
                Begun::until(ran, async move { fleet.start(&worker) })
            }
        }
    }
}
