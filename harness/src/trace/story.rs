//! Tells a trace as lines for people: time, who, one verb.
//!
//! Runs of deliveries, loads and the like, of one process and partition, are told as one range at
//! the time of the first. What only repeats another line (appends, acknowledgements to the
//! loader) is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{AssignmentChange, Event, OffsetCommit, Value, View};

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, in simulated nanoseconds.
    pub at_ns: u64,
    /// A process, or [`FAULT`].
    pub who: String,
    /// What, in a few words.
    pub what: String,
}

/// Who acts when a fault does.
pub const FAULT: &str = "FAULT";

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:<9}  {}", Time(self.at_ns), self.who, self.what)
    }
}

/// Simulated time as replays print it: `12.904 000 s`, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 / 1_000;
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        write!(
            f,
            "{seconds:>3}.{:03} {:03} s",
            micros / 1_000,
            micros % 1_000
        )
    }
}

/// The story of these events, which are in order of time.
#[must_use]
pub fn tell<'e>(events: impl IntoIterator<Item = &'e Event>) -> Vec<Line> {
    let events: Vec<&Event> = events.into_iter().collect();
    tell_part(&Narrator::of(events.iter().copied()), events)
}

/// The story of some events of a history, by a narrator who knows all of it.
#[must_use]
pub fn tell_part<'e>(
    narrator: &Narrator,
    events: impl IntoIterator<Item = &'e Event>,
) -> Vec<Line> {
    let mut begun = None;
    let mut lines = Vec::new();
    let mut open: Vec<Stretch<'_>> = Vec::new();
    for event in events {
        if repeats_another(event) || takes_effect_at_once(event, &mut begun) {
            continue;
        }
        if let Some(stretch) = Stretch::begin(event) {
            match open.iter_mut().find(|open| open.goes_on_with(&stretch)) {
                Some(open) => open.last = stretch.last,
                None => open.push(stretch),
            }
            continue;
        }
        lines.extend(open.drain(..).map(Stretch::line));
        lines.push(narrator.line(event));
    }
    lines.extend(open.drain(..).map(Stretch::line));
    lines
}

/// Whether the event says what another one says better.
fn repeats_another(event: &Event) -> bool {
    match event.view() {
        View::Append { .. } => true,
        View::Produced(_) => &*event.process == "harness",
        _ => false,
    }
}

/// Whether the event only says that the fault that began last took effect, and at once.
fn takes_effect_at_once<'e>(event: &'e Event, begun: &mut Option<(u64, &'e str, &'e str)>) -> bool {
    let View::Fault {
        name,
        phase,
        target,
    } = event.view()
    else {
        return false;
    };
    let this = Some((event.at_ns, name, target));
    match phase {
        "begun" => *begun = this,
        "hit" => return *begun == this,
        _ => {}
    }
    false
}

/// Consecutive offsets of one partition that one process handled in the same way.
struct Stretch<'e> {
    at_ns: u64,
    process: &'e str,
    verb: &'static str,
    topic: String,
    partition: i32,
    first: i64,
    last: i64,
    id: Option<&'e str>,
}

impl<'e> Stretch<'e> {
    fn begin(event: &'e Event) -> Option<Self> {
        let (verb, position, id) = match event.view() {
            View::Deliver(position) => ("polls", position, None),
            View::Produced(position) => ("produces", position, None),
            View::Loaded { position, id, .. } => ("loads", position, Some(id)),
            _ => return None,
        };
        Some(Self {
            at_ns: event.at_ns,
            process: &event.process,
            verb,
            topic: position.topic,
            partition: position.partition,
            first: position.offset,
            last: position.offset,
            id: id.filter(|id| !id.is_empty()),
        })
    }

    fn goes_on_with(&self, next: &Self) -> bool {
        self.process == next.process
            && self.verb == next.verb
            && self.topic == next.topic
            && self.partition == next.partition
            && self.last + 1 == next.first
    }

    fn line(self) -> Line {
        let offsets = offset_range(self.first, self.last);
        let id = match self.id {
            Some(id) if self.first == self.last => format!(" id \"{id}\""),
            Some(_) | None => String::new(),
        };
        Line {
            at_ns: self.at_ns,
            who: self.process.to_owned(),
            what: format!(
                "{} {}-{}@{offsets}{id}",
                self.verb, self.topic, self.partition
            ),
        }
    }
}

