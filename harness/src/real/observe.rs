//! What is left after a run: the logs, the sinks, how the processes ended.

use std::collections::BTreeMap;
use std::path::Path;

use super::administrator::{Administrator, Partition};
use super::fleet::Fleet;
use super::history::{HARNESS, History};
use super::loader::Loader;
use super::topic_log;
use crate::checker::observation::{Observation, ResultSet};
use crate::dataset;
use crate::given_up::GivenUp;
use crate::outputs;
use crate::pipeline_under_test::{InputRecord, PipelineUnderTest, RecordPosition};
use crate::plan::Plan;
use crate::sinks::Sinks;
use crate::trace::Value;

/// What a run came to, and who can tell.
pub(super) struct Scene<'r> {
    pub(super) plan: &'r Plan,
    pub(super) administrator: &'r Administrator,
    pub(super) brokers: &'r str,
    pub(super) fleet: &'r Fleet,
    pub(super) loader: &'r Loader,
    pub(super) history: &'r History,
    pub(super) healed_at_ns: u64,
    pub(super) drained_at_ns: Option<u64>,
}

impl Scene<'_> {
    /// Reads everything that checkers may look at.
    ///
    /// # Errors
    /// The log can't be read: nothing can be judged.
    pub(super) fn observe(&self) -> Result<Observation, String> {
        let bounds = self.administrator.log_bounds();
        let bounds = bounds.ok_or("the brokers do not say where their logs end")?;
        let everything = self.read_logs(&bounds)?;
        let log_start_offset = |topic: &str, partition| {
            let (begin, _) = bounds.get(&(topic.to_owned(), partition))?;
            Some(*begin)
        };
        let (_, pipeline) = self.fleet.current();
        let mut sinks = self.read_sinks(pipeline);
        let outputs = outputs::read(self.plan, self.brokers)?;
        sinks
            .add_outputs(pipeline, &outputs)
            .map_err(|error| format!("the outputs can't be read: {error}"))?;
        let mut superseded = Vec::new();
        for (version, pipeline) in self.fleet.superseded() {
            let sinks = self.read_sinks(pipeline);
            let log = GivenUp::new(&sinks.gaps, log_start_offset).owed(&everything);
            superseded.extend(ResultSet::of(version, pipeline, sinks, &log));
        }
        let given_up = GivenUp::new(&sinks.gaps, log_start_offset);
        let log = given_up.owed(&everything).into_owned();
        let mut acknowledged = self.loader.acknowledged();
        acknowledged.retain(|position, _| !given_up.contains(position));
        self.tell_committed_offsets(&bounds);
        let hosts = self.fleet.one_per_host();
        let sink_bytes = hosts.values().filter_map(|context| context.sink.parent());
        Ok(Observation {
            expected: pipeline.expected(&log),
            log,
            acknowledged,
            results: sinks.results,
            sink_rows: sinks.rows,
            // They have a path each.
            sink: String::new(),
            next_offsets: sinks.next_offsets,
            quarantined: sinks.quarantined,
            accounting: sinks.accounting,
            superseded,
            settings: self.plan.settings.clone(),
            sink_bytes: sink_bytes.map(bytes_in).collect(),
            trace: self.history.merged_with(self.fleet.events()),
            healed_at_ns: self.healed_at_ns,
            drained_at_ns: self.drained_at_ns,
            liveness_ms: self.plan.liveness_ms,
            open_files: self.fleet.open_files(),
            twin_with_right_clocks: None,
            exits: self.fleet.exits(),
        })
    }

    /// Every record of the plan's topics; of what retention has deleted that which the loader
    /// knows.
    fn read_logs(
        &self,
        bounds: &BTreeMap<Partition, (i64, i64)>,
    ) -> Result<Vec<InputRecord>, String> {
        let sent = self.loader.records();
        let mut log = topic_log::read(self.brokers, bounds, &dataset::load::ids(sent))?;
        let by_index: BTreeMap<u64, _> = sent.iter().map(|record| (record.index, record)).collect();
        let acknowledged = self.loader.acknowledged();
        let deleted = acknowledged
            .iter()
            .filter(|(position, _)| is_deleted(bounds, position));
        log.extend(deleted.filter_map(|(position, acknowledged)| {
            let record = by_index.get(&acknowledged.index)?;
            Some(InputRecord {
                id: record.id.clone(),
                topic: position.topic.clone(),
                partition: position.partition,
                offset: position.offset,
                key: record.key.clone(),
                payload: record.payload.clone(),
            })
        }));
        log.sort_by_key(|record| (record.topic.clone(), record.partition, record.offset));
        Ok(log)
    }

    fn read_sinks(&self, pipeline: &dyn PipelineUnderTest) -> Sinks {
        let mut sinks = Sinks::default();
        for (host, context) in self.fleet.one_per_host() {
            match Sinks::read(pipeline, &context) {
                Ok(sink) => sinks.add(host, sink),
                Err(error) => {
                    self.history.event(
                        &host,
                        HARNESS,
                        "log",
                        &[
                            ("level", "ERROR".into()),
                            ("target", "harness".into()),
                            ("message", format!("the sink can't be read: {error}").into()),
                        ],
                    );
                }
            }
        }
        sinks
    }

    /// Where the group stands at the end, as events: that is all that is seen of its commits.
    fn tell_committed_offsets(&self, bounds: &BTreeMap<Partition, (i64, i64)>) {
        let partitions: Vec<Partition> = bounds.keys().cloned().collect();
        let committed = self.administrator.committed_offsets(&partitions);
        for ((topic, partition), offset) in committed.unwrap_or_default() {
            let fields: [(&'static str, Value); 5] = [
                ("group", self.plan.group.as_str().into()),
                ("topic", topic.into()),
                ("partition", i64::from(partition).into()),
                ("offset", offset.into()),
                ("client_id", String::new().into()),
            ];
            self.history
                .event(HARNESS, HARNESS, "offset_commit", &fields);
        }
    }
}

/// Whether the record is before the start of its log.
fn is_deleted(bounds: &BTreeMap<Partition, (i64, i64)>, position: &RecordPosition) -> bool {
    let partition = (position.topic.clone(), position.partition);
    bounds
        .get(&partition)
        .is_some_and(|(begin, _)| position.offset < *begin)
}

/// What the files of a folder take.
fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    sizes.sum()
}
