//! What the sinks of a run hold, host by host.

use crate::checker::observation::ResultSet;
use crate::pipeline_under_test::{
    Accounting, BoxError, Context, Gap, InputRecord, PipelineUnderTest, RecordPosition, Row,
};

/// The sinks of all hosts.
#[derive(Debug, Default)]
pub struct Sinks {
    /// Rows in append order, host after host.
    pub results: Vec<Row>,
    /// How many of [`Self::results`] are of each host, in their order.
    pub rows: Vec<(String, usize)>,
    /// Where they go on; none if the pipeline leaves that to Kafka.
    pub next_offsets: Option<Vec<RecordPosition>>,
    /// Records set aside; none if the pipeline has no quarantine.
    pub quarantined: Option<Vec<RecordPosition>>,
    /// The sums of their counts; none if the pipeline keeps none.
    pub accounting: Option<Accounting>,
    /// What they say they could not read.
    pub gaps: Vec<Gap>,
}

impl Sinks {
    /// Reads one sink, of whatever host.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read(pipeline: &dyn PipelineUnderTest, context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            results: pipeline.results(context)?,
            rows: Vec::new(),
            next_offsets: pipeline.next_offsets(context)?,
            quarantined: pipeline.quarantined(context)?,
            accounting: pipeline.accounting(context)?,
            gaps: pipeline.gaps(context)?,
        })
    }

    /// Adds the sink of a host.
    pub fn add(&mut self, host: String, mut one: Self) {
        self.rows.push((host, one.results.len()));
        self.results.append(&mut one.results);
        self.gaps.append(&mut one.gaps);
        if let Some(mut positions) = one.next_offsets {
            self.next_offsets
                .get_or_insert_default()
                .append(&mut positions);
        }
        if let Some(mut positions) = one.quarantined {
            self.quarantined
                .get_or_insert_default()
                .append(&mut positions);
        }
        if let Some(accounting) = one.accounting {
            self.accounting = Some(match self.accounting {
                Some(sum) => sum + accounting,
                None => accounting,
            });
        }
    }
}

impl ResultSet {
    /// What a version that runs no more left, of a log without what it has given up. None where the
    /// pipeline leaves its position to Kafka: what it should hold can't be told.
    #[must_use]
    pub fn of(
        version: String,
        pipeline: &dyn PipelineUnderTest,
        sinks: Sinks,
        log: &[InputRecord],
    ) -> Option<Self> {
        let next_offsets = sinks.next_offsets?;
        let is_held = |record: &&InputRecord| {
            next_offsets.iter().any(|next| {
                next.topic == record.topic
                    && next.partition == record.partition
                    && next.offset > record.offset
            })
        };
        let held: Vec<InputRecord> = log.iter().filter(is_held).cloned().collect();
        Some(Self {
            version,
            expected: pipeline.expected(&held),
            results: sinks.results,
            accounting: sinks.accounting,
        })
    }
}
