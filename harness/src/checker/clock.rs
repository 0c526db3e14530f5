//! Clock: no decision of the pipeline depends on the wall clock.
//!
//! What the clock may have decided can't be told from one history. So a run in which clocks go
//! wrong has a twin, the same plan with all clocks right: whatever is the same in both, from the
//! scheduler's choices to every other fault, does not explain a difference. A pipeline that
//! ignores the wall clock leaves the same result set.
//!
//! Rows are compared by id and columns; columns that hold the time of processing don't belong to
//! a result set (see [`Row`]). Both runs must have been drained: else the one that was stopped
//! earlier would be called different.

use std::collections::{BTreeMap, BTreeSet};

use super::observation::Observation;
use super::violation::{RecordRef, Violation, ViolationKind};
use crate::pipeline_under_test::Row;

/// Where the result set is another one than with right clocks.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    let Some(twin) = &observation.twin_with_right_clocks else {
        return Vec::new();
    };
    if observation.drained_at_ns.is_none() {
        return Vec::new();
    }
    let found = by_id(&observation.results);
    let expected = by_id(twin);
    let ids: BTreeSet<&str> = found.keys().chain(expected.keys()).copied().collect();
    let log_by_id = observation.log_by_id();
    let differing = ids
        .into_iter()
        // What is not in this run's log was refused by a broker: a timestamp too far in the future
        // (`message.timestamp.after.max.ms`) is the producer's clock, not the pipeline's decision.
        .filter(|id| found.contains_key(id) || log_by_id.contains_key(id))
        .filter_map(|id| Some((id, difference(found.get(id), expected.get(id))?)));
    let differing: Vec<(&str, &str)> = differing.collect();
    let Some((id, difference)) = differing.first() else {
        return Vec::new();
    };
    let rest = match differing.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more ids differ"),
    };
    let message = format!("id \"{id}\" {difference} with right clocks{rest}");
    let position = log_by_id.get(id).map(|records| records[0].position());
    let violation = Violation::new(ViolationKind::ClockDecides, message).about(RecordRef {
        acknowledged_at_ns: position
            .as_ref()
            .and_then(|position| observation.acknowledged.get(position))
            .map(|acknowledged| acknowledged.at_ns),
        position,
        id: Some((*id).to_owned()),
    });
    vec![violation]
}

type Columns = BTreeMap<String, String>;

/// The columns of each id's rows, in an order of their own.
fn by_id(rows: &[Row]) -> BTreeMap<&str, Vec<&Columns>> {
    let mut by_id: BTreeMap<&str, Vec<&Columns>> = BTreeMap::new();
    for row in rows {
        by_id.entry(&row.id).or_default().push(&row.columns);
    }
    for columns in by_id.values_mut() {
        columns.sort();
    }
    by_id
}

fn difference(
    found: Option<&Vec<&Columns>>,
    expected: Option<&Vec<&Columns>>,
) -> Option<&'static str> {
    match (found, expected) {
        (Some(found), Some(expected)) if found == expected => None,
        (Some(found), Some(expected)) if found.len() == expected.len() => Some("is another row"),
        (Some(found), Some(expected)) if found.len() > expected.len() => Some("has fewer rows"),
        (Some(_), Some(_)) => Some("has more rows"),
        (None, _) => Some("has no row here, and has one"),
        (Some(_), None) => Some("has a row here, and has none"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;

    fn with_twin() -> Observation {
        let mut run = planted::right_run();
        let mut twin = run.results.clone();
        // The order of rows is not the clock's matter.
        twin.reverse();
        run.twin_with_right_clocks = Some(twin);
        run
    }

    fn told(run: &Observation) -> String {
        let violations = check(run);
        let messages: Vec<String> = violations.into_iter().map(|found| found.message).collect();
        messages.join("\n")
    }

    #[test]
    fn the_same_result_set_is_silent() {
        assert_eq!(told(&planted::right_run()), "");
        assert_eq!(told(&with_twin()), "");
    }

    #[test]
    fn a_row_that_only_right_clocks_leave_is_named() {
        let mut run = with_twin();
        run.results.truncate(3);
        insta::assert_snapshot!(told(&run), @r#"
    id "BAC-0" has no row here, and has one with right clocks, and 2 more ids differ
    "#);
        run.drained_at_ns = None;
        assert_eq!(told(&run), "");
    }

    #[test]
    fn what_a_broker_refused_is_not_the_pipelines_matter() {
        let mut run = with_twin();
        let refused = run.results.pop().expect("rows").id;
        assert!(!told(&run).is_empty());
        run.log
            .retain(|record| record.id.as_deref() != Some(refused.as_str()));
        assert_eq!(told(&run), "");
    }

    #[test]
    fn a_row_too_many_or_another_row_is_named() {
        let mut run = with_twin();
        run.results.push(run.results[0].clone());
        insta::assert_snapshot!(told(&run), @r#"
    id "IBM-0" has fewer rows with right clocks
    "#);
        let mut run = with_twin();
        run.results[1]
            .columns
            .insert("day".to_owned(), "tomorrow".to_owned());
        insta::assert_snapshot!(told(&run), @r#"
    id "SPY-0" is another row with right clocks
    "#);
        let mut run = with_twin();
        run.twin_with_right_clocks.as_mut().expect("has one").pop();
        insta::assert_snapshot!(told(&run), @r#"
    id "IBM-0" has a row here, and has none with right clocks
    "#);
    }
}
