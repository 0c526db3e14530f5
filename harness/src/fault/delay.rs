//! `delay`: a slow link between two processes.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::link;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::network_cut::worker_and_broker;
use super::site::Site;
use super::target::LinkEnd;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Slows a link down for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    #[serde(default = "worker_and_broker")]
    between: [LinkEnd; 2],
    /// One-way latency of each message while it lasts.
    latency: Range<Duration>,
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for Delay {
    fn draw(&self, _: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let (from, to) = LinkEnd::pick_two(&self.between, site, random)?;
        Some(Drawn {
            action: FaultAction::Delay(Action {
                from,
                to,
                latency_us_min: self.latency.low.as_micros() as u64,
                latency_us_max: self.latency.high.as_micros() as u64,
            }),
            lasts: Some(lasts),
        })
    }
}

/// Every message between two processes, both ways, takes this long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// One process.
    pub from: String,
    /// The other.
    pub to: String,
    /// Shortest one-way latency, in microseconds.
    pub latency_us_min: u64,
    /// Longest one-way latency, in microseconds.
    pub latency_us_max: u64,
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
        let latency = Duration::from_micros(self.latency_us_min)
            ..Duration::from_micros(self.latency_us_max + 1);
        link::set_delay(from, to, latency.clone());
        link::set_delay(to, from, latency);
        Begun::until(true, async move {
            link::clear_delay(from, to);
            link::clear_delay(to, from);
        })
    }
}
