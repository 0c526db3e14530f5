//! `rewind-committed`: the group's committed offsets fall back, and records are delivered again.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::action::FaultAction;
use super::site::Site;
use super::{Drawn, Fault};
use crate::scenario::range::Range;

/// Sets the committed offsets back while nobody is in the group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewindCommitted {
    /// How many records of each partition are delivered again, at most.
    #[serde(default = "some_records")]
    records: Range<u64>,
}

/// No other fault brings a worker back this soon: the group would not be empty.
const AWAY: Duration = Duration::from_secs(5);

fn some_records() -> Range<u64> {
    Range { low: 1, high: 100 }
}

impl Fault for RewindCommitted {
    fn draw(&self, at: Duration, site: &mut Site, random: &mut ChaCha8Rng) -> Option<Drawn> {
        let until = at + AWAY;
        let names: Vec<String> = site.workers.iter().map(|w| w.name.clone()).collect();
        if !names.iter().all(|name| site.is_free(name, at, until)) {
            return None;
        }
        for name in &names {
            site.take(name, at, until);
        }
        Some(Drawn {
            action: FaultAction::RewindCommitted {
                records: self.records.draw(random),
            },
            lasts: None,
        })
    }
}
