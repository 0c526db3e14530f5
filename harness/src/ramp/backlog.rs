//! Lag over the time of a load: does it come down again?

use std::collections::BTreeMap;

use super::{Bound, Break};

/// So much of what arrives in the last quarter of the load may add to the lag that the quarter
/// before never went below, in percent.
const LEFT_OVER_PERCENT_MAX: u64 = 5;

/// A partition, by topic and number.
pub(super) type Partition<'e> = (&'e str, i32);

/// A partition's log grew, or records of it were taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) at_ns: u64,
    pub(super) arrived: u64,
    pub(super) taken_in: u64,
}

/// The changes of each partition, in the order of time.
pub(super) type Changes<'e> = BTreeMap<Partition<'e>, Vec<Change>>;

/// From the load's first append to its last, in simulated nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    pub(super) begin_ns: u64,
    pub(super) end_ns: u64,
}

impl Time {
    /// Which quarter of the load a moment is in; none after it.
    fn quarter(self, at_ns: u64) -> Option<usize> {
        let length = (self.end_ns - self.begin_ns).max(1);
        let since = at_ns.saturating_sub(self.begin_ns);
        (at_ns <= self.end_ns).then(|| {
            usize::try_from(since.saturating_mul(4) / length)
                .unwrap_or(3)
                .min(3)
        })
    }

    fn a_second(self, records: u64) -> u64 {
        per_second(records, self.end_ns - self.begin_ns)
    }
}

/// The lag of one partition, or of all together.
#[derive(Debug, Default)]
pub(super) struct Lag {
    pub(super) max: u64,
    pub(super) arrived: u64,
    /// Records a second in the second half of the load.
    pub(super) arrived_per_s: u64,
    pub(super) taken_in_per_s: u64,
    /// Whether it never came down in the last quarter to where it was in the one before.
    pub(super) grows: bool,
    /// When it was last no more than what arrives in a second, while the load lasted.
    pub(super) kept_up_ns: u64,
}

impl Lag {
    /// Follows changes in the order of time.
    pub(super) fn of<'c>(changes: impl Iterator<Item = &'c Change> + Clone, time: Time) -> Self {
        let arrived = changes.clone().map(|change| change.arrived).sum();
        let small = time.a_second(arrived);
        let mut lag = Self {
            arrived,
            kept_up_ns: time.begin_ns,
            ..Self::default()
        };
        let mut floors = [None; 4];
        let mut last_quarter = 0;
        let (mut now, mut in_half, mut out_half) = (0_u64, 0, 0);
        for change in changes {
            now = (now + change.arrived).saturating_sub(change.taken_in);
            lag.max = lag.max.max(now);
            let Some(quarter) = time.quarter(change.at_ns) else {
                continue;
            };
            if quarter >= 2 {
                in_half += change.arrived;
                out_half += change.taken_in;
            }
            if quarter == 3 {
                last_quarter += change.arrived;
            }
            if now <= small {
                lag.kept_up_ns = change.at_ns;
            }
            let floor: &mut Option<u64> = &mut floors[quarter];
            *floor = Some(floor.map_or(now, |floor| floor.min(now)));
        }
        let half_ns = (time.end_ns - time.begin_ns) / 2;
        lag.arrived_per_s = per_second(in_half, half_ns);
        lag.taken_in_per_s = per_second(out_half, half_ns);
        if let [_, _, Some(before), Some(last)] = floors {
            // A lag of less than a second is no backlog, whichever way it goes.
            lag.grows = last > small && last > before + last_quarter * LEFT_OVER_PERCENT_MAX / 100;
        }
        lag
    }
}

