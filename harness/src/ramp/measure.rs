//! From the trace of a step to what broke.

use std::collections::BTreeMap;

use super::backlog::{self, Change, Changes, Lag, Partition, Time};
use super::batches::Batches;
use super::seen::{self, Seen};
use super::{Bound, Break, Step};
use crate::plan::Plan;
use crate::plan::costs::SpentAt;
use crate::trace::Event;
use crate::verdict::Verdict;

/// So much of the load's time a worker may wait for the sink's lock, in percent.
const SINK_WAIT_PERCENT_MAX: u64 = 10;

/// Whether a pipeline with a SQLite sink ran: what only such a one can show is left out for others.
#[must_use]
pub fn has_sink(trace: &[Event]) -> bool {
    trace.iter().any(|event| event.kind == "sink_commit")
}

/// What can't be watched of a plan, and why.
#[must_use]
pub fn left_out(plan: &Plan, spent_at: SpentAt) -> Vec<&'static str> {
    let mut left_out = Vec::new();
    if spent_at == SpentAt::HandOver {
        left_out.push("batches, fsyncs and the sink's lock: no SQLite sink was written to");
    }
    let limited =
        |config: &BTreeMap<String, String>| config.keys().any(|key| key.starts_with("retention."));
    if !plan.topics.iter().any(|topic| limited(&topic.config)) {
        left_out.push("retention: no topic of the scenario sets one");
    }
    if !plan.settings.contains_key(seen::HORIZON) {
        left_out.push("the horizon of `seen`: the scenario has no setting seen_horizon_ms");
    }
    left_out
}

/// What a run of the plan at `factor` times its load shows.
#[must_use]
pub fn step(factor: u64, plan: &Plan, verdict: &Verdict, trace: &[Event]) -> Step {
    let mut history = History::new(plan, trace);
    for event in trace {
        history.follow(event);
    }
    history.finish(factor, verdict)
}

struct History<'e> {
    time: Time,
    /// Whether anybody commits offsets; else what is delivered counts as taken in.
    commits: bool,
    has_sink: bool,
    changes: Changes<'e>,
    next: BTreeMap<Partition<'e>, u64>,
    read: BTreeMap<Partition<'e>, i64>,
    batches: Batches<'e>,
    seen: Seen<'e>,
    waits: SinkWaits<'e>,
    overtaken: Option<Break>,
}

impl<'e> History<'e> {
    fn new(plan: &Plan, trace: &'e [Event]) -> Self {
        let of_load = |event: &&Event| {
            event.kind == "append" && event.text("topic") == Some(plan.load.topic.as_str())
        };
        let begin_ns = trace.iter().find(of_load).map_or(0, |event| event.at_ns);
        let end_ns = trace.iter().rfind(of_load).map_or(0, |event| event.at_ns);
        Self {
            time: Time { begin_ns, end_ns },
            commits: trace.iter().any(|event| event.kind == "offset_commit"),
            has_sink: has_sink(trace),
            changes: Changes::new(),
            next: BTreeMap::new(),
            read: BTreeMap::new(),
            batches: Batches::new(&plan.settings),
            seen: Seen::new(&plan.settings),
            waits: SinkWaits::default(),
            overtaken: None,
        }
    }

    fn follow(&mut self, event: &'e Event) {
        self.batches.follow(event);
        self.seen.follow(event);
        if event.kind == "sink_wait" && event.at_ns <= self.time.end_ns {
            self.waits.follow(event, self.time);
        }
        let Some(partition) = partition(event) else {
            return;
        };
        match (&*event.kind, self.commits) {
            ("append", _) => self.arrived(event, partition),
            ("offset_commit", _) => self.taken_in(event, partition, event.int("offset")),
            ("deliver", commits) => {
                let next = event.int("offset").map(|offset| offset + 1);
                let read = self.read.entry(partition).or_default();
                *read = (*read).max(next.unwrap_or(0));
                if !commits {
                    self.taken_in(event, partition, next);
                }
            }
            ("log_start_moved", _) => self.deleted(event, partition),
            _ => {}
        }
    }

    fn arrived(&mut self, event: &'e Event, partition: Partition<'e>) {
        let arrived = u64::try_from(event.int("records").unwrap_or(0)).unwrap_or(0);
        self.changes.entry(partition).or_default().push(Change {
            at_ns: event.at_ns,
            arrived,
            taken_in: 0,
        });
    }

