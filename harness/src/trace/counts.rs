//! How often things happened in a history, for the verdict.

use std::collections::BTreeMap;

use super::{Event, View};

/// How often each kind of fault that began took effect, beside those of the load.
#[must_use]
pub fn fault_hits(trace: &[Event], of_load: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut hits = of_load;
    for event in of_kind(trace, "fault") {
        let View::Fault { name, phase, .. } = event.view() else {
            continue;
        };
        match phase {
            // Counted as none, so that a kind that never takes effect can be told.
            "begun" => {
                hits.entry(name.to_owned()).or_default();
            }
            "hit" => *hits.entry(name.to_owned()).or_default() += 1,
            _ => {}
        }
    }
    hits
}

/// How often each probe was reached.
#[must_use]
pub fn probes(trace: &[Event]) -> BTreeMap<String, u64> {
    let mut probes = BTreeMap::new();
    for event in of_kind(trace, "probe") {
        if let View::Probe { name } = event.view() {
            *probes.entry(name.to_owned()).or_default() += 1;
        }
    }
    probes
}

/// The events of a kind.
pub fn of_kind<'e>(trace: &'e [Event], kind: &str) -> impl Iterator<Item = &'e Event> {
    trace.iter().filter(move |event| event.kind == kind)
}
