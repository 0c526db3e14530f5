//! `broker-pause`: a broker stops running (a long garbage collection, a disk that hangs) and goes on
//! as if nothing had happened.

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

/// Stops a broker for a while. Its connections stay, its requests wait, so do its timers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerPause {
    #[serde(default = "BrokerTarget::any")]
    target: BrokerTarget,
    /// For how long. A real cluster would fence the broker after `broker.session.timeout.ms` (9 s).
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for BrokerPause {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let broker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::BrokerPause(Action { broker }),
            lasts: Some(lasts),
        })
    }
}

/// SIGSTOP; at the end SIGCONT.
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
        let (cluster, id) = (on.cluster.clone(), on.broker_id(&self.broker));
        let runs = cluster.with(|cluster| cluster.is_running(id));
        cluster.pause_broker(id);
        Begun::until(runs, async move { cluster.resume_broker(id) })
    }
}
