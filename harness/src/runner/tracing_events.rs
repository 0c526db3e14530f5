//! The pipeline's own `tracing` events, as events of the trace.
//!
//! Target `probe` marks a code point that a sweep must reach; everything else is kind `log`.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use whitewater_sim::trace::{self, Value};
use whitewater_sim::world;

use super::at_probe;
use crate::tracing_fields::{Fields, PROBE};

/// Receives every `tracing` event of the processes in the world. Spans are accepted and ignored:
/// what matters to a history is what happened, and when.
#[derive(Debug, Default)]
pub(super) struct TraceSubscriber {
    spans: AtomicU64,
}

/// Installs the subscriber for the whole process; a second call changes nothing.
pub(super) fn install() {
    // The only error is that a subscriber is set already: this one, by an earlier call.
    let _ = tracing::subscriber::set_global_default(TraceSubscriber::default());
}

impl Subscriber for TraceSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if !world::in_world() {
            return;
        }
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        if metadata.target() == PROBE {
            let name = fields.others.into_iter().find(|(name, _)| *name == "name");
            if let Some((_, Value::Text(name))) = name {
                trace::event("probe", &[("name", name.as_str().into())]);
                at_probe::tell(&name);
            }
            return;
        }
        let mut all = vec![
            ("level", Value::from(metadata.level().as_str())),
            ("target", Value::from(metadata.target())),
            ("message", Value::from(fields.message)),
        ];
        all.append(&mut fields.others);
        trace::event("log", &all);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
