//! What retention took from a pipeline, and what it still owes.

use std::borrow::Cow;

use crate::pipeline_under_test::{Gap, InputRecord, RecordPosition};

/// Records that are deleted, and of which the pipeline says that it could not read them: nobody owes
/// them any more.
#[derive(Debug)]
pub struct GivenUp(Vec<Gap>);

impl GivenUp {
    /// The parts of the gaps that lie before the start of their logs, which `log_start_offset` gives
    /// for a topic and a partition.
    pub fn new(gaps: &[Gap], log_start_offset: impl Fn(&str, i32) -> Option<i64>) -> Self {
        let deleted = gaps.iter().filter_map(|gap| {
            let start = log_start_offset(&gap.topic, gap.partition)?;
            Some(Gap {
                to: gap.to.min(start),
                ..gap.clone()
            })
        });
        Self(deleted.collect())
    }

    /// Whether the record is among them.
    #[must_use]
    pub fn contains(&self, position: &RecordPosition) -> bool {
        self.0.iter().any(|gap| gap.contains(position))
    }

    /// The records of a log that the pipeline owes an account of.
    #[must_use]
    pub fn owed<'l>(&self, log: &'l [InputRecord]) -> Cow<'l, [InputRecord]> {
        if self.0.is_empty() {
            return Cow::Borrowed(log);
        }
        let is_owed = |record: &&InputRecord| !self.contains(&record.position());
        Cow::Owned(log.iter().filter(is_owed).cloned().collect())
    }
}
