//! `clock-drift`: a host's wall clock runs too fast or too slow, as on a virtual machine that lost
//! its time server.

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
use crate::scenario::range::Range;

/// Lets a clock run away from true time. What it has gained or lost stays until all is healed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockDrift {
    #[serde(default = "ClockTarget::any")]
    target: ClockTarget,
    /// How much faster than true time, in parts per million; negative is slower. A quartz is off by
    /// 100 at most, a virtual machine by far more.
    rate_ppm: Range<i64>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for ClockDrift {
    fn draw(&self, _: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let rate_ppm = self.rate_ppm.draw(random);
        let host = self.target.pick(site, random)?;
        Some(Drawn {
            action: FaultAction::ClockDrift(Action { host, rate_ppm }),
            lasts: Some(lasts),
        })
    }
}

/// The host's wall clock runs faster by so much, or slower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
    /// In parts per million of true time; negative is slower.
    pub rate_ppm: i64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.host.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (host, rate_ppm) = (on.host(&self.host), self.rate_ppm);
        let reads = wall_clock::reads(host);
        wall_clock::drift(host, rate_ppm);
        Begun::armed(async move {
            wall_clock::drift(host, rate_ppm.saturating_neg());
            wall_clock::reads(host) > reads
        })
    }
}
