//! `force-rebalance`: an administrator removes a member, the group has to settle anew.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::action::FaultAction;
use super::site::Site;
use super::{Drawn, Fault};

/// Removes one of the group's members, whichever the seed picks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForceRebalance {}

impl Fault for ForceRebalance {
    fn draw(&self, _: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let workers = u32::try_from(site.workers.len()).ok().filter(|n| *n > 0)?;
        Some(Drawn {
            action: FaultAction::ForceRebalance {
                member: random.random_range(0..workers),
            },
            lasts: None,
        })
    }
}
