//! Compares a result set with the rows that an oracle expects.
//!
//! Rows are matched by id, columns compared as text. What a row's text should be is the business
//! of each pipeline's `expected`.

use std::collections::BTreeMap;

use crate::pipeline_under_test::Row;

/// One difference between expected rows and results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference<'r> {
    /// Expected, and not there.
    Missing(&'r Row),
    /// There, and not expected.
    Extra(&'r Row),
    /// There more than once: the first row and the later ones, in append order.
    Doubled {
        /// The first.
        first: &'r Row,
        /// The others.
        again: Vec<&'r Row>,
    },
    /// There, with other content. A later row of the same id is compared as well.
    Differs {
        /// The row that is there.
        found: &'r Row,
        /// What differs.
        columns: Vec<ColumnDifference<'r>>,
    },
}

/// A column with another value than expected; none for one that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDifference<'r> {
    /// The column.
    pub column: &'r str,
    /// What should be there.
    pub expected: Option<&'r str>,
    /// What is there.
    pub found: Option<&'r str>,
}

/// All differences: missing and differing rows in the order of `expected`'s ids, then doubled
/// and extra ones in append order.
#[must_use]
pub fn diff<'r>(expected: &'r [Row], results: &'r [Row]) -> Vec<Difference<'r>> {
    let mut found_by_id: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in results {
        found_by_id.entry(&row.id).or_default().push(row);
    }
    let expected_by_id: BTreeMap<&str, &Row> =
        expected.iter().map(|row| (row.id.as_str(), row)).collect();

    let mut differences = Vec::new();
    for (id, wanted) in &expected_by_id {
        match found_by_id.get(id) {
            None => differences.push(Difference::Missing(wanted)),
            Some(found) => differences.extend(found.iter().filter_map(|found| {
                let columns = diff_columns(wanted, found);
                (!columns.is_empty()).then_some(Difference::Differs { found, columns })
            })),
        }
    }
    for rows in found_by_id.values() {
        if let [first, again @ ..] = rows.as_slice() {
            if !again.is_empty() {
                differences.push(Difference::Doubled {
                    first,
                    again: again.to_vec(),
                });
            }
            if !expected_by_id.contains_key(first.id.as_str()) {
                differences.push(Difference::Extra(first));
            }
        }
    }
    differences
}

fn diff_columns<'r>(expected: &'r Row, found: &'r Row) -> Vec<ColumnDifference<'r>> {
    let names: std::collections::BTreeSet<&str> = expected
        .columns
        .keys()
        .chain(found.columns.keys())
        .map(String::as_str)
        .collect();
    names
        .into_iter()
        .map(|column| ColumnDifference {
            column,
            expected: expected.columns.get(column).map(String::as_str),
            found: found.columns.get(column).map(String::as_str),
        })
        .filter(|difference| difference.expected != difference.found)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, price: &str) -> Row {
        Row {
            id: id.to_owned(),
            columns: BTreeMap::from([("price".to_owned(), price.to_owned())]),
            source: None,
        }
    }

    #[test]
    fn equal_sets_do_not_differ_in_any_order() {
        let expected = [row("a", "1"), row("b", "2")];
        let results = [row("b", "2"), row("a", "1")];
        assert!(diff(&expected, &results).is_empty());
    }

    #[test]
    fn each_difference_is_named() {
        let expected = [row("a", "1"), row("b", "2"), row("c", "3")];
        let results = [row("b", "2.0"), row("c", "3"), row("x", "9"), row("c", "3")];
        assert_eq!(
            diff(&expected, &results),
            [
                Difference::Missing(&expected[0]),
                Difference::Differs {
                    found: &results[0],
                    columns: vec![ColumnDifference {
                        column: "price",
                        expected: Some("2"),
                        found: Some("2.0"),
                    }],
                },
                Difference::Doubled {
                    first: &results[1],
                    again: vec![&results[3]],
                },
                Difference::Extra(&results[2]),
            ]
        );
    }

    #[test]
    fn a_missing_column_differs_from_an_empty_one() {
        let expected = [row("a", "")];
        let mut results = [row("a", "")];
        results[0].columns.clear();
        let differences = diff(&expected, &results);
        let [Difference::Differs { columns, .. }] = differences.as_slice() else {
            panic!("one differing row: {differences:?}");
        };
        assert_eq!((columns[0].expected, columns[0].found), (Some(""), None));
    }
}
