//! `delay`: a slow link between two processes.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::action::FaultAction;
use super::network_cut::worker_and_broker;
use super::site::Site;
use super::target::LinkEnd;
use super::{Drawn, Fault};
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
        let [first, second] = &self.between;
        let (from, to) = (first.pick(site, random)?, second.pick(site, random)?);
        if from == to {
            return None;
        }
        Some(Drawn {
            action: FaultAction::Delay {
                from,
                to,
                latency_us_min: self.latency.low.as_micros() as u64,
                latency_us_max: self.latency.high.as_micros() as u64,
            },
            lasts: Some(lasts),
        })
    }
}
