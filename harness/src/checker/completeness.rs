//! Completeness: nothing lost, nothing counted twice, nothing with wrong content.
//!
//! Every record of the log is a result, a duplicate, filtered or quarantined:
//! - *lost*: the oracle has a row for a record's id, and the sink has none; or a malformed
//!   record is not in quarantine and nothing else accounts for it;
//! - *doubled*: an id has several rows;
//! - *wrong content*: a row differs from the oracle's;
//! - *extra*: a row's id is unknown to the oracle;
//! - *wrongly quarantined*, *quarantined twice*.
//!
//! As long as the topics are not drained, a record counts as lost only once an offset past it
//! was committed: before that it is still owed, and that is the liveness checker's matter.

use std::collections::{BTreeMap, BTreeSet};

use super::observation::Observation;
use super::violation::{RecordRef, Violation, ViolationKind};
use crate::dataset::record::What;
use crate::oracle::{ColumnDifference, Difference, diff};
use crate::pipeline_under_test::{InputRecord, RecordPosition, Row};

/// What is wrong with the result set and the quarantine.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    let facts = Facts::of(observation);
    let mut violations: Vec<Violation> = diff(&observation.expected, &observation.results)
        .into_iter()
        .filter_map(|difference| facts.judge(&difference))
        .collect();
    violations.extend(facts.lost_malformed());
    violations.extend(facts.quarantine());
    violations
}

struct Facts<'o> {
    observation: &'o Observation,
    log_by_id: BTreeMap<&'o str, Vec<&'o InputRecord>>,
    committed: BTreeMap<(String, i32), i64>,
    quarantined: BTreeSet<&'o RecordPosition>,
}

impl<'o> Facts<'o> {
    fn of(observation: &'o Observation) -> Self {
        Self {
            observation,
            log_by_id: observation.log_by_id(),
            committed: observation.last_committed(),
            quarantined: observation.quarantined.iter().flatten().collect(),
        }
    }

    fn judge(&self, difference: &Difference<'_>) -> Option<Violation> {
        match difference {
            Difference::Missing(row) => self.missing(row),
            Difference::Extra(row) => Some(
                Violation::new(
                    ViolationKind::Extra,
                    format!("a row with id \"{}\", which no record explains", row.id),
                )
                .about(self.record_of(row)),
            ),
            Difference::Doubled { first, again } => Some(self.doubled(first, again)),
            Difference::Differs { found, columns } => Some(
                Violation::new(ViolationKind::WrongContent, differing(&found.id, columns))
                    .about(self.record_of(found)),
            ),
        }
    }

    /// The oracle's row is not in the sink. Its record may be in quarantine instead, or still owed.
    fn missing(&self, row: &Row) -> Option<Violation> {
        let sent = self.log_by_id.get(row.id.as_str());
        let sent: &[&InputRecord] = sent.map_or(&[], Vec::as_slice);
        if sent
            .iter()
            .any(|record| self.quarantined.contains(&record.position()))
        {
            // Named by the check of the quarantine.
            return None;
        }
        let owed = self.observation.drained_at_ns.is_none();
        if owed && !sent.iter().any(|record| self.is_passed(record)) {
            return None;
        }
        let first = sent
            .iter()
            .find(|record| self.is_acknowledged(record))
            .or(sent.first());
        let reference = match first {
            Some(record) => self.reference(record),
            None => self.record_of(row),
        };
        let message = format!("id \"{}\" has no row", row.id);
        Some(Violation::new(ViolationKind::Lost, message).about(reference))
    }

    fn doubled(&self, first: &Row, again: &[&Row]) -> Violation {
        let places: Vec<String> = std::iter::once(first)
            .chain(again.iter().copied())
            .filter_map(|row| row.source.as_ref().map(ToString::to_string))
            .collect();
        let from = if places.is_empty() {
            String::new()
        } else {
            format!(", from {}", places.join(" and "))
        };
        let message = format!("id \"{}\" has {} rows{from}", first.id, 1 + again.len());
        let reference = match again.iter().find_map(|row| row.source.as_ref()) {
            Some(_) => self.record_of(again[0]),
            None => self.record_of(first),
        };
        Violation::new(ViolationKind::Doubled, message).about(reference)
    }

