//! Order: the sink's append order follows the offsets of each partition; order per key follows,
//! as a key's records lie in one partition.
//!
//! Each sink has an order of its own, so that of two partitions of an output topic neither comes first.
//! A row without a source is placed by its id, if only one record of the log has that id. Later
//! rows of a doubled id are left out: completeness names those.

use std::collections::{BTreeMap, BTreeSet};

use super::observation::Observation;
use super::violation::{RecordRef, Violation, ViolationKind};
use crate::pipeline_under_test::{InputRecord, RecordPosition, Row};

/// Rows that were appended after a row of a later offset of their partition.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    let log_by_id = observation.log_by_id();
    let mut latest: BTreeMap<(String, i32), RecordPosition> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut violations = Vec::new();
    let ends = ends_of_sinks(observation);
    for (index, row) in observation.results.iter().enumerate() {
        if ends.contains(&index) {
            latest.clear();
        }
        if !seen.insert(row.id.as_str()) {
            continue;
        }
        let Some(position) = source(row, &log_by_id) else {
            continue;
        };
        let partition = (position.topic.clone(), position.partition);
        match latest.get(&partition) {
            Some(before) if before.offset > position.offset => {
                violations.push(out_of_order(observation, row, &position, before));
            }
            Some(_) | None => {
                latest.insert(partition, position);
            }
        }
    }
    violations
}

/// The indices behind the last row of each sink.
fn ends_of_sinks(observation: &Observation) -> BTreeSet<usize> {
    let mut end = 0;
    let sinks = observation.sink_rows.iter().map(|(_, rows)| {
        end += rows;
        end
    });
    sinks.collect()
}

fn source(row: &Row, log_by_id: &BTreeMap<&str, Vec<&InputRecord>>) -> Option<RecordPosition> {
    if row.source.is_some() {
        return row.source.clone();
    }
    match log_by_id.get(row.id.as_str())?.as_slice() {
        [only] => Some(only.position()),
        _ => None,
    }
}

fn out_of_order(
    observation: &Observation,
    row: &Row,
    position: &RecordPosition,
    before: &RecordPosition,
) -> Violation {
    let message = format!(
        "id \"{}\" of {position} was appended after {before}",
        row.id
    );
    Violation::new(ViolationKind::OutOfOrder, message).about(RecordRef {
        position: Some(position.clone()),
        id: Some(row.id.clone()),
        acknowledged_at_ns: observation
            .acknowledged
            .get(position)
            .map(|acknowledged| acknowledged.at_ns),
    })
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;

    #[test]
    fn a_right_run_is_in_order() {
        assert!(check(&planted::right_run()).is_empty());
    }

    #[test]
    fn two_rows_of_a_partition_in_the_wrong_order_are_found() {
        let mut run = planted::right_run();
        let of_partition_0: Vec<usize> = planted::rows_of_partition(&run, 0);
        run.results.swap(of_partition_0[0], of_partition_0[1]);
        let violations = check(&run);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].kind, ViolationKind::OutOfOrder);
        insta::assert_snapshot!(violations[0].message, @r#"id "IBM-0" of trades-0@0 was appended after trades-0@1"#);
    }

    #[test]
    fn rows_of_different_partitions_may_interleave() {
        let mut run = planted::right_run();
        run.results
            .sort_by_key(|row| row.source.as_ref().map(|s| (s.offset, s.partition)));
        assert!(check(&run).is_empty());
    }

    #[test]
    fn what_lies_in_two_sinks_has_no_order() {
        let mut run = planted::right_run();
        let of_partition_0: Vec<usize> = planted::rows_of_partition(&run, 0);
        run.results.swap(of_partition_0[0], of_partition_0[1]);
        let first = of_partition_0[0] + 1;
        let rest = run.results.len() - first;
        run.sink_rows = vec![("out-0".to_owned(), first), ("out-1".to_owned(), rest)];
        assert!(check(&run).is_empty());
        run.sink_rows = vec![("out-0".to_owned(), first + rest)];
        assert_eq!(check(&run).len(), 1);
    }

    #[test]
    fn without_a_source_the_id_tells_the_place() {
        let mut run = planted::right_run();
        let of_partition_0: Vec<usize> = planted::rows_of_partition(&run, 0);
        // The first id of this partition lies in the log twice.
        run.results.swap(of_partition_0[1], of_partition_0[2]);
        for row in &mut run.results {
            row.source = None;
        }
        assert_eq!(check(&run).len(), 1);
    }

    #[test]
    fn a_doubled_row_is_left_to_completeness() {
        let mut run = planted::right_run();
        let first = run.results[0].clone();
        run.results.push(first);
        assert!(check(&run).is_empty());
    }
}
