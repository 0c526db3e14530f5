//! `broker-slow`: each request costs a broker time (a disk that is worn out, a neighbour that takes
//! the CPU).

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::cpu;

use super::action::{ActsOn, BrokerChoice, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::BrokerTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Makes a broker slow. Requests of one connection wait for each other, those of others don't.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSlow {
    #[serde(default = "BrokerTarget::any")]
    target: BrokerTarget,
    /// What one request costs.
    a_request: Range<Duration>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for BrokerSlow {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let cost = self.a_request.draw(random);
        let broker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::BrokerSlow(Action {
                broker,
                request_us: cost.as_micros() as u64,
            }),
            lasts: Some(lasts),
        })
    }
}

/// Each request that a broker gets costs it so much simulated time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The broker.
    pub broker: BrokerChoice,
    /// What one request costs, in microseconds.
    pub request_us: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.broker.to_string()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let process = on.cluster.broker_process(on.broker_id(&self.broker));
        cpu::set_cost(process, Duration::from_micros(self.request_us));
        Begun::armed(async move { cpu::clear_cost(process) > 0 })
    }
}
