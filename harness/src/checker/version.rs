//! Version: each version's result set is right up to where that version stands.
//!
//! Two versions of a pipeline have a result set each. The version that runs at the end must hold
//! everything, which the other checkers see to. One that ran before, or in between, must hold
//! exactly what lies before its own next offsets, whatever was started after it: then it can be
//! rolled back to, and reads on from there.
//! - *incomplete*: it has gone past a record, and lacks its row;
//! - *spoiled*: a row is there twice, differs, or comes from nothing that it has taken in;
//! - *miscounted*: its count of results is not the number of its rows.
//!
//! A version that leaves its position to Kafka is not judged: what it should hold can't be told.

use super::observation::{Observation, ResultSet};
use super::violation::{RecordRef, Violation, ViolationKind};
use crate::oracle::{Difference, diff};
use crate::pipeline_under_test::Row;

/// What is wrong with the result sets of versions that run no more.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    observation.superseded.iter().flat_map(check_one).collect()
}

fn check_one(set: &ResultSet) -> Vec<Violation> {
    let differences = diff(&set.expected, &set.results);
    let mut violations: Vec<Violation> = differences.iter().map(|d| judge(set, d)).collect();
    let rows = set.results.len() as u64;
    if let Some(accounting) = set.accounting.filter(|counted| counted.results != rows) {
        let message = format!(
            "{} counts {} results, its result set has {rows} rows",
            set.version, accounting.results
        );
        violations.push(Violation::new(ViolationKind::ResultSetMiscounted, message));
    }
    violations
}

fn judge(set: &ResultSet, difference: &Difference<'_>) -> Violation {
    let version = &set.version;
    let (kind, row, what) = match difference {
        Difference::Missing(row) => (
            ViolationKind::ResultSetIncomplete,
            *row,
            "has gone past its record, and has no row".to_owned(),
        ),
        Difference::Extra(row) => (
            ViolationKind::ResultSetSpoiled,
            *row,
            "has a row that it has taken in no record for".to_owned(),
        ),
        Difference::Doubled { first, again } => (
            ViolationKind::ResultSetSpoiled,
            *first,
            format!("has {} rows", 1 + again.len()),
        ),
        Difference::Differs { found, columns } => {
            let names: Vec<&str> = columns.iter().map(|column| column.column).collect();
            let what = format!("has a row with another {}", names.join(", "));
            (ViolationKind::ResultSetSpoiled, *found, what)
        }
    };
    Violation::new(kind, format!("{version}: id \"{}\" {what}", row.id)).about(record_of(row))
}

fn record_of(row: &Row) -> RecordRef {
    RecordRef {
        position: row.source.clone(),
        id: Some(row.id.clone()),
        acknowledged_at_ns: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;
    use crate::pipeline_under_test::Accounting;

    /// A run that `trades@1` began and another version ended.
    fn upgraded() -> Observation {
        let mut run = planted::right_run();
        let taken_in = run.expected[..4].to_vec();
        run.superseded.push(ResultSet {
            version: "trades@1".to_owned(),
            accounting: Some(Accounting {
                records_in: 4,
                results: 4,
                ..Accounting::default()
            }),
            results: taken_in.clone(),
            expected: taken_in,
        });
        run
    }

    fn found(run: &Observation) -> Vec<(ViolationKind, String)> {
        let violations = check(run).into_iter();
        violations.map(|v| (v.kind, v.message)).collect()
    }

    #[test]
    fn what_a_version_left_behind_is_right_up_to_where_it_stood() {
        assert_eq!(check(&planted::right_run()), []);
        assert_eq!(check(&upgraded()), []);
    }

    #[test]
    fn a_row_that_the_next_version_took_away_is_missed() {
        let mut run = upgraded();
        let gone = run.superseded[0].results.remove(1);
        let said = format!(
            "trades@1: id \"{}\" has gone past its record, and has no row",
            gone.id
        );
        let counted = "trades@1 counts 4 results, its result set has 3 rows".to_owned();
        assert_eq!(
            found(&run),
            [
                (ViolationKind::ResultSetIncomplete, said),
                (ViolationKind::ResultSetMiscounted, counted),
            ]
        );
    }

    #[test]
    fn a_row_that_is_spoiled_is_named() {
        let mut run = upgraded();
        let rows = &mut run.superseded[0].results;
        rows[0].columns.insert("text".to_owned(), "new".to_owned());
        rows[1].id = "from-version-2".to_owned();
        rows.push(rows[2].clone());
        let kinds: Vec<ViolationKind> = found(&run).into_iter().map(|(kind, _)| kind).collect();
        let spoiled = kinds
            .iter()
            .filter(|k| **k == ViolationKind::ResultSetSpoiled);
        assert_eq!(spoiled.count(), 3);
        assert!(kinds.contains(&ViolationKind::ResultSetIncomplete));
        assert!(kinds.contains(&ViolationKind::ResultSetMiscounted));
    }
}
