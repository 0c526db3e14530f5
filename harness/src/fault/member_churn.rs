//! `member-churn`: workers join and leave in good order, as in a deployment or an autoscaler.

use std::time::Duration;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::action::{FaultAction, MemberChange};
use super::site::Site;
use super::{Drawn, Fault};
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
            action: FaultAction::MemberChurn {
                worker: chosen.name,
                change: if chosen.at_start {
                    MemberChange::Leave
                } else {
                    MemberChange::Join
                },
            },
            lasts: Some(lasts),
        })
    }
}
