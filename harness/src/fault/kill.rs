//! `kill`: a worker gets SIGKILL and starts again after a while.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::WorkerTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Ends a worker without warning.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    #[serde(default = "WorkerTarget::any")]
    target: WorkerTarget,
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

impl Fault for Kill {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let worker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::Kill(Action { worker }),
            lasts: Some(lasts),
        })
    }
}

/// SIGKILL; the host keeps its files. At the end the process starts again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The worker.
    pub worker: String,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.worker.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (fleet, worker) = (on.fleet.clone(), self.worker.clone());
        let ran = fleet.kill(&worker);
        Begun::until(ran, async move { fleet.start(&worker) })
    }
}
