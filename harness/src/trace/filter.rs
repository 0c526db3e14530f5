//! Narrows a trace to what a reader asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Event, OffsetCommit, View};
use crate::pipeline_under_test::RecordPosition;

/// What a reader wants to see; everything by default. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Nothing before this simulated time, in nanoseconds.
    pub from_ns: Option<u64>,
    /// What this process did, or what was done to it.
    pub process: Option<String>,
    /// The way of records with this key, or whose id is or begins with this text; or, written as
    /// `trades-3`, of everything in a partition.
    pub key: Option<String>,
}

impl Filter {
    /// The events that fit, in order.
    #[must_use]
    pub fn apply<'e>(&self, events: &'e [Event]) -> Vec<&'e Event> {
        let mut way = self.key.as_deref().map(|key| Way::of(key, events));
        events
            .iter()
            // The way has to see all events, to know what a sink commit may hold.
            .filter(|event| way.as_mut().is_none_or(|way| way.passes(event)))
            .filter(|event| self.from_ns.is_none_or(|from_ns| event.at_ns >= from_ns))
            .filter(|event| {
                self.process
                    .as_deref()
                    .is_none_or(|process| is_about(event, process))
            })
            .collect()
    }
}

fn is_about(event: &Event, process: &str) -> bool {
    if &*event.process == process {
        return true;
    }
    match event.view() {
        View::OffsetCommit(OffsetCommit { client_id, .. })
        | View::OffsetCommitRefused {
            commit: OffsetCommit { client_id, .. },
            ..
        } => client_id == process,
        View::Fault { target, .. } => target
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .any(|word| word == process),
        _ => false,
    }
}

/// The way of some records through the history.
struct Way {
    positions: BTreeSet<RecordPosition>,
    partitions: BTreeSet<(String, i32)>,
    /// The partition that was asked for, if it was one: every record in it is meant.
    whole: Option<(String, i32)>,
    /// Processes that got one of the records and have not written since.
    holding: BTreeMap<Arc<str>, bool>,
}

impl Way {
    fn of(key: &str, events: &[Event]) -> Self {
        let positions: BTreeSet<RecordPosition> = events
            .iter()
            .filter_map(|event| match event.view() {
                View::Loaded {
                    position,
                    id,
                    key: found,
                    ..
                } => (found == key || id.starts_with(key)).then_some(position),
                _ => None,
            })
            .collect();
        let whole = partition_named(key, events);
        Self {
            partitions: positions
                .iter()
                .map(|position| (position.topic.clone(), position.partition))
                .chain(whole.clone())
                .collect(),
            positions,
            whole,
            holding: BTreeMap::new(),
        }
    }

    fn covers(&self, position: &RecordPosition) -> bool {
        let in_whole = self.whole.as_ref().is_some_and(|(topic, partition)| {
            position.topic == *topic && position.partition == *partition
        });
        in_whole || self.positions.contains(position)
    }

    fn passes(&mut self, event: &Event) -> bool {
        match event.view() {
            View::Loaded { position, .. } | View::Produced(position) => self.covers(&position),
            View::Deliver(position) => {
                let passes = self.covers(&position);
                if passes {
                    self.holding.insert(event.process.clone(), true);
                }
                passes
            }
            View::SinkCommit { .. } => self.holding.remove(&event.process).unwrap_or(false),
            View::Log { .. } | View::Other | View::Append { .. } => false,
            _ => self
                .partitions
                .iter()
                .any(|(topic, partition)| event.concerns(topic, *partition)),
        }
    }
}

/// The partition that a text like `trades-3` names, if the history has a record of it: an id such
/// as `IBM-000412` looks the same.
fn partition_named(text: &str, events: &[Event]) -> Option<(String, i32)> {
    let (topic, partition) = text.rsplit_once('-')?;
    let partition = partition.parse().ok()?;
    events
        .iter()
        .any(|event| match event.view() {
            View::Loaded { position, .. }
            | View::Produced(position)
            | View::Deliver(position)
            | View::FetchStart(position) => {
                position.topic == topic && position.partition == partition
            }
            _ => false,
        })
        .then(|| (topic.to_owned(), partition))
}

