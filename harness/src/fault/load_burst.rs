//! `load-burst`: the load comes faster for a while, as on a day with news.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Speeds the load up: the same records, so many times as fast.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBurst {
    /// How many times as fast.
    factor: Range<u64>,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

impl Fault for LoadBurst {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        if !site.is_free("load", at, at + lasts) {
            return None;
        }
        site.take("load", at, at + lasts);
        Some(Drawn {
            action: FaultAction::LoadBurst(Action {
                factor: self.factor.draw(random),
            }),
            lasts: Some(lasts),
        })
    }
}

/// The load is sent so many times as fast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// How many times.
    pub factor: u64,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        "load".to_owned()
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (loaded, sent) = (on.loaded.clone(), on.loaded.sent());
        loaded.set_pace(self.factor);
        Begun::armed(async move {
            loaded.set_pace(1);
            loaded.sent() > sent
        })
    }
}
