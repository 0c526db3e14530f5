//! A leap: one fault of the plan or two, a short load, and a look at many times for the faults.
//!
//! Where a failure hangs on a moment (a kill between an offset commit and a sink commit), any change to
//! the plan moves the moment, and step by step little can be left out. But a small plan has few
//! moments, and runs in no time: looking at many of them is cheaper.

use std::collections::BTreeSet;

use super::faults::{self, shares};
use super::records::{taken, with_length};
use super::search::{Search, Stopped};
use crate::plan::group_protocol::GroupProtocol;
use crate::plan::{Plan, PlannedFault};

/// Records of a short load, at most.
const RECORDS: u64 = 40;
/// After the group was formed, the time of faults begins.
const FORMED_MS: u64 = 1_000;
/// How long it is: a rebalance that begins in it comes to its end.
const MOMENTS_MS: u64 = 4_000;

/// So many different faults are tried, each at so many times.
const ONES_MAX: usize = 8;
const TIMES_OF_ONE: u32 = 64;
/// So many pairs of a fault and the next are tried, each at so many times.
const TWOS_MAX: usize = 16;
const TIMES_OF_TWO: u32 = 32;

/// Goes on with a short plan of one fault or two, if one fails at some time.
///
/// # Errors
/// The judge was stopped.
pub fn far(search: &mut Search<'_>) -> Result<(), Stopped> {
    // A load's disorder is made for all of it: a part of the load has another one.
    let is_disorderly = |search: &Search<'_>| !shares(&search.best().load.disorder).is_empty();
    if is_disorderly(search) {
        faults::fewer(search)?;
    }
    if is_disorderly(search) {
        return Ok(());
    }
    let plan = search.best().clone();
    if plan.faults.len() <= 2 && search.sent().len() as u64 <= RECORDS {
        return Ok(());
    }
    let ones = different(&plan.faults).into_iter().take(ONES_MAX);
    let ones: Vec<_> = ones.map(std::slice::from_ref).collect();
    let twos: Vec<_> = plan.faults.windows(2).take(TWOS_MAX).collect();
    for (choices, times) in [(ones, TIMES_OF_ONE), (twos, TIMES_OF_TWO)] {
        for times in 0..times {
            let candidates = choices.iter().flat_map(|faults| {
                [dense, spread].map(|rows| short(&plan, rows, faults, &moments(times)))
            });
            if search.take_first(candidates.collect())?.is_some() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Each action once, in the order of the plan.
fn different(faults: &[PlannedFault]) -> Vec<&PlannedFault> {
    let mut different: Vec<&PlannedFault> = Vec::new();
    for fault in faults {
        let is_known = |known: &&PlannedFault| known.action == fault.action;
        if !different.iter().any(is_known) {
            different.push(fault);
        }
    }
    different
}

/// When the group is formed at the latest. The classic coordinator waits for members, and once more
/// if a second one comes meanwhile (DelayedJoin.scala, InitialDelayedJoin).
fn formed_ms(plan: &Plan) -> u64 {
    let protocol = GroupProtocol::of(&plan.settings);
    2 * protocol.formation_ms(&plan.cluster) + FORMED_MS
}

/// The plan with these faults alone, one or two, and with few rows: those that `chosen` picks, given
/// the first row after the group was formed, the row after the time of faults, and where between.
fn short(
    plan: &Plan,
    chosen: fn(u64, u64, u32) -> Vec<u64>,
    faults: &[PlannedFault],
    [load_at, faults_at @ ..]: &[u32; 3],
) -> Plan {
    let formed_ms = formed_ms(plan);
    let row_at = |ms: u64| ms * plan.load.rate_per_s / 1_000;
    let taken = taken(plan);
    let end = row_at(formed_ms + MOMENTS_MS).min(taken);
    let begin = row_at(formed_ms).min(end.saturating_sub(RECORDS));
    let rows: BTreeSet<u64> = chosen(begin, end, *load_at)
        .into_iter()
        .filter(|row| *row < taken)
        .collect();
    let length = rows.last().map_or(1, |last| last + 1);
    let mut short = with_length(plan, length);
    short.load.removed = (0..length).filter(|row| !rows.contains(row)).collect();
    let timed = faults
        .iter()
        .zip(faults_at)
        .map(|(fault, at)| PlannedFault {
            at_ms: formed_ms + share(MOMENTS_MS, *at),
            ..fault.clone()
        });
    short.faults = timed.collect();
    short.faults.sort_by_key(|fault| fault.at_ms);
    short
}

/// One after the other, from somewhere on.
fn dense(begin: u64, end: u64, at: u32) -> Vec<u64> {
    let first = begin + share(end - begin, at);
    (first..first + RECORDS).collect()
}

/// All over the time.
fn spread(begin: u64, end: u64, at: u32) -> Vec<u64> {
    let step = ((end - begin) / RECORDS).max(1);
    let first = begin + share(step, at);
    (0..RECORDS).map(|row| first + row * step).collect()
}

/// The n-th point of the R3 sequence (Martin Roberts, *The Unreasonable Effectiveness of
/// Quasirandom Sequences*, 2018), in parts of 2³²: however many there are, they are spread evenly, and
/// in step with nothing.
fn moments(n: u32) -> [u32; 3] {
    [0xD1B5_4A33, 0xABC9_8388, 0x8CB9_2BA7].map(|step: u32| step.wrapping_mul(n + 1))
}

fn share(whole: u64, part: u32) -> u64 {
    (whole * u64::from(part)) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::load::records;
    use crate::scenario::tests::of_the_repository;
    use crate::shrink::search::Judge;

    fn plan(scenario: &str) -> Plan {
        let scenario = of_the_repository()
            .into_iter()
            .find(|known| known.name == scenario)
            .expect("a scenario of the repository");
        Plan::draw(&scenario, 2)
    }

    #[test]
    fn a_short_load_and_its_faults_meet_after_the_group_was_formed() {
        let whole = plan("negative/commit-before-processing");
        let formed_ms = formed_ms(&whole);
        let faults = &whole.faults[..2];
        for n in 0..TIMES_OF_ONE {
            for rows in [dense, spread] {
                let short = short(&whole, rows, faults, &moments(n));
                let sent = records(&short.load, short.seed, None).expect("no file");
                assert!((1..=RECORDS).contains(&(sent.len() as u64)));
                assert!(
                    sent[0].at_ms >= formed_ms.saturating_sub(1_000),
                    "{}",
                    sent[0].at_ms
                );
                let window = formed_ms..formed_ms + MOMENTS_MS;
                assert_eq!(short.faults.len(), 2);
                assert!(
                    short
                        .faults
                        .iter()
                        .all(|fault| window.contains(&fault.at_ms))
                );
                assert!(short.faults.is_sorted_by_key(|fault| fault.at_ms));
            }
        }
    }

    /// No part of the time is left out, whatever its period.
    #[test]
    fn moments_are_spread_evenly_and_in_step_with_nothing() {
        for period_ms in [25, 200, 223, 1_000] {
            let phases: BTreeSet<u64> = (0..TIMES_OF_ONE)
                .map(|n| share(MOMENTS_MS, moments(n)[1]) % period_ms * 10 / period_ms)
                .collect();
            assert_eq!(phases.len(), 10, "{period_ms} ms");
        }
    }

    /// Every plan fails.
    struct Anything;

    impl Judge for Anything {
        fn first_failing(&mut self, candidates: &[Plan]) -> Result<Option<usize>, Stopped> {
            Ok((!candidates.is_empty()).then_some(0))
        }
    }

    #[test]
    fn a_plan_that_is_small_already_is_not_made_bigger() {
        let mut small = with_length(&plan("negative/commit-before-processing"), 1);
        let big = small.clone();
        small.faults.truncate(2);
        for (plan, leaps) in [(small, false), (big, true)] {
            let mut judge = Anything;
            let mut search = Search::new(plan.clone(), &mut judge, None, u64::MAX);
            far(&mut search).expect("never stopped");
            assert_eq!(*search.best() != plan, leaps);
        }
    }

    #[test]
    fn an_action_is_tried_once() {
        let mut whole = plan("negative/commit-before-processing");
        let first = whole.faults[0].clone();
        whole.faults = vec![first.clone(), PlannedFault { at_ms: 9, ..first }];
        assert_eq!(different(&whole.faults).len(), 1);
    }
}
