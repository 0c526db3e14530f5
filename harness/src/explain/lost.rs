//! How a record was lost: somebody went past it without writing it.

use super::history::{At, Commit, History, host_and_process, process, step};
use super::{Explanation, Step};
use crate::pipeline_under_test::RecordPosition;
use crate::trace::View;

pub(super) fn explain(
    history: &History<'_>,
    position: &RecordPosition,
    _: Option<&str>,
) -> Explanation {
    let deliveries = history.deliveries(position);
    let commit = history.commit_past(position);
    match (deliveries.as_slice(), commit) {
        ([], commit) => never_delivered(history, position, commit),
        (deliveries, Some(commit)) => passed(history, position, deliveries, &commit),
        (deliveries, None) => not_committed(history, position, deliveries),
    }
}

/// Nobody got it: somebody committed past it, or started past it.
fn never_delivered(
    history: &History<'_>,
    position: &RecordPosition,
    commit: Option<Commit<'_>>,
) -> Explanation {
    let past = history
        .fetch_starts(0, usize::MAX, position)
        .into_iter()
        .find(|(_, offset)| *offset > position.offset);
    let mut because = Vec::new();
    if let Some(commit) = &commit {
        because.push(history.step(commit.at));
    }
    if let Some((start, offset)) = past {
        because.extend(owns(history, position, start, offset));
    }
    let wrong_step = match (commit, past) {
        (Some(commit), past) if past.is_none_or(|(start, _)| commit.at.index < start.index) => {
            Some(format!(
                "{} committed offset {} without ever getting {position}",
                commit.by.unwrap_or("a client"),
                commit.offset
            ))
        }
        (_, Some((start, offset))) => Some(format!(
            "{} started fetching at {offset}, past {position}",
            process(start)
        )),
        (_, None) => None,
    };
    Explanation {
        because,
        wrong_step,
    }
}

