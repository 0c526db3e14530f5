//! `upgrade`: another version of the pipeline takes over in mid-stream, and may be rolled back.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::time;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::fleet::Fleet;
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// What one upgrade at a time has to itself.
const THE_VERSION: &str = "the version";

/// Lets the workers start another pipeline under test instead.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// The new version, by the name the runner knows it by.
    to: String,
    #[serde(default)]
    how: How,
    /// From one worker to the next; only for a rolling one.
    #[serde(default = "pause")]
    pause: Range<Duration>,
    /// Until it is rolled back. Without it the new version stays.
    #[serde(rename = "for")]
    lasts: Option<Range<Duration>>,
}

fn pause() -> Range<Duration> {
    Range {
        low: Duration::ZERO,
        high: Duration::from_secs(5),
    }
}

/// How the workers are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// One after the other: old and new are in the group side by side.
    #[default]
    Rolling,
    /// Every old one ends before a new one starts.
    AllAtOnce,
}

impl Fault for Upgrade {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.map(|lasts| lasts.draw(random));
        let pause = self.pause.draw(random);
        let until = lasts.map_or(Duration::MAX, |lasts| at + lasts);
        if !site.is_free(THE_VERSION, at, until) {
            return None;
        }
        site.take(THE_VERSION, at, until);
        Some(Drawn {
            action: FaultAction::Upgrade(Action {
                to: self.to.clone(),
                how: self.how,
                pause_ms: pause.as_millis() as u64,
            }),
            lasts,
        })
    }
}

/// Every worker gets SIGTERM, and what starts in its place, now and later, is the new version. At
/// the end, if it has one, the same the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The new version.
    pub to: String,
    /// How the workers are replaced.
    pub how: How,
    /// From one worker to the next of a rolling one, in milliseconds.
    pub pause_ms: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        self.to.clone()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, ends_at: Duration) -> Begun {
        let lasts = time::now() < ends_at;
        self.replace_all(&on.fleet, &self.to).await;
        // Where no worker ran, those that start next are the new version's.
        if !lasts {
            return Begun::over(true);
        }
        let (action, fleet, old) = (self.clone(), on.fleet.clone(), on.plan.pipeline.clone());
        Begun::until(true, async move {
            action.replace_all(&fleet, &old).await;
        })
    }
}

#[cfg(madsim)]
impl Action {
    /// A worker that is down starts as the new version when it starts again.
    async fn replace_all(&self, fleet: &Fleet, version: &str) {
        let mut stopped = Vec::new();
        for name in fleet.names() {
            let wanted = fleet.is_wanted(&name);
            fleet.stop(&name).await;
            fleet.set_version(&name, version);
            if !wanted {
                continue;
            }
            stopped.push(name.clone());
            if self.how == How::Rolling {
                fleet.start(&name);
                time::sleep(Duration::from_millis(self.pause_ms)).await;
            }
        }
        for name in stopped.iter().filter(|_| self.how == How::AllAtOnce) {
            fleet.start(name);
        }
    }
}
