//! `lost-reply`: a request arrives and is carried out, its answer never comes: the connection breaks
//! in between. Whoever asked can't know the outcome.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::link;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::{LinkEnd, WorkerTarget};
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Loses the next answer of a broker to a worker (failure mode 34).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostReply {
    /// Who asks.
    #[serde(default = "WorkerTarget::any")]
    target: WorkerTarget,
    /// For how long the next answer is waited for.
    #[serde(rename = "for", default = "soon")]
    lasts: Range<Duration>,
}

fn soon() -> Range<Duration> {
    Range::fixed(Duration::from_secs(1))
}

impl Fault for LostReply {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let link = [LinkEnd::Worker(self.target.clone()), LinkEnd::Broker(None)];
        let (worker, broker) = LinkEnd::pick_two(&link, site, random)?;
        let link = format!("answers {broker} {worker}");
        if !site.is_free(&link, at, at + lasts) {
            return None;
        }
        site.take(&link, at, at + lasts);
        Some(Drawn {
            action: FaultAction::LostReply(Action { broker, worker }),
            lasts: Some(lasts),
        })
    }
}

/// The next message of a broker to a worker is lost, and their connection with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The broker.
    pub broker: String,
    /// The worker.
    pub worker: String,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        format!("{} -> {}", self.broker, self.worker)
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (broker, worker) = (on.named(&self.broker), on.named(&self.worker));
        link::lose_next(broker, worker);
        Begun::armed(async move { link::lose_no_more(broker, worker) })
    }
}
