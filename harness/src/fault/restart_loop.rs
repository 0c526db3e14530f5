//! `restart-loop`: a worker that dies again and again soon after it has started (a liveness probe that
//! is too strict, memory that runs out).

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::time;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::WorkerTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Kills a worker, starts it, kills it again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartLoop {
    #[serde(default = "WorkerTarget::any")]
    target: WorkerTarget,
    /// From each start to the next kill.
    up: Range<Duration>,
    /// From each kill to the next start.
    down: Range<Duration>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for RestartLoop {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let (up, down) = (self.up.draw(random), self.down.draw(random));
        let worker = self.target.take(at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::RestartLoop(Action {
                worker,
                up_ms: up.as_millis() as u64,
                down_ms: down.as_millis() as u64,
            }),
            lasts: Some(lasts),
        })
    }
}

/// SIGKILL and a new start, again and again until it ends; then the worker runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The worker.
    pub worker: String,
    /// From each start to the next kill, in milliseconds.
    pub up_ms: u64,
    /// From each kill to the next start, in milliseconds.
    pub down_ms: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.worker.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, ends_at: Duration) -> Begun {
        let mut kills = 0;
        while time::now() < ends_at {
            kills += u64::from(on.fleet.kill(&self.worker));
            let down_until = time::now() + Duration::from_millis(self.down_ms);
            time::sleep_until(down_until.min(ends_at)).await;
            on.fleet.start(&self.worker);
            let up_until = time::now() + Duration::from_millis(self.up_ms.max(1));
            time::sleep_until(up_until.min(ends_at)).await;
        }
        // Once is a kill.
        Begun::over(kills > 1)
    }
}
