//! Shorter times: a shorter safety phase, faults sooner and for less long, nothing before the first
//! record that matters.

use super::records::{is_in_order, taken};
use super::search::{Search, Stopped};
use crate::plan::{Plan, Source};

/// Times are made as short as still fails, and as round.
///
/// # Errors
/// The judge was stopped.
pub fn shorter(search: &mut Search<'_>) -> Result<(), Stopped> {
    skip_the_begin(search)?;
    for index in 0..search.best().faults.len() {
        shorter_fault(search, index)?;
        sooner_fault(search, index)?;
    }
    end_sooner(search)
}

/// Leaves out the begin, where nothing that matters is sent; records and faults keep their
/// distances.
fn skip_the_begin(search: &mut Search<'_>) -> Result<(), Stopped> {
    let plan = search.best();
    let first = search.sent().first().copied().unwrap_or_default();
    let (Source::File { .. } | Source::Generator { .. }, true) =
        (&plan.load.source, is_in_order(plan) && first > 0)
    else {
        return Ok(());
    };
    let steps = [first, first - first / 4, first / 2, first / 4];
    let later = steps.into_iter().filter(|step| *step > 0);
    search.take_first(later.map(|step| skipping(plan, step)).collect())?;
    Ok(())
}

fn skipping(plan: &Plan, rows: u64) -> Plan {
    let mut later = plan.clone();
    let ms = rows * 1_000 / plan.load.rate_per_s.max(1);
    for fault in &mut later.faults {
        fault.at_ms = fault.at_ms.saturating_sub(ms);
    }
    later.safety_ms = plan.safety_ms.saturating_sub(ms).max(1);
    let left = taken(plan).saturating_sub(rows);
    match &mut later.load.source {
        Source::Generator { skip, records, .. } => {
            *skip += rows;
            *records = left;
        }
        Source::File { skip, take, .. } => {
            *skip += rows;
            *take = left;
        }
    }
    let removed = plan.load.removed.iter();
    later.load.removed = removed
        .filter_map(|index| index.checked_sub(rows))
        .collect();
    later
}

fn shorter_fault(search: &mut Search<'_>, index: usize) -> Result<(), Stopped> {
    let plan = search.best();
    let Some(lasts) = plan.faults[index].for_ms else {
        return Ok(());
    };
    let with = |for_ms: u64| {
        let mut shorter = plan.clone();
        shorter.faults[index].for_ms = Some(for_ms);
        shorter
    };
    search.take_first(rounder(lasts).map(with).collect())?;
    Ok(())
}

fn sooner_fault(search: &mut Search<'_>, index: usize) -> Result<(), Stopped> {
    let plan = search.best();
    let with = |at_ms: u64| {
        let mut sooner = plan.clone();
        sooner.faults[index].at_ms = at_ms;
        sooner.faults.sort_by_key(|fault| fault.at_ms);
        sooner
    };
    search.take_first(rounder(plan.faults[index].at_ms).map(with).collect())?;
    Ok(())
}

fn end_sooner(search: &mut Search<'_>) -> Result<(), Stopped> {
    let plan = search.best();
    let faults_end = plan
        .faults
        .iter()
        .map(|fault| fault.at_ms + fault.for_ms.unwrap_or_default())
        .max()
        .unwrap_or_default();
    let last = search.sent().last().copied().unwrap_or_default();
    let sent = last * 1_000 / plan.load.rate_per_s.max(1);
    // A fault at the very end of the phase would not begin.
    let needed = faults_end.max(sent) + 1;
    let between = needed.midpoint(plan.safety_ms);
    let with = |safety_ms: u64| {
        let mut shorter = plan.clone();
        shorter.safety_ms = safety_ms;
        shorter
    };
    let candidates = [
        needed.next_multiple_of(1_000),
        needed.next_multiple_of(100),
        between,
    ];
    let shorter = candidates.into_iter().filter(|ms| *ms < plan.safety_ms);
    search.take_first(shorter.map(with).collect())?;
    Ok(())
}

/// Shorter times than this one that people would write, the shortest first.
fn rounder(ms: u64) -> impl Iterator<Item = u64> {
    let rounded = [10_000, 1_000, 500, 100, 10].map(|unit| ms / unit * unit);
    let mut times: Vec<u64> = [100, 1_000, ms / 4, ms / 2]
        .map(|time| if time > 1_000 { time / 100 * 100 } else { time })
        .into_iter()
        .chain(rounded)
        .filter(|time| (1..ms).contains(time))
        .collect();
    times.sort_unstable();
    times.dedup();
    times.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::load::records;
    use crate::scenario::tests::of_the_repository;

    #[test]
    fn round_times_come_shortest_first() {
        let times = |ms| rounder(ms).collect::<Vec<_>>();
        assert_eq!(
            times(46_025),
            [100, 1_000, 11_500, 23_000, 40_000, 46_000, 46_020]
        );
        assert_eq!(times(100), [25, 50]);
        assert!(times(1).is_empty());
        for ms in [1, 7, 99, 1_234, 600_001] {
            assert!(rounder(ms).all(|time| time < ms && time > 0));
        }
    }

    #[test]
    fn without_the_begin_records_and_faults_keep_their_distances() {
        let scenario = of_the_repository()
            .into_iter()
            .find(|scenario| scenario.name == "negative/no-seen")
            .expect("a scenario");
        let mut plan = Plan::draw(&scenario, 3);
        plan.load.removed.extend(0..400);
        plan.load.removed.insert(410);
        plan.load.rate_per_s = 50;
        plan.faults.retain(|fault| fault.at_ms > 8_000);
        let later = skipping(&plan, 400);
        assert_eq!(later.load.removed.iter().collect::<Vec<_>>(), [&10]);
        assert_eq!(later.faults[0].at_ms, plan.faults[0].at_ms - 8_000);
        let sent = |plan: &Plan| {
            let records = records(&plan.load, plan.seed, None).expect("no file");
            records
                .into_iter()
                .map(|record| (record.id, record.payload))
                .collect::<Vec<_>>()
        };
        assert_eq!(sent(&later), sent(&plan));
    }
}