fn per_second(records: u64, ns: u64) -> u64 {
    let rate = u128::from(records) * 1_000_000_000 / u128::from(ns.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// The partition with the most records, and its share in percent.
pub(super) fn hottest<'e>(lags: &BTreeMap<Partition<'e>, Lag>) -> Option<(Partition<'e>, u64)> {
    let all: u64 = lags.values().map(|lag| lag.arrived).sum();
    let (partition, lag) = lags.iter().max_by_key(|(_, lag)| lag.arrived)?;
    Some((*partition, lag.arrived * 100 / all.max(1)))
}

/// A lag that grows while the load lasts: of everything, or of one partition beside others that
/// keep up.
pub(super) fn broken(all: &Lag, lags: &BTreeMap<Partition<'_>, Lag>) -> Option<Break> {
    let growing = lags.values().filter(|lag| lag.grows).count();
    if let Some((partition, percent)) = hottest(lags)
        && lags[&partition].grows
        && growing * 2 <= lags.len()
    {
        let lag = &lags[&partition];
        let others = lags.iter().filter(|(other, _)| **other != partition);
        let beside = others.map(|(_, other)| other.max).max().unwrap_or(0);
        return Some(Break {
            at_ms: lag.kept_up_ns / 1_000_000,
            bound: Bound::HotPartition,
            why: format!(
                "{}-{} gets {percent} % of the load and comes to a lag of {}, the others to {beside} at most",
                partition.0, partition.1, lag.max
            ),
        });
    }
    all.grows.then(|| Break {
        at_ms: all.kept_up_ns / 1_000_000,
        bound: Bound::LagDrains,
        why: format!(
            "{} records a second arrive, {} are taken in; {} behind at most",
            all.arrived_per_s, all.taken_in_per_s, all.max
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Time = Time {
        begin_ns: 0,
        end_ns: 40_000_000_000,
    };

    /// 100 records each second; so many are taken in half a second later.
    fn at_rate(taken_in: u64) -> Vec<Change> {
        let change = |at_ms: u64, arrived, taken_in| Change {
            at_ns: at_ms * 1_000_000,
            arrived,
            taken_in,
        };
        (0..40)
            .flat_map(|s| {
                [
                    change(s * 1_000, 100, 0),
                    change(s * 1_000 + 500, 0, taken_in),
                ]
            })
            .collect()
    }

    #[test]
    fn what_keeps_up_does_not_grow_and_what_does_not_says_since_when() {
        let steady = Lag::of(at_rate(100).iter(), TIME);
        assert!(!steady.grows);
        assert_eq!((steady.max, steady.taken_in_per_s), (100, 100));

        let behind = Lag::of(at_rate(60).iter(), TIME);
        assert!(behind.grows);
        assert_eq!((behind.arrived_per_s, behind.taken_in_per_s), (100, 60));
        assert_eq!(behind.kept_up_ns, 1_500_000_000);
    }

    #[test]
    fn a_late_begin_that_is_made_up_for_is_no_growth() {
        let mut changes = at_rate(0);
        for change in changes
            .iter_mut()
            .filter(|c| c.arrived == 0 && c.at_ns > 5_000_000_000)
        {
            change.taken_in = 150;
        }
        assert!(!Lag::of(changes.iter(), TIME).grows);
    }

    #[test]
    fn a_partition_alone_is_hot_and_all_of_them_are_slow() {
        let lags = |behind: i32| -> BTreeMap<Partition<'_>, Lag> {
            let rate = |partition| if partition < behind { 60 } else { 100 };
            (0..4)
                .map(|partition| {
                    (
                        ("t", partition),
                        Lag::of(at_rate(rate(partition)).iter(), TIME),
                    )
                })
                .collect()
        };
        let all = Lag {
            grows: true,
            ..Lag::default()
        };
        let bound = |behind| broken(&all, &lags(behind)).map(|found| found.bound);
        assert_eq!(bound(4), Some(Bound::LagDrains));
        // The partition with the most records is the last of equals.
        let mut one = lags(1);
        if let Some(lag) = one.get_mut(&("t", 0)) {
            lag.arrived *= 9;
        }
        let found = broken(&all, &one).expect("broken");
        assert_eq!(found.bound, Bound::HotPartition);
        insta::assert_snapshot!(found.why, @"t-0 gets 75 % of the load and comes to a lag of 1660, the others to 100 at most");
        assert_eq!(broken(&Lag::default(), &lags(0)), None);
    }
}
