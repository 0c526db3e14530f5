//! Chains for the other kinds of violations: what a person would look at first.

use std::collections::BTreeMap;

use super::history::{At, History, process};
use super::{Explanation, Step};
use crate::pipeline_under_test::RecordPosition;
use crate::trace::{AssignmentChange, View};

/// How many of the last events tell why nothing goes on.
const LAST_EVENTS: usize = 8;

/// Every delivery of the record, and the sink commit that followed.
pub(super) fn way_of_record(history: &History<'_>, position: &RecordPosition) -> Explanation {
    let mut because = Vec::new();
    for delivery in history.deliveries(position) {
        because.push(history.delivery_step(delivery, position));
        let written = history.sink_commits(process(delivery), delivery.index, usize::MAX);
        because.extend(written.first().map(|at| history.step(*at)));
    }
    Explanation {
        because,
        wrong_step: None,
    }
}

/// The record's way, and who owned its partition meanwhile.
pub(super) fn out_of_order(history: &History<'_>, position: &RecordPosition) -> Explanation {
    let mut explanation = way_of_record(history, position);
    let deliveries = history.deliveries(position);
    let Some(first) = deliveries.first() else {
        return explanation;
    };
    let assignments = history.assignments(0, usize::MAX, position);
    let before = assignments
        .iter()
        .rfind(|(at, _)| at.index < first.index)
        .into_iter();
    let after = assignments
        .iter()
        .filter(|(at, _)| at.index > first.index)
        .take(3);
    explanation
        .because
        .extend(before.chain(after).map(|(at, _)| history.step(*at)));
    explanation
}

/// What last happened to the first partition that lags, and who owns it.
pub(super) fn not_drained(history: &History<'_>) -> Explanation {
    let Some(lagging) = first_lagging(history) else {
        return last_of(history, |at| {
            matches!(
                at.event.view(),
                View::GroupState { .. } | View::Process { .. } | View::SinkCommit { .. }
            )
        });
    };
    let notable = |at: &At<'_>| match at.event.view() {
        View::Assignment { .. }
        | View::MemberReconciled { .. }
        | View::FetchStart(_)
        | View::OffsetCommit(_)
        | View::OffsetCommitRefused { .. } => at.event.concerns(&lagging.topic, lagging.partition),
        View::Fault { .. } | View::Process { .. } | View::Panic { .. } => true,
        _ => false,
    };
    let mut explanation = last_of(history, notable);
    let last_delivery = history.all().rev().find_map(|at| match at.event.view() {
        View::Deliver(position)
            if position.topic == lagging.topic && position.partition == lagging.partition =>
        {
            Some((at, position))
        }
        _ => None,
    });
    if let Some((at, position)) = &last_delivery {
        explanation
            .because
            .push(history.delivery_step(*at, position));
    }
    explanation.wrong_step = Some(who_stopped(history, &lagging));
    explanation
}

/// Who should read the partition and does not.
fn who_stopped(history: &History<'_>, lagging: &RecordPosition) -> String {
    let partition = format!("{}-{}", lagging.topic, lagging.partition);
    let last = history.all().rev().find_map(|at| match at.event.view() {
        View::Assignment { change, .. } if at.event.concerns(&lagging.topic, lagging.partition) => {
            Some((at, change))
        }
        _ => None,
    });
    match last {
        None => format!("nobody was ever assigned {partition}"),
        Some((at, AssignmentChange::Assigned)) => format!(
            "{} owns {partition}, and has not gone past {}",
            process(at),
            lagging.offset
        ),
        Some((at, AssignmentChange::Revoked | AssignmentChange::Lost)) => {
            format!("nobody was assigned {partition} after {}", process(at))
        }
    }
}

/// The first partition with records past its last committed offset, and that offset.
fn first_lagging(history: &History<'_>) -> Option<RecordPosition> {
    let mut end = BTreeMap::new();
    let mut committed = BTreeMap::new();
    for event in history.events {
        match event.view() {
            View::Loaded { position, .. } => {
                let partition = (position.topic, position.partition);
                let end = end.entry(partition).or_insert(0);
                *end = position.offset.max(*end - 1) + 1;
            }
            View::OffsetCommit(commit) => {
                let position = commit.position;
                committed.insert((position.topic, position.partition), position.offset);
            }
            _ => {}
        }
    }
    end.into_iter().find_map(|(partition, end)| {
        let offset = committed.get(&partition).copied().unwrap_or(0);
        let (topic, partition) = partition;
        (offset < end).then_some(RecordPosition {
            topic,
            partition,
            offset,
        })
    })
}

/// The last things that a process said before its end.
pub(super) fn ended(history: &History<'_>, who: &str) -> Explanation {
    let notable = |at: &At<'_>| {
        process(*at) == who
            && match at.event.view() {
                View::Log { level, .. } => matches!(level, "WARN" | "ERROR"),
                View::Process { .. } | View::Panic { .. } => true,
                _ => false,
            }
    };
    last_of(history, notable)
}

fn last_of(history: &History<'_>, notable: impl Fn(&At<'_>) -> bool) -> Explanation {
    let mut because: Vec<Step> = history
        .all()
        .rev()
        .filter(notable)
        .take(LAST_EVENTS)
        .map(|at| history.step(at))
        .collect();
    because.reverse();
    Explanation {
        because,
        wrong_step: None,
    }
}
