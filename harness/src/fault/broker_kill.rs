//! `broker-kill`: a broker's process ends and starts again with its log.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, BrokerChoice, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::BrokerTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Takes a broker down for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerKill {
    #[serde(default = "BrokerTarget::any")]
    target: BrokerTarget,
    /// Until it starts again.
    #[serde(rename = "for", default = "down_for")]
    lasts: Range<Duration>,
}

fn down_for() -> Range<Duration> {
    Range {
        low: Duration::from_secs(1),
        high: Duration::from_secs(10),
    }
}

impl Fault for BrokerKill {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let broker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::BrokerKill(Action { broker }),
            lasts: Some(lasts),
        })
    }
}

/// The broker's process ends; its log stays. At the end it starts again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The broker.
    pub broker: BrokerChoice,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.broker.to_string()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let id = on.broker_id(&self.broker);
        if !on.cluster.with(|cluster| cluster.is_running(id)) {
            return Begun::over(false);
        }
        on.cluster.kill_broker(id);
        let site = on.clone();
        Begun::until(true, async move { site.start_broker(id) })
    }
}
