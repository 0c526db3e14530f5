//! `clock-skew`: a host's wall clock is wrong for a while, then somebody sets it right.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::wall_clock;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::ClockTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::{Range, Shift};

/// Shows a host the wrong time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSkew {
    #[serde(default = "ClockTarget::any")]
    target: ClockTarget,
    /// How far the clock is ahead, or behind where negative.
    by: Range<Shift>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for ClockSkew {
    fn draw(&self, _: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let by_us = self.by.draw(random).micros;
        let host = self.target.pick(site, random)?;
        Some(Drawn {
            action: FaultAction::ClockSkew(Action { host, by_us }),
            lasts: Some(lasts),
        })
    }
}

/// The host's wall clock is ahead by so much, or behind; at the end it is set back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
    /// In microseconds; negative is behind.
    pub by_us: i64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.host.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (host, by_ns) = (on.host(&self.host), self.by_us.saturating_mul(1_000));
        let reads = wall_clock::reads(host);
        wall_clock::jump(host, by_ns);
        Begun::armed(async move {
            wall_clock::jump(host, by_ns.saturating_neg());
            wall_clock::reads(host) > reads
        })
    }
}
