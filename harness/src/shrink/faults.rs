//! Fewer faults: those that happen at a time, and those that are done to the load.

use serde_json::Value;

use super::delta_debugging::minimise;
use super::search::{Search, Stopped};
use crate::plan::{Disorder, Plan, PlannedFault};

/// Something that goes wrong in a plan.
#[derive(Debug, Clone)]
enum Trouble {
    Fault(PlannedFault),
    /// A share of the load's disorder, by its key.
    Share(String),
}

/// Keeps as few faults as still fail.
///
/// # Errors
/// The judge was stopped.
pub fn fewer(search: &mut Search<'_>) -> Result<(), Stopped> {
    let plan = search.best().clone();
    let shares = shares(&plan.load.disorder).into_iter().map(Trouble::Share);
    let faults = plan.faults.iter().cloned().map(Trouble::Fault);
    minimise(shares.chain(faults).collect(), |kept| {
        search.take_first(kept.iter().map(|kept| with_only(&plan, kept)).collect())
    })?;
    Ok(())
}

fn with_only(plan: &Plan, kept: &[Trouble]) -> Plan {
    let mut smaller = plan.clone();
    smaller.faults.clear();
    let mut kept_shares = Vec::new();
    for trouble in kept {
        match trouble {
            Trouble::Fault(fault) => smaller.faults.push(fault.clone()),
            Trouble::Share(key) => kept_shares.push(key.as_str()),
        }
    }
    smaller.load.disorder = only_shares(&plan.load.disorder, &kept_shares);
    smaller
}

/// The keys of what is on: whatever is not as by default, so that a new share needs no word here.
#[must_use]
pub fn shares(disorder: &Disorder) -> Vec<String> {
    let (on, off) = (fields(disorder), fields(&Disorder::default()));
    on.into_iter()
        .filter(|(key, value)| off.get(key) != Some(value))
        .map(|(key, _)| key)
        .collect()
}

fn only_shares(disorder: &Disorder, kept: &[&str]) -> Disorder {
    let mut fields_kept = fields(&Disorder::default());
    for (key, value) in fields(disorder) {
        if kept.contains(&key.as_str()) {
            fields_kept.insert(key, value);
        }
    }
    serde_json::from_value(Value::Object(fields_kept))
        .expect("the keys are those of a disorder, each with a value that one had")
}

fn fields(disorder: &Disorder) -> serde_json::Map<String, Value> {
    match serde_json::to_value(disorder) {
        Ok(Value::Object(fields)) => fields,
        _ => unreachable!("a disorder is written as a table of numbers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_turned_off_one_by_one() {
        let disorder = Disorder {
            duplicates_ppm: 10_000,
            late_ppm: 500,
            ..Disorder::default()
        };
        assert_eq!(shares(&disorder), ["duplicates_ppm", "late_ppm"]);
        let late = only_shares(&disorder, &["late_ppm"]);
        assert_eq!((late.duplicates_ppm, late.late_ppm), (0, 500));
        assert_eq!(only_shares(&disorder, &[]), Disorder::default());
    }
}