/// It was delivered, and an offset past it was committed.
fn passed(
    history: &History<'_>,
    position: &RecordPosition,
    deliveries: &[At<'_>],
    commit: &Commit<'_>,
) -> Explanation {
    // Whose delivery counts: the committer's last one before the commit.
    let delivery = deliveries
        .iter()
        .rev()
        .filter(|at| at.index < commit.at.index)
        .find(|at| commit.by.is_none_or(|by| process(**at) == by))
        .copied();
    let Some(delivery) = delivery else {
        return passed_by_another(history, position, deliveries, commit);
    };
    let who = process(delivery);
    let written = history.sink_commits(who, delivery.index, commit.at.index);
    let mut because = vec![history.delivery_step(delivery, position)];
    because.extend(written.last().map(|at| history.step(*at)));
    because.push(commit_step(commit, who, written.is_empty()));
    let end = next_owner(history, position, commit.at.index);
    let until = end.map_or(usize::MAX, |(at, _)| at.index);
    because.extend(what_happened_to(history, delivery, commit.at.index, until));
    if let Some((start, offset)) = end {
        because.extend(owns(history, position, start, offset));
    }
    let power_lost = history
        .downs(who, commit.at.index, usize::MAX)
        .into_iter()
        .any(|at| {
            matches!(
                at.event.view(),
                View::Process {
                    phase: "power_loss"
                }
            )
        });
    let offset = commit.offset;
    let wrong_step = match written.last() {
        None => format!(
            "{who} committed offset {offset} before any sink commit that could hold {position}"
        ),
        Some(_) if power_lost => format!(
            "{who}'s sink commit was not durable when it committed offset {offset}: the power \
             loss took it back"
        ),
        Some(_) => format!(
            "{who} committed offset {offset} after a sink commit that did not hold {position}"
        ),
    };
    Explanation {
        because,
        wrong_step: Some(wrong_step),
    }
}

/// Somebody committed past it who never had it.
fn passed_by_another(
    history: &History<'_>,
    position: &RecordPosition,
    deliveries: &[At<'_>],
    commit: &Commit<'_>,
) -> Explanation {
    let first = deliveries[0];
    let mut because = vec![history.delivery_step(first, position)];
    because.extend(what_happened_to(
        history,
        first,
        first.index,
        commit.at.index,
    ));
    let start = history
        .fetch_starts(0, commit.at.index, position)
        .into_iter()
        .rev()
        .find(|(_, offset)| *offset > position.offset);
    if let Some((start, offset)) = start {
        because.extend(owns(history, position, start, offset));
    }
    because.push(history.step(commit.at));
    let by = commit.by.unwrap_or("a client");
    let wrong_step = match start {
        Some((start, offset)) => format!(
            "{} started fetching at {offset}, past {position}",
            process(start)
        ),
        None => format!(
            "{by} committed offset {} without ever getting {position}",
            commit.offset
        ),
    };
    Explanation {
        because,
        wrong_step: Some(wrong_step),
    }
}

/// It was delivered, and nobody committed past it: it was dropped, or never written.
fn not_committed(
    history: &History<'_>,
    position: &RecordPosition,
    deliveries: &[At<'_>],
) -> Explanation {
    let last = deliveries[deliveries.len() - 1];
    let who = process(last);
    let mut because = vec![history.delivery_step(last, position)];
    let past = history
        .fetch_starts(last.index, usize::MAX, position)
        .into_iter()
        .find(|(_, offset)| *offset > position.offset);
    let until = past.map_or(usize::MAX, |(at, _)| at.index);
    let written = history.sink_commits(who, last.index, until);
    because.extend(written.first().map(|at| history.step(*at)));
    because.extend(what_happened_to(history, last, last.index, until));
    let wrong_step = match past {
        Some((start, offset)) => {
            because.extend(owns(history, position, start, offset));
            format!(
                "{} started fetching at {offset}, past {position}",
                process(start)
            )
        }
        None if written.is_empty() => format!("{who} got {position} and wrote nothing after it"),
        None => format!("{who} got {position}, and its sink commits left it out"),
    };
    Explanation {
        because,
        wrong_step: Some(wrong_step),
    }
}

fn commit_step(commit: &Commit<'_>, who: &str, before_sink_commit: bool) -> Step {
    let position = match commit.at.event.view() {
        View::OffsetCommit(found) => found.position,
        _ => return step(commit.at, "offset commit".to_owned()),
    };
    let before = if before_sink_commit {
        ", before the sink commit"
    } else {
        ""
    };
    Step {
        at_ns: commit.at.event.at_ns,
        who: who.to_owned(),
        what: format!(
            "offset commit {}-{} -> {}{before}",
            position.topic, position.partition, position.offset
        ),
    }
}

/// What put an end to a process's work: faults, and what became of it. Where a fault says it all,
/// the process's own event is left out.
fn what_happened_to(
    history: &History<'_>,
    delivery: At<'_>,
    from: usize,
    until: usize,
) -> Vec<Step> {
    let faults = history.faults(host_and_process(delivery), from, until);
    let events = if faults.is_empty() {
        history.downs(process(delivery), from, until)
    } else {
        faults
    };
    events
        .into_iter()
        .take(3)
        .map(|at| history.step(at))
        .collect()
}

/// Who started to fetch past the position next.
fn next_owner<'e>(
    history: &History<'e>,
    position: &RecordPosition,
    from: usize,
) -> Option<(At<'e>, i64)> {
    history
        .fetch_starts(from, usize::MAX, position)
        .into_iter()
        .find(|(_, offset)| *offset > position.offset)
}

/// `owns trades-3 (generation 7), fetches from 450`.
fn owns(
    history: &History<'_>,
    position: &RecordPosition,
    start: At<'_>,
    offset: i64,
) -> Option<Step> {
    let partition = format!("{}-{}", position.topic, position.partition);
    let generation = history
        .owner_before(start.index, position)
        .filter(|(owner, _)| *owner == process(start))
        .map_or_else(String::new, |(_, generation)| {
            format!(" (generation {generation})")
        });
    Some(step(
        start,
        format!("owns {partition}{generation}, fetches from {offset}"),
    ))
}