#[cfg(test)]
mod tests {
    use super::super::history::{
        assigned, at_offset, event, fault, loaded, offset_commit, sink_commit,
    };
    use super::super::story::tell;
    use super::*;

    fn events() -> Vec<Event> {
        vec![
            assigned(1.0, "worker-1", "assigned", "trades-0", 1),
            assigned(1.0, "worker-2", "assigned", "trades-1", 1),
            loaded(2.0, "IBM-000001", 0, 0, "IBM"),
            loaded(2.0, "SPY-000001", 1, 0, "SPY"),
            at_offset(3.0, "worker-2", "deliver", 1, 0),
            sink_commit(4.0, "worker-2", 1),
            at_offset(5.0, "worker-1", "deliver", 0, 0),
            sink_commit(6.0, "worker-1", 1),
            sink_commit(7.0, "worker-1", 0),
            offset_commit(8.0, "worker-1", 0, 1, 1),
            offset_commit(8.0, "worker-2", 1, 1, 1),
            fault(9.0, "delay", "begun", "worker-2 <-> broker-1"),
            event(10.0, "worker-1", "log", &[("message", "bye".into())]),
        ]
    }

    fn story(filter: &Filter) -> String {
        let events = events();
        let lines: Vec<String> = tell(filter.apply(&events))
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.join("\n")
    }

    #[test]
    fn no_condition_leaves_everything() {
        assert_eq!(Filter::default().apply(&events()).len(), events().len());
    }

    #[test]
    fn from_leaves_out_what_is_earlier() {
        let filter = Filter {
            from_ns: Some(9_000_000),
            ..Filter::default()
        };
        assert_eq!(filter.apply(&events()).len(), 2);
    }

    #[test]
    fn a_process_shows_what_it_did_and_what_hit_it() {
        let filter = Filter {
            process: Some("worker-2".to_owned()),
            ..Filter::default()
        };
        insta::assert_snapshot!(story(&filter), @r"
        0.001 000 s  worker-2   assigned trades-1, generation 1
        0.003 000 s  worker-2   polls trades-1@0
        0.004 000 s  worker-2   sink commit, 1 row
        0.008 000 s  worker-2   offset commit trades-1 -> 1
        0.009 000 s  FAULT      delay worker-2 <-> broker-1
        ");
    }

    #[test]
    fn a_key_shows_the_way_of_its_records() {
        let filter = Filter {
            key: Some("IBM".to_owned()),
            ..Filter::default()
        };
        insta::assert_snapshot!(story(&filter), @r#"
        0.001 000 s  worker-1   assigned trades-0, generation 1
        0.002 000 s  harness    loads trades-0@0 id "IBM-000001"
        0.005 000 s  worker-1   polls trades-0@0
        0.006 000 s  worker-1   sink commit, 1 row
        0.008 000 s  worker-1   offset commit trades-0 -> 1
        0.009 000 s  FAULT      delay worker-2 <-> broker-1
        "#);
    }

    #[test]
    fn a_partition_shows_the_way_of_all_its_records() {
        let filter = Filter {
            key: Some("trades-1".to_owned()),
            ..Filter::default()
        };
        insta::assert_snapshot!(story(&filter), @r#"
        0.001 000 s  worker-2   assigned trades-1, generation 1
        0.002 000 s  harness    loads trades-1@0 id "SPY-000001"
        0.003 000 s  worker-2   polls trades-1@0
        0.004 000 s  worker-2   sink commit, 1 row
        0.008 000 s  worker-2   offset commit trades-1 -> 1
        0.009 000 s  FAULT      delay worker-2 <-> broker-1
        "#);
    }

    #[test]
    fn a_partition_that_no_record_is_in_shows_none() {
        assert_eq!(partition_named("trades-7", &events()), None);
        assert_eq!(partition_named("IBM-000001", &events()), None);
    }
}