    fn taken_in(&mut self, event: &'e Event, partition: Partition<'e>, next: Option<i64>) {
        let next = u64::try_from(next.unwrap_or(0)).unwrap_or(0);
        let before = self.next.entry(partition).or_default();
        let taken_in = next.saturating_sub(*before);
        *before = next.max(*before);
        self.changes.entry(partition).or_default().push(Change {
            at_ns: event.at_ns,
            arrived: 0,
            taken_in,
        });
    }

    fn deleted(&mut self, event: &'e Event, partition: Partition<'e>) {
        let read = self.read.get(&partition).copied().unwrap_or(0);
        let Some(start) = event.int("to").filter(|start| *start > read) else {
            return;
        };
        self.overtaken.get_or_insert_with(|| Break {
            at_ms: event.at_ns / 1_000_000,
            bound: Bound::Retention,
            why: format!(
                "{}-{}: offsets {read} to {} deleted before anybody read them",
                partition.0,
                partition.1,
                start - 1
            ),
        });
    }

    fn finish(self, factor: u64, verdict: &Verdict) -> Step {
        let mut in_order: Vec<&Change> = self.changes.values().flatten().collect();
        in_order.sort_by_key(|change| change.at_ns);
        let all = Lag::of(in_order.iter().copied(), self.time);
        let lags: BTreeMap<Partition<'_>, Lag> = self
            .changes
            .iter()
            .map(|(partition, changes)| (*partition, Lag::of(changes.iter(), self.time)))
            .collect();
        let taken_in: u64 = in_order.iter().map(|change| change.taken_in).sum();
        let last_ns = in_order
            .iter()
            .rfind(|change| change.taken_in > 0)
            .map(|change| change.at_ns);
        let mut breaks: Vec<Break> = [
            backlog::broken(&all, &lags),
            self.batches.broken,
            self.overtaken,
            self.waits.broken,
            self.seen.broken,
        ]
        .into_iter()
        .flatten()
        .chain(checkers(verdict))
        .collect();
        breaks.sort_by_key(|found| found.at_ms);
        Step {
            factor,
            records: all.arrived,
            arrived_per_s: all.arrived_per_s,
            taken_in_per_s: all.taken_in_per_s,
            lag_max: all.max,
            drained_after_ms: last_ns
                .filter(|_| taken_in >= all.arrived)
                .map(|last_ns| last_ns.saturating_sub(self.time.end_ns) / 1_000_000),
            batch_ms_max: self.batches.longest_ns.map(|ns| ns / 1_000_000),
            hottest_percent: backlog::hottest(&lags).map_or(0, |(_, percent)| percent),
            sink_wait_percent: self.has_sink.then_some(self.waits.percent_max),
            breaks,
        }
    }
}

/// How long workers waited for the sink's lock while the load lasted.
#[derive(Default)]
struct SinkWaits<'e> {
    us: BTreeMap<&'e str, u64>,
    percent_max: u64,
    broken: Option<Break>,
}

impl<'e> SinkWaits<'e> {
    fn follow(&mut self, event: &'e Event, time: Time) {
        let waited_us = u64::try_from(event.int("waited_us").unwrap_or(0)).unwrap_or(0);
        let sum_us = self.us.entry(&event.process).or_default();
        *sum_us += waited_us;
        let percent = *sum_us * 100 / ((time.end_ns - time.begin_ns) / 1_000).max(1);
        self.percent_max = self.percent_max.max(percent);
        if percent > SINK_WAIT_PERCENT_MAX && self.broken.is_none() {
            self.broken = Some(Break {
                at_ms: event.at_ns / 1_000_000,
                bound: Bound::SinkLock,
                why: format!(
                    "by then {} had waited {} ms for it, more than {SINK_WAIT_PERCENT_MAX} % of the load's time",
                    event.process,
                    *sum_us / 1_000
                ),
            });
        }
    }
}

/// What the checkers of every run found, one line for each of them.
fn checkers(verdict: &Verdict) -> impl Iterator<Item = Break> + '_ {
    let violations = verdict.outcome.violations();
    violations
        .chunk_by(|one, next| one.kind.checker() == next.kind.checker())
        .map(|found| Break {
            at_ms: verdict.simulated_ns / 1_000_000,
            bound: Bound::Checkers,
            why: format!("{}: {}", found[0].kind.checker(), found[0].message),
        })
}

