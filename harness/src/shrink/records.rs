//! Fewer records.

use std::collections::BTreeSet;

use super::delta_debugging::minimise;
use super::search::{Search, Stopped};
use crate::plan::{Disorder, Plan, Source};

/// Keeps as few records as still fail: first a short load, then the ones of it that matter.
///
/// # Errors
/// The judge was stopped.
pub fn fewer(search: &mut Search<'_>) -> Result<(), Stopped> {
    let plan = search.best();
    let taken = taken(plan);
    let lengths = std::iter::successors(Some(1_u64), |length| length.checked_mul(2));
    let shorter = lengths
        .take_while(|length| *length < taken)
        .map(|length| with_length(plan, length));
    search.take_first(shorter.collect())?;

    let sent = search.sent();
    let plan = search.best().clone();
    let all: BTreeSet<u64> = plan.load.removed.iter().chain(&sent).copied().collect();
    minimise(sent, |kept| {
        let candidates = kept.iter().map(|kept| with_only(&plan, &all, kept));
        search.take_first(candidates.collect())
    })?;
    Ok(())
}

/// How many rows the source gives.
#[must_use]
pub fn taken(plan: &Plan) -> u64 {
    match &plan.load.source {
        Source::Generator { records, .. } => *records,
        Source::File { take, .. } => *take,
    }
}

/// The first rows only.
pub(super) fn with_length(plan: &Plan, length: u64) -> Plan {
    let mut shorter = plan.clone();
    match &mut shorter.load.source {
        Source::Generator { records, .. } => *records = length,
        Source::File { take, .. } => *take = length,
    }
    if is_in_order(plan) {
        shorter.load.removed.retain(|index| *index < length);
    }
    shorter
}

fn with_only(plan: &Plan, all: &BTreeSet<u64>, kept: &[u64]) -> Plan {
    let mut smaller = plan.clone();
    let kept: BTreeSet<u64> = kept.iter().copied().collect();
    smaller.load.removed = all.difference(&kept).copied().collect();
    match kept.last() {
        // What lies behind the last one is as good as never made.
        Some(last) if is_in_order(plan) => with_length(&smaller, last + 1),
        _ => smaller,
    }
}

/// Whether a record's index is its row's number.
pub(super) fn is_in_order(plan: &Plan) -> bool {
    plan.load.disorder == Disorder::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::load::records;
    use crate::scenario::tests::of_the_repository;

    #[test]
    fn what_is_kept_stays_as_it_was() {
        let scenario = of_the_repository()
            .into_iter()
            .find(|scenario| scenario.name == "negative/no-seen")
            .expect("a scenario");
        let plan = Plan::draw(&scenario, 3);
        let before = records(&plan.load, plan.seed, None).expect("no file");
        let all: BTreeSet<u64> = (0..1_000).collect();
        let smaller = with_only(&plan, &all, &[3, 412, 413]);
        assert_eq!(taken(&smaller), 414);
        let kept = records(&smaller.load, plan.seed, None).expect("no file");
        assert_eq!(
            kept,
            [3, 412, 413].map(|index: usize| before[index].clone())
        );
    }
}
