//! What happened, as the harness sees it: one stream of events.

use std::sync::{Arc, Mutex, PoisonError};

use super::clock::Clock;
use crate::trace::{Event, Value};

/// The process that the harness's own events belong to.
pub(super) const HARNESS: &str = "harness";

/// The events so far.
#[derive(Debug)]
pub(super) struct History {
    pub(super) clock: Arc<Clock>,
    events: Mutex<Vec<Event>>,
}

impl History {
    pub(super) fn begin(clock: Arc<Clock>) -> Self {
        Self {
            clock,
            events: Mutex::default(),
        }
    }

    /// Something happens now.
    pub(super) fn event(
        &self,
        host: &str,
        process: &str,
        kind: &'static str,
        fields: &[(&'static str, Value)],
    ) {
        let event = Event {
            at_ns: self.clock.now_ns(),
            host: host.into(),
            process: process.into(),
            kind: kind.into(),
            fields: fields.iter().cloned().collect(),
        };
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
    }

    /// Everything so far and `others`, in order of time.
    pub(super) fn merged_with(&self, others: Vec<Event>) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut merged = [events.clone(), others].concat();
        merged.sort_by_key(|event| event.at_ns);
        merged
    }
}
