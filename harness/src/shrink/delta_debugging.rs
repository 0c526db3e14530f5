//! Delta debugging: the smallest part of a list that still fails (Zeller and Hildebrandt,
//! *Simplifying and Isolating Failure-Inducing Input*, 2002).
//!
//! Two changes to their `ddmin`. Parts that are kept alone are tried at coarse granularities only,
//! where they are likely to fail. And after a part was removed, the sweep goes on behind it instead
//! of starting again, so that a list of n needs about n runs a granularity, not n².

use super::search::Stopped;

/// Parts are tried alone while there are at most so many.
const ALONE_PARTS_MAX: usize = 8;

/// Makes `items` smaller while `first_failing` finds a failing list among those it is shown, in
/// their order. The result is 1-minimal: without any one of its items it does not fail.
///
/// The caller knows that the whole list fails; every other list that is returned was found failing.
///
/// # Errors
/// `first_failing` was stopped. It has seen every list that failed, so it knows the smallest.
pub fn minimise<T: Clone>(
    items: Vec<T>,
    mut first_failing: impl FnMut(&[Vec<T>]) -> Result<Option<usize>, Stopped>,
) -> Result<Vec<T>, Stopped> {
    if items.is_empty() || first_failing(&[Vec::new()])?.is_some() {
        return Ok(Vec::new());
    }
    let mut kept = items;
    let mut size = kept.len().div_ceil(2);
    while kept.len() > 1 {
        let parts: Vec<Vec<T>> = kept.chunks(size).map(<[T]>::to_vec).collect();
        if (2..=ALONE_PARTS_MAX).contains(&parts.len())
            && let Some(alone) = first_failing(&parts)?
        {
            kept = parts[alone].clone();
            size = kept.len().div_ceil(2);
            continue;
        }
        let before = kept.len();
        kept = without_parts(kept, size, &mut first_failing)?;
        if size == 1 {
            // One item may be needed only because of another that is gone now.
            if kept.len() == before {
                break;
            }
        } else {
            size = size.div_ceil(2).min(kept.len().div_ceil(2));
        }
    }
    Ok(kept)
}

/// One sweep over parts of this size, each removed if the rest still fails.
fn without_parts<T: Clone>(
    mut kept: Vec<T>,
    size: usize,
    first_failing: &mut impl FnMut(&[Vec<T>]) -> Result<Option<usize>, Stopped>,
) -> Result<Vec<T>, Stopped> {
    let mut at = 0;
    while at < kept.len() {
        let candidates: Vec<Vec<T>> = (at..kept.len())
            .step_by(size)
            .map(|begin| without(&kept, begin, size))
            .filter(|rest| !rest.is_empty())
            .collect();
        let Some(found) = first_failing(&candidates)? else {
            break;
        };
        at += found * size;
        kept = without(&kept, at, size);
    }
    Ok(kept)
}

fn without<T: Clone>(items: &[T], begin: usize, size: usize) -> Vec<T> {
    let end = (begin + size).min(items.len());
    [&items[..begin], &items[end..]].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Minimises with a predicate; the smallest list, and all that were found failing.
    fn minimise_by(
        items: Vec<u32>,
        fails: impl Fn(&[u32]) -> bool,
    ) -> (Vec<u32>, Vec<Vec<u32>>, usize) {
        let mut confirmed = vec![items.clone()];
        let mut asked = 0;
        let smallest = minimise(items, |candidates| {
            let found = candidates.iter().position(|candidate| {
                asked += 1;
                fails(candidate)
            });
            confirmed.extend(found.map(|index| candidates[index].clone()));
            Ok(found)
        })
        .expect("never stopped");
        (smallest, confirmed, asked)
    }

    #[test]
    fn a_few_needles_in_a_thousand_take_few_runs() {
        let needles = [17, 412, 413, 990];
        let (smallest, _, asked) = minimise_by((0..1_000).collect(), |list| {
            needles.iter().all(|needle| list.contains(needle))
        });
        assert_eq!(smallest, needles);
        assert!(asked < 150, "{asked} runs");
    }

    #[test]
    fn nothing_is_needed_where_everything_fails() {
        let (smallest, _, asked) = minimise_by((0..1_000).collect(), |_| true);
        assert!(smallest.is_empty());
        assert_eq!(asked, 1);
    }

    #[test]
    fn a_stop_is_passed_on() {
        assert!(minimise(vec![1, 2, 3], |_| Err(Stopped)).is_err());
    }

    proptest! {
        #[test]
        fn exactly_the_needed_set_is_found(
            count in 0_u32..200,
            needed in proptest::collection::btree_set(0_u32..200, 0..8),
        ) {
            let needed: BTreeSet<u32> = needed.into_iter().filter(|item| *item < count).collect();
            let (smallest, _, _) = minimise_by((0..count).collect(), |list| {
                needed.iter().all(|item| list.contains(item))
            });
            prop_assert_eq!(smallest, needed.into_iter().collect::<Vec<_>>());
        }

        /// A history changes with every change of its plan: more can fail where less passes.
        #[test]
        fn whatever_fails_the_result_was_confirmed_and_needs_each_item(
            count in 1_u32..40,
            salt: u64,
            one_in in 1_u64..5,
        ) {
            let all: Vec<u32> = (0..count).collect();
            let fails = |list: &[u32]| {
                let bytes: Vec<u8> = list.iter().flat_map(|item| item.to_le_bytes()).collect();
                list == all
                    || xxhash_rust::xxh3::xxh3_64_with_seed(&bytes, salt).is_multiple_of(one_in)
            };
            let (smallest, confirmed, _) = minimise_by(all.clone(), fails);
            prop_assert!(confirmed.contains(&smallest));
            for index in 0..smallest.len() {
                let rest = without(&smallest, index, 1);
                prop_assert!(!fails(&rest), "{:?} fails too", rest);
            }
        }
    }
}
