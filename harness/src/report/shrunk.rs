//! A plan in a sentence.

use std::time::Duration;

use super::number::{counted, grouped};
use crate::fault::action::FaultAction;
use crate::plan::Plan;
use crate::shrink::faults::shares;

/// So many faults are told one by one.
const TOLD_MAX: usize = 3;

/// What a plan puts a pipeline through: `2 workers, 14 records, one rebalance at 3.2 s`.
#[must_use]
pub fn sentence(plan: &Plan, records: usize) -> String {
    let workers = plan.workers.iter().filter(|worker| worker.at_start).count();
    let mut parts = vec![
        counted(workers as u64, "worker"),
        counted(records as u64, "record"),
    ];
    parts.extend(faults(plan));
    for share in shares(&plan.load.disorder) {
        parts.push(share.trim_end_matches("_ppm").replace('_', " "));
    }
    parts.join(", ")
}

/// `one kill at 3.2 s`, `2 kills at 3.2 s and 5 s`, or how many there are.
fn faults(plan: &Plan) -> Vec<String> {
    match plan.faults.len() {
        0 => return vec!["no fault".to_owned()],
        1..=TOLD_MAX => {}
        many => return vec![counted(many as u64, "fault")],
    }
    let mut kinds: Vec<(String, Vec<String>)> = Vec::new();
    for fault in &plan.faults {
        let name = noun(&fault.action);
        let at = seconds(fault.at_ms);
        match kinds.iter_mut().find(|(kind, _)| *kind == name) {
            Some((_, times)) => times.push(at),
            None => kinds.push((name, vec![at])),
        }
    }
    kinds
        .into_iter()
        .map(|(name, times)| match times.as_slice() {
            [at] => format!("one {name} at {at}"),
            [most @ .., last] => {
                format!(
                    "{} {} at {} and {last}",
                    times.len(),
                    plural(&name),
                    most.join(", ")
                )
            }
            [] => name,
        })
        .collect()
}

fn noun(action: &FaultAction) -> String {
    match action.name() {
        "force-rebalance" => "rebalance".to_owned(),
        other => other.replace('-', " "),
    }
}

fn plural(noun: &str) -> String {
    if let Some(stem) = noun.strip_suffix('y') {
        format!("{stem}ies")
    } else if noun.ends_with("ss") {
        format!("{noun}es")
    } else {
        format!("{noun}s")
    }
}

/// The sentence, and what it took to get there.
#[must_use]
pub fn line(small: (&Plan, usize), whole: (&Plan, usize), runs: u64, wall: Duration) -> String {
    format!(
        "{} (from {}, {} records; {}, {:.0} s)",
        sentence(small.0, small.1),
        counted(whole.0.faults.len() as u64, "fault"),
        grouped(whole.1 as u64),
        counted(runs, "run"),
        wall.as_secs_f64()
    )
}

/// `3.2 s`, with the digits it needs.
fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} s")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::PlannedFault;
    use crate::scenario::tests::of_the_repository;

    fn fault(at_ms: u64, action: serde_json::Value) -> PlannedFault {
        PlannedFault {
            at_ms,
            for_ms: None,
            when: None,
            action: serde_json::from_value(action).expect("a fault"),
        }
    }

    #[test]
    fn a_shrunk_plan_reads_as_a_sentence() {
        let scenario = of_the_repository()
            .into_iter()
            .find(|scenario| scenario.name == "negative/no-seen")
            .expect("a scenario");
        let whole = Plan::draw(&scenario, 1);
        let mut small = whole.clone();
        small.faults = vec![fault(
            3_200,
            json!({ "kind": "force-rebalance", "member": 0 }),
        )];
        let kill = |at_ms| fault(at_ms, json!({ "kind": "kill", "worker": "worker-1" }));
        let mut kills = small.clone();
        kills.faults.extend([kill(4_000), kill(12_050)]);
        kills.load.disorder.producer_sends_twice_ppm = 10;
        let mut many = small.clone();
        many.faults = (0..5).map(|n| kill(n * 100)).collect();
        let mut none = small.clone();
        none.faults.clear();
        none.workers.truncate(1);
        let lines = [
            line(
                (&small, 14),
                (&whole, 1_000),
                41,
                Duration::from_millis(6_200),
            ),
            sentence(&kills, 1),
            sentence(&many, 50),
            sentence(&none, 1),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }
}
