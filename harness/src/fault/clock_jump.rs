//! `clock-jump`: a host's wall clock steps, forward or back, as when a time server corrects it or
//! somebody sets it by hand.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::{host, wall_clock};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::ClockTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::{Range, Shift};

/// Steps a clock, once. It stays so until all is healed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJump {
    #[serde(default = "ClockTarget::any")]
    target: ClockTarget,
    /// How far forward, or back where negative.
    by: Range<Shift>,
}

impl Fault for ClockJump {
    fn draw(&self, _: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let by_us = self.by.draw(random).micros;
        let host = self.target.pick(site, random)?;
        Some(Drawn {
            action: FaultAction::ClockJump(Action { host, by_us }),
            lasts: None,
        })
    }
}

/// The host's wall clock steps forward by so much, or back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The host.
    pub host: String,
    /// In microseconds; negative is back.
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
        let host = on.host(&self.host);
        wall_clock::jump(host, self.by_us.saturating_mul(1_000));
        Begun::over(!host::running_processes(host).is_empty())
    }
}
