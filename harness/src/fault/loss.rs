//! `loss`: a link loses packets. TCP sends them again, so that what is seen is delay, and a broken
//! connection where it lasts.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::packet_loss;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::network_cut::worker_and_broker;
use super::site::Site;
use super::target::LinkEnd;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::{Percent, Range};

/// Loses a share of the packets of a link for a while, both ways.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    #[serde(default = "worker_and_broker")]
    between: [LinkEnd; 2],
    /// How many of them.
    share: Range<Percent>,
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for Loss {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let share = self.share.draw(random);
        let (from, to) = LinkEnd::pick_two(&self.between, site, random)?;
        let link = format!("packets {from} {to}");
        if !site.is_free(&link, at, at + lasts) {
            return None;
        }
        site.take(&link, at, at + lasts);
        Some(Drawn {
            action: FaultAction::Loss(Action {
                from,
                to,
                share_ppm: share.parts_per_million,
            }),
            lasts: Some(lasts),
        })
    }
}

/// So many of the packets between two processes are lost, both ways, and sent again later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// One process.
    pub from: String,
    /// The other.
    pub to: String,
    /// How many, in parts per million.
    pub share_ppm: u32,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        format!("{} <-> {}", self.from, self.to)
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (from, to) = (on.named(&self.from), on.named(&self.to));
        packet_loss::set(from, to, self.share_ppm);
        packet_loss::set(to, from, self.share_ppm);
        Begun::armed(async move {
            let lost = packet_loss::clear(from, to) + packet_loss::clear(to, from);
            lost > 0
        })
    }
}
