//! How long workers are busy with a batch, and what that costs them.

use std::collections::BTreeMap;

use super::{Bound, Break};
use crate::trace::Event;

/// librdkafka's default of `max.poll.interval.ms`.
const MAX_POLL_INTERVAL_MS: u64 = 300_000;

/// The batch that each worker has in hand.
#[derive(Debug)]
pub(super) struct Batches<'e> {
    interval_ms: u64,
    workers: BTreeMap<&'e str, Batch>,
    pub(super) longest_ns: Option<u64>,
    pub(super) broken: Option<Break>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Batch {
    records: u64,
    last_record_ns: u64,
    ended: bool,
}

impl<'e> Batches<'e> {
    /// With the pipeline's settings.
    pub(super) fn new(settings: &BTreeMap<String, String>) -> Self {
        let set = settings.get("max.poll.interval.ms");
        Self {
            interval_ms: set
                .and_then(|text| text.parse().ok())
                .unwrap_or(MAX_POLL_INTERVAL_MS),
            workers: BTreeMap::new(),
            longest_ns: None,
            broken: None,
        }
    }

    /// The next event of the trace.
    pub(super) fn follow(&mut self, event: &'e Event) {
        let batch = self.workers.entry(&event.process).or_default();
        match &*event.kind {
            "deliver" => {
                if batch.ended {
                    *batch = Batch::default();
                }
                batch.records += 1;
                batch.last_record_ns = event.at_ns;
            }
            "sink_commit" if batch.records > 0 && !batch.ended => {
                batch.ended = true;
                let busy_ns = event.at_ns - batch.last_record_ns;
                self.longest_ns = self.longest_ns.max(Some(busy_ns));
            }
            // The application polls again, and hears that it was thrown out meanwhile.
            "lost" if batch.records > 0 => {
                let busy_ms = (event.at_ns - batch.last_record_ns) / 1_000_000;
                if busy_ms >= self.interval_ms && self.broken.is_none() {
                    let at_ms = batch.last_record_ns / 1_000_000 + self.interval_ms;
                    self.broken = Some(Break {
                        at_ms,
                        bound: Bound::MaxPollInterval,
                        why: format!(
                            "{} worked {busy_ms} ms on {} records without a poll; the interval is {} ms",
                            event.process, batch.records, self.interval_ms
                        ),
                    });
                }
            }
            _ => {}
        }
    }
}
