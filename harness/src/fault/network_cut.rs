//! `network-cut`: nothing passes between two processes, one way or both.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
#[cfg(madsim)]
use whitewater_sim::link;

use super::action::{ActsOn, FaultAction};
#[cfg(madsim)]
use super::inject::{Begun, Inject};
use super::site::Site;
use super::target::LinkEnd;
use super::{Drawn, Fault};
#[cfg(madsim)]
use crate::runner::injector::Injector;
use crate::scenario::range::Range;

/// Cuts a link for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkCut {
    #[serde(default = "worker_and_broker")]
    between: [LinkEnd; 2],
    #[serde(default)]
    direction: Direction,
    #[serde(rename = "for")]
    lasts: Range<Duration>,
}

/// Which way nothing passes.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    /// From the first to the second, or from the second to the first.
    OneWay,
    /// Neither way.
    BothWays,
    /// The seed picks.
    #[default]
    Any,
}

pub(super) fn worker_and_broker() -> [LinkEnd; 2] {
    [
        LinkEnd::Worker(super::target::WorkerTarget::Any),
        LinkEnd::Broker(None),
    ]
}

impl Fault for NetworkCut {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let lasts = self.lasts.draw(random);
        let (mut from, mut to) = LinkEnd::pick_two(&self.between, site, random)?;
        let both_ways = match self.direction {
            Direction::OneWay => false,
            Direction::BothWays => true,
            Direction::Any => random.random(),
        };
        if !both_ways && random.random() {
            std::mem::swap(&mut from, &mut to);
        }
        let link = link_name(&from, &to);
        if !site.is_free(&link, at, at + lasts) {
            return None;
        }
        site.take(&link, at, at + lasts);
        Some(Drawn {
            action: FaultAction::NetworkCut(Action {
                from,
                to,
                both_ways,
            }),
            lasts: Some(lasts),
        })
    }
}

/// One name for both directions.
fn link_name(a: &str, b: &str) -> String {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    format!("link {low} {high}")
}

/// Nothing passes between two processes; what was sent waits and arrives after healing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// One process.
    pub from: String,
    /// The other.
    pub to: String,
    /// Whether the way back is cut too.
    pub both_ways: bool,
}

impl ActsOn for Action {
    fn target(&self) -> String {
        let arrow = if self.both_ways { "<->" } else { "->" };
        format!("{} {arrow} {}", self.from, self.to)
    }
}

#[cfg(madsim)]
impl Inject for Action {
    async fn begin(&self, on: &Injector, _: Duration) -> Begun {
        let (from, to, both_ways) = (on.named(&self.from), on.named(&self.to), self.both_ways);
        link::cut(from, to);
        if both_ways {
            link::cut(to, from);
        }
        Begun::until(true, async move {
            link::heal(from, to);
            if both_ways {
                link::heal(to, from);
            }
        })
    }
}
