//! `force-rebalance`: an administrator removes a member, the group has to settle anew.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::{administrator, injector::Injector};

/// Removes one of the group's members, whichever the seed picks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForceRebalance {}

impl Fault for ForceRebalance {
    fn draw(&self, _: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let workers = u32::try_from(site.workers.len()).ok().filter(|n| *n > 0)?;
        Some(Drawn {
            action: FaultAction::ForceRebalance(Action {
                member: random.random_range(0..workers),
            }),
            lasts: None,
        })
    }
}

/// An administrator removes a member from the group (KIP-345's `RemoveMembersFromConsumerGroup`,
/// a LeaveGroup request in its name); the member finds out at its next heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Which: the n-th of the group's members by member id, modulo their number.
    pub member: u32,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        format!("member {}", self.member)
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let members = administrator::members(&on.cluster, &on.plan.group);
        let index = (self.member as usize).checked_rem(members.len());
        if let Some(index) = index {
            administrator::remove_member(&on.cluster, &on.plan.group, &members[index]);
        }
        Begun::over(index.is_some())
    }
}
