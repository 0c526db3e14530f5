//! What the sinks of a run hold, host by host.

use crate::checker::observation::ResultSet;
use crate::pipeline_under_test::{
    Accounting, BoxError, Context, Gap, InputRecord, OutputRecord, PipelineUnderTest,
    RecordPosition, Row,
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

    /// The results among the records of output topics, which lie partition by partition. Each
    /// partition is a sink of its own: rows have an order within it only.
    ///
    /// # Errors
    /// A record can't be read.
    pub fn add_outputs(
        &mut self,
        pipeline: &dyn PipelineUnderTest,
        records: &[OutputRecord],
    ) -> Result<(), BoxError> {
        let of_partitions = records.chunk_by(|a, b| {
            let (a, b) = (&a.position, &b.position);
            a.partition == b.partition && a.topic == b.topic
        });
        for records in of_partitions {
            let RecordPosition {
                topic, partition, ..
            } = &records[0].position;
            let rows = records.iter().map(|record| pipeline.row(record));
            let rows: Result<Vec<Option<Row>>, BoxError> = rows.collect();
            let one = Self {
                results: rows?.into_iter().flatten().collect(),
                ..Self::default()
            };
            self.add(format!("{topic}-{partition}"), one);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;

    use super::*;

    /// Its results are the records that have a key.
    struct Keyed;

    impl PipelineUnderTest for Keyed {
        fn start(&self, _: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
            Box::pin(async { Ok(()) })
        }

        fn row(&self, record: &OutputRecord) -> Result<Option<Row>, BoxError> {
            let Some(key) = &record.key else {
                return Ok(None);
            };
            Ok(Some(Row {
                id: String::from_utf8(key.clone())?,
                columns: [].into(),
                source: None,
            }))
        }

        fn expected(&self, _: &[InputRecord]) -> Vec<Row> {
            Vec::new()
        }
    }

    fn record(topic: &str, partition: i32, offset: i64, key: Option<&[u8]>) -> OutputRecord {
        OutputRecord {
            position: RecordPosition {
                topic: topic.to_owned(),
                partition,
                offset,
            },
            key: key.map(<[u8]>::to_vec),
            payload: Vec::new(),
            headers: Vec::new(),
        }
    }

    #[test]
    fn each_partition_of_an_output_is_a_sink() {
        let records = [
            record("a", 0, 0, Some(b"1")),
            record("a", 0, 2, None),
            record("a", 0, 3, Some(b"2")),
            record("a", 1, 0, None),
            record("b", 1, 0, Some(b"3")),
        ];
        let mut sinks = Sinks::default();
        sinks.add_outputs(&Keyed, &records).expect("text");
        let ids: Vec<&str> = sinks.results.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "3"]);
        let rows = [("a-0", 2), ("a-1", 0), ("b-1", 1)];
        assert_eq!(sinks.rows, rows.map(|(sink, rows)| (sink.to_owned(), rows)));
    }

    #[test]
    fn a_record_that_cannot_be_read_is_told() {
        let records = [record("a", 0, 0, Some(&[0xff]))];
        assert!(Sinks::default().add_outputs(&Keyed, &records).is_err());
    }

    #[test]
    fn a_header_is_found_by_its_name() {
        let mut one = record("a", 0, 0, None);
        let header =
            |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
        one.headers = vec![
            header("empty", None),
            header("source", Some(b"trades-3@412")),
            header("source", Some(b"later")),
            header("bytes", Some(&[0xff])),
        ];
        assert_eq!(one.header("source"), Some("trades-3@412"));
        for absent in ["empty", "bytes", "none"] {
            assert_eq!(one.header(absent), None);
        }
    }
}