/// `412`, or `400..449` with both ends included.
#[must_use]
pub fn offset_range(first: i64, last: i64) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}..{last}")
    }
}

/// Tells single events; knows the processes of the history.
#[derive(Debug)]
pub struct Narrator {
    processes: BTreeSet<Arc<str>>,
    /// From the ids that the group coordinator gave.
    process_by_member: BTreeMap<String, Arc<str>>,
}

impl Narrator {
    /// A narrator of a history.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Self {
        let mut narrator = Self {
            processes: BTreeSet::new(),
            process_by_member: BTreeMap::new(),
        };
        for event in events {
            narrator.processes.insert(event.process.clone());
            if let View::Assignment { member_id, .. } = event.view()
                && !member_id.is_empty()
            {
                let (member, process) = (member_id.to_owned(), event.process.clone());
                narrator.process_by_member.insert(member, process);
            }
        }
        narrator
    }

    /// The text with processes for the member ids whose processes are known.
    fn with_processes(&self, text: String) -> String {
        self.process_by_member
            .iter()
            .filter(|(member, _)| text.contains(*member))
            .fold(text.clone(), |text, (member, process)| {
                text.replace(member, process)
            })
    }

    /// The process that a `client.id` belongs to; none if the client kept its library's default.
    #[must_use]
    pub fn process_of<'c>(&self, client_id: &'c str) -> Option<&'c str> {
        self.processes.contains(client_id).then_some(client_id)
    }

    /// The event as one line.
    #[must_use]
    pub fn line(&self, event: &Event) -> Line {
        let mut who = event.process.as_ref();
        let what = match event.view() {
            View::Produced(position) => format!("produces {position}"),
            View::Loaded { position, id, .. } => format!("loads {position} id \"{id}\""),
            View::Deliver(position) => format!("polls {position}"),
            View::FetchStart(position) => format!(
                "fetches {}-{} from {}",
                position.topic, position.partition, position.offset
            ),
            View::Assignment {
                change,
                partitions,
                generation,
                ..
            } => assignment(change, &partitions, generation),
            View::OffsetCommit(commit) => {
                let by = self.committer(&commit, &mut who);
                format!("{}{by}", offset_commit(&commit))
            }
            View::OffsetCommitRefused { commit, error } => {
                let by = self.committer(&commit, &mut who);
                format!("{}{by} refused: {error}", offset_commit(&commit))
            }
            View::GroupState {
                group,
                state,
                generation,
                reason,
            } => {
                let reason = in_brackets(reason);
                format!("group {group}: {state}{reason}, generation {generation}")
            }
            View::MemberReconciled {
                group,
                member_id,
                epoch,
                assigned,
                pending_revocation,
            } => {
                let has = partition_list(&assigned);
                let rest = if pending_revocation.is_empty() {
                    String::new()
                } else {
                    format!(", gives up {}", partition_list(&pending_revocation))
                };
                format!("group {group}: {member_id} has {has}{rest}, epoch {epoch}")
            }
            View::Append { first, records } => {
                format!("appends {records} records from {first}")
            }
            View::SinkCommit { rows: 1, .. } => "sink commit, 1 row".to_owned(),
            View::SinkCommit { rows, .. } => format!("sink commit, {rows} rows"),
            View::Fault {
                name,
                phase,
                target,
            } => {
                who = FAULT;
                fault(event, name, phase, target)
            }
            View::Process { phase } => process(event, phase),
            View::Probe { name } => format!("reaches {name}"),
            View::Log { level, message } => {
                let fields = other_fields(event, &["level", "target", "message"]);
                format!("{level} {message}{fields}")
            }
            View::Panic { message, location } => {
                format!("panics: {message}{}", in_brackets(location))
            }
            View::Other => format!("{}{}", event.kind, other_fields(event, &[])),
        };
        Line {
            at_ns: event.at_ns,
            who: who.to_owned(),
            what: self.with_processes(what),
        }
    }

    /// Makes the process that asked for an offset commit the one that acts, if it is known.
    fn committer<'e>(&self, commit: &OffsetCommit<'e>, who: &mut &'e str) -> String {
        match self.process_of(commit.client_id) {
            Some(process) => {
                *who = process;
                String::new()
            }
            None => format!(" by client \"{}\"", commit.client_id),
        }
    }
}

