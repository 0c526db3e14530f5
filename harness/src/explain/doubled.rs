//! How a record came to be counted twice: it was taken in twice, and the second time was not cut.

use super::Explanation;
use super::history::{At, History, host_and_process, process, step};
use crate::pipeline_under_test::RecordPosition;

/// A delivery and the sink commit that wrote it.
#[derive(Clone)]
struct Taking<'e> {
    position: RecordPosition,
    delivery: At<'e>,
    written: At<'e>,
}

pub(super) fn explain(
    history: &History<'_>,
    position: &RecordPosition,
    id: Option<&str>,
) -> Explanation {
    let takings = takings(history, position, id);
    let because = takings
        .iter()
        .flat_map(|taking| {
            [
                history.delivery_step(taking.delivery, &taking.position),
                history.step(taking.written),
            ]
        })
        .collect();
    let mut explanation = Explanation {
        because,
        wrong_step: None,
    };
    let [first, .., last] = takings.as_slice() else {
        return explanation;
    };
    // In the order of writing: the one who wrote last may have got it first.
    let from = first.delivery.index.min(last.delivery.index);
    let until = last.written.index;
    for taking in [first, last] {
        let faults = history.faults(host_and_process(taking.delivery), from, until);
        explanation
            .because
            .extend(faults.into_iter().take(2).map(|at| history.step(at)));
    }
    let rebalances = history.assignments(from, until, &last.position);
    for (at, generation) in rebalances.iter().rev().take(2) {
        let partition = format!("{}-{}", last.position.topic, last.position.partition);
        let what = format!("owns {partition} (generation {generation})");
        explanation.because.push(step(*at, what));
    }
    explanation.wrong_step = Some(wrong_step(history, id, first, last, &rebalances));
    explanation
}

/// The first two times that it was taken in and something was written after.
fn takings<'e>(
    history: &History<'e>,
    position: &RecordPosition,
    id: Option<&str>,
) -> Vec<Taking<'e>> {
    let mut positions = id.map_or_else(Vec::new, |id| history.positions_of(id));
    if !positions.contains(position) {
        positions.push(position.clone());
    }
    let mut takings: Vec<Taking<'e>> = positions
        .iter()
        .flat_map(|position| {
            history
                .deliveries(position)
                .into_iter()
                .filter_map(|delivery| {
                    let written = history
                        .sink_commits(process(delivery), delivery.index, usize::MAX)
                        .into_iter()
                        .next()?;
                    Some(Taking {
                        position: position.clone(),
                        delivery,
                        written,
                    })
                })
                .collect::<Vec<_>>()
        })
        .collect();
    takings.sort_by_key(|taking| taking.written.index);
    let reported = takings
        .iter()
        .position(|taking| taking.position == *position);
    // The second row is the one reported: keep the first taking and the first one of it after.
    let second = (1..takings.len())
        .find(|index| takings[*index].position == *position && Some(*index) >= reported)
        .or((takings.len() > 1).then_some(1));
    match second {
        Some(second) => vec![takings[0].clone(), takings[second].clone()],
        None => takings,
    }
}

fn wrong_step(
    history: &History<'_>,
    id: Option<&str>,
    first: &Taking<'_>,
    last: &Taking<'_>,
    rebalances: &[(At<'_>, i64)],
) -> String {
    for taking in [last, first] {
        if let Some(sentence) = zombie(history, taking) {
            return sentence;
        }
    }
    if first.position != last.position {
        let id = id.unwrap_or_default();
        return format!(
            "no dedupe by id: \"{id}\" lies at {} and {}, and both were inserted",
            first.position, last.position
        );
    }
    match rebalances.last() {
        Some((_, generation)) => format!(
            "no dedupe: {} was delivered again after generation {generation} and inserted again",
            last.position
        ),
        None => format!(
            "no dedupe: {} was delivered again to {} and inserted again",
            last.position,
            process(last.delivery)
        ),
    }
}

/// Whether the partition was another's when the process wrote what it had got as its owner.
fn zombie(history: &History<'_>, taking: &Taking<'_>) -> Option<String> {
    let who = process(taking.delivery);
    let (owner, now) = history.owner_before(taking.written.index, &taking.position)?;
    if owner == who {
        return None;
    }
    let (_, before) = history
        .owner_before(taking.delivery.index, &taking.position)
        .filter(|(owner, _)| *owner == who)?;
    Some(format!(
        "{who}, no longer the owner since generation {now}, still wrote what it got in \
         generation {before}"
    ))
}
