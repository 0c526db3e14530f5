//! `pause`: a worker stops running (a long garbage collection, a frozen virtual machine) and
//! goes on as if nothing had happened.

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

/// Stops a worker for a while. Longer than `session.timeout.ms`, it wakes up as a zombie.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    #[serde(default = "WorkerTarget::any")]
    target: WorkerTarget,
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for Pause {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let worker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::Pause(Action { worker }),
            lasts: Some(lasts),
        })
    }
}

/// SIGSTOP; at the end SIGCONT.
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
        let ran = fleet.pause(&worker);
        Begun::until(ran, async move { fleet.resume(&worker) })
    }
}