fn offset_commit(commit: &OffsetCommit<'_>) -> String {
    let position = &commit.position;
    format!(
        "offset commit {}-{} -> {}",
        position.topic, position.partition, position.offset
    )
}

fn assignment(change: AssignmentChange, partitions: &[(&str, i32)], generation: i64) -> String {
    let verb = match change {
        AssignmentChange::Assigned => "assigned",
        AssignmentChange::Revoked => "revoked",
        AssignmentChange::Lost => "lost",
    };
    format!(
        "{verb} {}, generation {generation}",
        partition_list(partitions)
    )
}

/// `trades-0..2, trades-5`, or `nothing`.
fn partition_list(partitions: &[(&str, i32)]) -> String {
    let mut sorted = partitions.to_vec();
    sorted.sort_unstable();
    let mut stretches: Vec<(&str, i32, i32)> = Vec::new();
    for (topic, partition) in sorted {
        match stretches.last_mut() {
            Some((same, _, last)) if *same == topic && *last + 1 == partition => *last = partition,
            _ => stretches.push((topic, partition, partition)),
        }
    }
    if stretches.is_empty() {
        return "nothing".to_owned();
    }
    let parts: Vec<String> = stretches
        .into_iter()
        .map(|(topic, first, last)| format!("{topic}-{}", offset_range(first.into(), last.into())))
        .collect();
    parts.join(", ")
}

fn fault(event: &Event, name: &str, phase: &str, target: &str) -> String {
    let more = other_fields(event, &["name", "phase", "target"]);
    let phase = match phase {
        "begun" => "",
        "hit" => " takes effect",
        "ended" => " is over",
        other => other,
    };
    format!("{name} {target}{phase}{more}")
}

fn process(event: &Event, phase: &str) -> String {
    let phase = match phase {
        "power_loss" => "loses power",
        "started" => "starts",
        "exited" => "ends",
        "killed" => "is killed",
        "paused" => "is paused",
        "resumed" => "goes on",
        other => other,
    };
    format!("{phase}{}", other_fields(event, &["phase"]))
}

fn in_brackets(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" ({text})")
    }
}

