//! `slow-cpu`: each record costs a worker time (a shared core, a debug build, a slow lookup).

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::cpu;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::WorkerTarget;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Makes a worker slow. A batch that takes longer than `max.poll.interval.ms` costs it its membership
/// (failure mode 17).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowCpu {
    #[serde(default = "WorkerTarget::any")]
    target: WorkerTarget,
    /// What one record costs.
    a_record: Range<Duration>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for SlowCpu {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let cost = self.a_record.draw(random);
        let worker = self.target.take_part("cpu", at, at + lasts, site, random)?;
        Some(Drawn {
            action: FaultAction::SlowCpu(Action {
                worker,
                record_us: cost.as_micros() as u64,
            }),
            lasts: Some(lasts),
        })
    }
}

/// Each record that a worker gets costs it so much simulated time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The worker.
    pub worker: String,
    /// What one record costs, in microseconds.
    pub record_us: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.worker.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let process = on.named(&self.worker);
        cpu::set_cost(process, Duration::from_micros(self.record_us));
        Begun::armed(async move { cpu::clear_cost(process) > 0 })
    }
}
