//! Repeated records that come when a pipeline has forgotten the first ones.

use std::collections::BTreeMap;

use super::{Bound, Break};
use crate::trace::Event;

/// The setting that says for how long a pipeline remembers an id, in milliseconds.
pub(super) const HORIZON: &str = "seen_horizon_ms";

/// When each id was first in a log.
#[derive(Debug)]
pub(super) struct Seen<'e> {
    horizon_ms: Option<u64>,
    first: BTreeMap<&'e str, u64>,
    ids: BTreeMap<(&'e str, i64, i64), &'e str>,
    pub(super) broken: Option<Break>,
}

impl<'e> Seen<'e> {
    /// With the pipeline's settings; watches nothing where they name no horizon.
    pub(super) fn new(settings: &BTreeMap<String, String>) -> Self {
        Self {
            horizon_ms: settings.get(HORIZON).and_then(|text| text.parse().ok()),
            first: BTreeMap::new(),
            ids: BTreeMap::new(),
            broken: None,
        }
    }

    /// The next event of the trace.
    pub(super) fn follow(&mut self, event: &'e Event) -> Option<()> {
        let horizon_ms = self.horizon_ms?;
        let position = || {
            Some((
                event.text("topic")?,
                event.int("partition")?,
                event.int("offset")?,
            ))
        };
        match &*event.kind {
            "loaded" => {
                let id = event.text("id").filter(|id| !id.is_empty())?;
                self.first.entry(id).or_insert(event.at_ns);
                self.ids.insert(position()?, id);
            }
            "deliver" if self.broken.is_none() => {
                let id = self.ids.get(&position()?)?;
                let age_ms = (event.at_ns - self.first.get(id)?) / 1_000_000;
                if age_ms > horizon_ms {
                    self.broken = Some(Break {
                        at_ms: event.at_ns / 1_000_000,
                        bound: Bound::SeenHorizon,
                        why: format!(
                            "\"{id}\" is taken in {age_ms} ms after it was first sent; `seen` goes back {horizon_ms} ms"
                        ),
                    });
                }
            }
            _ => {}
        }
        Some(())
    }
}