    /// Malformed records that are neither quarantined nor anything else. A pipeline may filter
    /// some of them: only what its filter can't account for is lost.
    fn lost_malformed(&self) -> Vec<Violation> {
        if self.observation.quarantined.is_none() {
            return Vec::new();
        }
        let known: BTreeSet<&str> = self
            .observation
            .expected
            .iter()
            .chain(&self.observation.results)
            .map(|row| row.id.as_str())
            .collect();
        let unaccounted: Vec<&InputRecord> = self
            .observation
            .log
            .iter()
            .filter(|record| self.is_malformed(record))
            .filter(|record| !self.quarantined.contains(&record.position()))
            .filter(|record| !record.id.as_deref().is_some_and(|id| known.contains(id)))
            .filter(|record| self.observation.drained_at_ns.is_some() || self.is_passed(record))
            .collect();
        let filtered = self
            .observation
            .accounting
            .map_or(0, |accounting| accounting.filtered);
        if unaccounted.len() as u64 <= filtered {
            return Vec::new();
        }
        unaccounted
            .into_iter()
            .map(|record| {
                let message = "a malformed record is not in quarantine";
                Violation::new(ViolationKind::Lost, message).about(self.reference(record))
            })
            .collect()
    }

    fn quarantine(&self) -> Vec<Violation> {
        let expected = self.observation.expected_by_id();
        let by_position: BTreeMap<RecordPosition, &InputRecord> = self
            .observation
            .log
            .iter()
            .map(|record| (record.position(), record))
            .collect();
        let mut seen = BTreeSet::new();
        let mut violations = Vec::new();
        for position in self.observation.quarantined.iter().flatten() {
            let Some(record) = by_position.get(position) else {
                let message = format!("{position} is in quarantine, and not in the log");
                violations.push(
                    Violation::new(ViolationKind::Extra, message).about(RecordRef {
                        position: Some(position.clone()),
                        id: None,
                        acknowledged_at_ns: None,
                    }),
                );
                continue;
            };
            if !seen.insert(position) {
                let message = format!("{position} is in quarantine more than once");
                violations.push(
                    Violation::new(ViolationKind::QuarantinedTwice, message)
                        .about(self.reference(record)),
                );
            } else if let Some(id) = record.id.as_deref().filter(|id| expected.contains_key(id)) {
                let message = format!("id \"{id}\" is in quarantine, the oracle has a row for it");
                violations.push(
                    Violation::new(ViolationKind::WronglyQuarantined, message)
                        .about(self.reference(record)),
                );
            }
        }
        violations
    }

    fn is_malformed(&self, record: &InputRecord) -> bool {
        self.observation
            .acknowledged
            .get(&record.position())
            .is_some_and(|acknowledged| matches!(acknowledged.what, What::Malformed(_)))
    }

    fn is_acknowledged(&self, record: &InputRecord) -> bool {
        self.observation
            .acknowledged
            .contains_key(&record.position())
    }

    /// Whether an offset past the record was committed.
    fn is_passed(&self, record: &InputRecord) -> bool {
        self.committed
            .get(&(record.topic.clone(), record.partition))
            .is_some_and(|committed| *committed > record.offset)
    }

    fn reference(&self, record: &InputRecord) -> RecordRef {
        let position = record.position();
        RecordRef {
            acknowledged_at_ns: self
                .observation
                .acknowledged
                .get(&position)
                .map(|acknowledged| acknowledged.at_ns),
            position: Some(position),
            id: record.id.clone(),
        }
    }

    /// The record a row was made from; the first of its id if the sink does not say.
    fn record_of(&self, row: &Row) -> RecordRef {
        let sent = self.log_by_id.get(row.id.as_str()).into_iter().flatten();
        let same = |record: &&&InputRecord| match &row.source {
            Some(source) => record.position() == *source,
            None => true,
        };
        match sent.clone().find(same).or_else(|| sent.clone().next()) {
            Some(record) => self.reference(record),
            None => RecordRef {
                position: row.source.clone(),
                id: Some(row.id.clone()),
                acknowledged_at_ns: None,
            },
        }
    }
}

fn differing(id: &str, columns: &[ColumnDifference<'_>]) -> String {
    let shown = |value: Option<&str>| value.map_or("nothing".to_owned(), |v| format!("\"{v}\""));
    let columns: Vec<String> = columns
        .iter()
        .map(|c| {
            format!(
                "{} is {}, should be {}",
                c.column,
                shown(c.found),
                shown(c.expected)
            )
        })
        .collect();
    format!("id \"{id}\": {}", columns.join("; "))
}

#[cfg(test)]
#[path = "completeness_tests.rs"]
mod tests;