fn partition(event: &Event) -> Option<Partition<'_>> {
    let partition = i32::try_from(event.int("partition")?).ok()?;
    Some((event.text("topic")?, partition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::of_the_repository;

    /// A trace of one topic's load of 40 s, a record a second, each taken in at once; and these
    /// events, in their places: second, process, kind, fields.
    fn trace(topic: &str, more: &[(u64, &str, &str, String)]) -> Vec<Event> {
        let line = |s: u64, process: &str, kind: &str, fields: &str| {
            let at_ns = s * 1_000_000_000;
            format!(
                r#"{{"at_ns":{at_ns},"host":"h","process":"{process}","kind":"{kind}","fields":{{{fields}}}}}"#
            )
        };
        let mut lines: Vec<(u64, String)> = (0..40)
            .flat_map(|s| {
                let of = format!(r#""topic":"{topic}","partition":0"#);
                [
                    line(
                        s,
                        "broker-1",
                        "append",
                        &format!(r#"{of},"base_offset":{s},"records":1"#),
                    ),
                    line(s, "worker-1", "deliver", &format!(r#"{of},"offset":{s}"#)),
                ]
                .map(|text| (s, text))
            })
            .collect();
        lines.extend(
            more.iter()
                .map(|(s, process, kind, fields)| (*s, line(*s, process, kind, fields))),
        );
        lines.sort_by_key(|(s, _)| *s);
        let text: Vec<String> = lines.into_iter().map(|(_, text)| text).collect();
        crate::trace::parse_lines(&text.join("\n")).expect("events")
    }

    fn found(more: &[(u64, &str, &str, String)]) -> Vec<(u64, Bound, String)> {
        let mut plan = Plan::draw(&of_the_repository()[0], 1);
        plan.settings
            .insert("max.poll.interval.ms".to_owned(), "6000".to_owned());
        plan.settings
            .insert(seen::HORIZON.to_owned(), "5000".to_owned());
        let topic = plan.load.topic.clone();
        let more: Vec<_> = more
            .iter()
            .map(|(s, process, kind, fields)| {
                (*s, *process, *kind, fields.replace("TOPIC", &topic))
            })
            .collect();
        let mut verdict = Verdict::unknown("");
        verdict.outcome = crate::verdict::Outcome::Passed;
        let step = step(1, &plan, &verdict, &trace(&topic, &more));
        let breaks = step.breaks.into_iter();
        breaks
            .map(|found| (found.at_ms, found.bound, found.why))
            .collect()
    }

    #[test]
    fn what_keeps_up_breaks_nothing() {
        assert_eq!(found(&[]), []);
        let short = (
            20,
            "worker-1",
            "sink_wait",
            r#""waited_us":3900000"#.to_owned(),
        );
        assert_eq!(found(&[short]), []);
    }

    #[test]
    fn a_planted_break_of_each_bound_is_found() {
        let at = r#""topic":"TOPIC","partition":0"#;
        let waited = r#""waited_us":4500000"#.to_owned();
        let locked = found(&[(20, "worker-1", "sink_wait", waited)]);
        assert_eq!((locked[0].0, locked[0].1), (20_000, Bound::SinkLock));

        let moved = format!(r#"{at},"to":60"#);
        let overtaken = found(&[(39, "broker-1", "log_start_moved", moved)]);
        insta::assert_snapshot!(overtaken[0].2, @"trades-0: offsets 40 to 59 deleted before anybody read them");
        assert_eq!(overtaken[0].1, Bound::Retention);
        let behind = format!(r#"{at},"to":20"#);
        assert_eq!(found(&[(39, "broker-1", "log_start_moved", behind)]), []);

        let lost = found(&[(50, "worker-1", "lost", String::new())]);
        insta::assert_snapshot!(lost[0].2, @"worker-1 worked 11000 ms on 40 records without a poll; the interval is 6000 ms");
        assert_eq!((lost[0].0, lost[0].1), (45_000, Bound::MaxPollInterval));
        assert_eq!(found(&[(44, "worker-1", "lost", String::new())]), []);

        let loaded = |offset| format!(r#"{at},"offset":{offset},"id":"x""#);
        let late = [
            (2, "loader", "loaded", loaded(2)),
            (9, "loader", "loaded", loaded(12)),
        ];
        let late = found(&late);
        insta::assert_snapshot!(late[0].2, @r#""x" is taken in 10000 ms after it was first sent; `seen` goes back 5000 ms"#);
        assert_eq!(late[0].1, Bound::SeenHorizon);
    }
}