/// ` · name value · name value` for the fields not told yet.
fn other_fields(event: &Event, told: &[&str]) -> String {
    event
        .fields
        .iter()
        .filter(|(name, value)| !told.contains(name) && **value != Value::Text(String::new()))
        .map(|(name, value)| format!(" · {name} {value}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::history::{
        assigned, at_offset, event, fault, loaded, offset_commit, sink_commit,
    };
    use super::*;

    fn text(events: &[Event]) -> String {
        let lines: Vec<String> = tell(events).iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn a_history_reads_as_a_story() {
        let mut events = vec![
            event(0.0, "worker-2", "process", &[("phase", "started".into())]),
            event(
                3_012.45,
                "broker-1",
                "group_state",
                &[
                    ("group", "trades".into()),
                    ("state", "PreparingRebalance".into()),
                    ("generation", 0.into()),
                    ("reason", "worker-2 joins".into()),
                ],
            ),
            assigned(
                3_512.101,
                "worker-2",
                "assigned",
                "trades-3,trades-0,trades-1",
                1,
            ),
            at_offset(3_513.0, "worker-2", "fetch_start", 3, 0),
            loaded(4_000.0, "IBM-000000", 3, 0, "IBM"),
        ];
        for offset in 0..50 {
            let at_ms = 12_904.0 + offset as f64;
            events.push(at_offset(at_ms, "worker-2", "deliver", 3, offset));
            events.push(at_offset(at_ms, "worker-2", "deliver", 0, offset + 7));
        }
        events.extend([
            sink_commit(12_960.0, "worker-2", 100),
            offset_commit(12_961.0, "worker-2", 3, 50, 1),
            offset_commit(12_961.5, "rdkafka", 0, 57, 1),
            fault(12_970.0, "kill", "begun", "worker-2"),
            event(
                12_970.0,
                "worker-2",
                "process",
                &[("phase", "killed".into())],
            ),
            event(
                12_980.0,
                "worker-1",
                "log",
                &[
                    ("level", "WARN".into()),
                    ("target", "pipeline::worker".into()),
                    ("message", "fenced".into()),
                    ("token", 2.into()),
                ],
            ),
            event(
                12_990.0,
                "worker-1",
                "panic",
                &[
                    ("message", "boom".into()),
                    ("location", "src/x.rs:1:2".into()),
                ],
            ),
        ]);
        insta::assert_snapshot!(text(&events), @r#"
         0.000 000 s  worker-2   starts
         3.012 450 s  broker-1   group trades: PreparingRebalance (worker-2 joins), generation 0
         3.512 101 s  worker-2   assigned trades-0..1, trades-3, generation 1
         3.513 000 s  worker-2   fetches trades-3 from 0
         4.000 000 s  harness    loads trades-3@0 id "IBM-000000"
        12.904 000 s  worker-2   polls trades-3@0..49
        12.904 000 s  worker-2   polls trades-0@7..56
        12.960 000 s  worker-2   sink commit, 100 rows
        12.961 000 s  worker-2   offset commit trades-3 -> 50
        12.961 500 s  broker-1   offset commit trades-0 -> 57 by client "rdkafka"
        12.970 000 s  FAULT      kill worker-2
        12.970 000 s  worker-2   is killed
        12.980 000 s  worker-1   WARN fenced · token 2
        12.990 000 s  worker-1   panics: boom (src/x.rs:1:2)
        "#);
    }

    #[test]
    fn a_gap_or_another_event_ends_a_range() {
        let deliver = |at_ms, offset| at_offset(at_ms, "worker-1", "deliver", 0, offset);
        let events = [
            deliver(1.0, 0),
            deliver(2.0, 1),
            deliver(3.0, 5),
            sink_commit(4.0, "worker-2", 1),
            deliver(5.0, 6),
        ];
        insta::assert_snapshot!(text(&events), @r"
        0.001 000 s  worker-1   polls trades-0@0..1
        0.003 000 s  worker-1   polls trades-0@5
        0.004 000 s  worker-2   sink commit, 1 row
        0.005 000 s  worker-1   polls trades-0@6
        ");
    }

    #[test]
    fn an_empty_assignment_is_nothing() {
        assert_eq!(partition_list(&[]), "nothing");
    }

    #[test]
    fn a_fault_that_takes_effect_at_once_is_told_once() {
        let events = [
            fault(1.0, "kill", "begun", "worker-1"),
            fault(1.0, "kill", "hit", "worker-1"),
            fault(2.0, "delay", "begun", "worker-1 <-> broker-1"),
            fault(2.5, "delay", "hit", "worker-1 <-> broker-1"),
            fault(3.0, "delay", "ended", "worker-1 <-> broker-1"),
        ];
        insta::assert_snapshot!(text(&events), @r"
        0.001 000 s  FAULT      kill worker-1
        0.002 000 s  FAULT      delay worker-1 <-> broker-1
        0.002 500 s  FAULT      delay worker-1 <-> broker-1 takes effect
        0.003 000 s  FAULT      delay worker-1 <-> broker-1 is over
        ");
    }

    #[test]
    fn members_are_told_as_the_processes_they_are() {
        let joins = |member: &str| {
            event(
                1.0,
                "broker-1",
                "group_state",
                &[
                    ("group", "trades".into()),
                    ("state", "PreparingRebalance".into()),
                    ("generation", 1.into()),
                    ("reason", format!("{member} joins").into()),
                ],
            )
        };
        let mut assigned = assigned(2.0, "worker-2", "assigned", "trades-0", 1);
        assigned.fields.set("member_id", "rdkafka-0f46".into());
        let history = [joins("rdkafka-0f46"), joins("rdkafka-9b08"), assigned];
        let narrator = Narrator::of(&history);
        let lines: Vec<String> = tell_part(&narrator, &history[..2])
            .iter()
            .map(ToString::to_string)
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        0.001 000 s  broker-1   group trades: PreparingRebalance (worker-2 joins), generation 1
        0.001 000 s  broker-1   group trades: PreparingRebalance (rdkafka-9b08 joins), generation 1
        ");
    }
}
