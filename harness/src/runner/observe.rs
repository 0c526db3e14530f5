//! What is left after a run: the logs, the sinks, how the processes ended.

use std::cell::RefCell;
use std::rc::Rc;

use kafka_protocol::records::{Record, RecordBatchDecoder};
use whitewater_cluster::topics::Partition;
use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::{host, process, time, trace};
use xxhash_rust::xxh3::Xxh3Default;

use super::fleet::{self, Fleet};
use super::loader::Loaded;
use crate::checker::observation::{Observation, ResultSet};
use crate::dataset;
use crate::given_up::GivenUp;
use crate::outputs;
use crate::pipeline_under_test::{
    BoxError, Context, InputRecord, OutputRecord, PipelineUnderTest, RecordPosition,
};
use crate::plan::Plan;
use crate::sinks::Sinks;
use crate::trace::Event;

/// Reads everything that checkers may look at.
pub(super) async fn observe(
    plan: &Plan,
    cluster: &ClusterHandle,
    fleet: &Fleet,
    loaded: &Loaded,
    healed_at_ns: u64,
    drained_at_ns: Option<u64>,
) -> Observation {
    let everything = read_logs(plan, cluster, loaded);
    let log_start_offset = |topic: &str, partition| {
        cluster.with(|cluster| Some(cluster.log(topic, partition)?.log_start_offset()))
    };
    let (_, pipeline) = fleet.current();
    let mut sinks = read_sinks(fleet, pipeline, Sinks::read).await;
    let outputs = read_outputs(plan, cluster, fleet).await;
    if let Err(error) = sinks.add_outputs(pipeline, &outputs) {
        unreadable(&format!("the outputs can't be read: {error}"));
    }
    let mut superseded = Vec::new();
    for (version, pipeline) in fleet.superseded() {
        let sinks = read_sinks(fleet, pipeline, Sinks::read).await;
        let log = GivenUp::new(&sinks.gaps, log_start_offset).owed(&everything);
        superseded.extend(ResultSet::of(version, pipeline, sinks, &log));
    }
    let given_up = GivenUp::new(&sinks.gaps, log_start_offset);
    let log = given_up.owed(&everything).into_owned();
    let mut acknowledged = loaded.acknowledged();
    acknowledged.retain(|position, _| !given_up.contains(position));
    let expected = pipeline.expected(&log);
    Observation {
        expected,
        log,
        acknowledged,
        results: sinks.results,
        sink_rows: sinks.rows,
        sink: fleet::SINK.to_owned(),
        next_offsets: sinks.next_offsets,
        quarantined: sinks.quarantined,
        accounting: sinks.accounting,
        superseded,
        settings: plan.settings.clone(),
        trace: trace::take().into_iter().map(owned).collect(),
        healed_at_ns,
        drained_at_ns,
        liveness_ms: plan.liveness_ms,
        open_files: fleet.open_files(),
        sink_bytes: fleet.sink_bytes(),
        // Known to whoever runs the twin.
        twin_with_right_clocks: None,
        exits: fleet.exits(),
    }
}

/// Every record of the topics that the pipeline consumes, by topic, partition and offset.
fn read_logs(plan: &Plan, handle: &ClusterHandle, loaded: &Loaded) -> Vec<InputRecord> {
    let ids = dataset::load::ids(loaded.records());
    let mut records = Vec::new();
    handle.with(|cluster| {
        let topics = plan.inputs();
        for topic in topics.filter_map(|topic| cluster.topic(&topic.name)) {
            for (index, partition) in (0..).zip(&topic.partitions) {
                let of_partition = read_log(handle, &topic.name, index, partition).into_iter();
                records.extend(of_partition.map(|record| {
                    let payload = record.value.unwrap_or_default().to_vec();
                    InputRecord {
                        id: ids.get(payload.as_slice()).map(|id| (*id).to_owned()),
                        topic: topic.name.to_string(),
                        partition: index,
                        offset: record.offset,
                        key: record.key.map(|key| key.to_vec()),
                        payload,
                    }
                }));
            }
        }
    });
    records
}

/// The records of a log, by offset; those that retention or compaction has taken out as well. What a
/// transaction wrote that was aborted is none.
fn read_log(handle: &ClusterHandle, topic: &str, index: i32, partition: &Partition) -> Vec<Record> {
    let deleted = handle.deleted_batches(topic, index);
    let has_holes = !deleted.is_empty();
    let kept = partition.log.batches().map(|batch| batch.bytes().clone());
    let mut records = Vec::new();
    for mut bytes in deleted.into_iter().chain(kept) {
        let decoded =
            RecordBatchDecoder::decode(&mut bytes).expect("the broker checked every batch");
        records.extend(decoded.records);
    }
    let transactions = partition.producers.transactions();
    records.retain(|record| {
        let is_void =
            record.transactional && transactions.is_aborted(record.producer_id, record.offset);
        !record.control && !is_void
    });
    if has_holes {
        // A batch that was compacted is there as it was, and as what was left of it.
        records.sort_by_key(|record| record.offset);
        records.dedup_by_key(|record| record.offset);
    }
    records
}

type ReadSink = fn(&dyn PipelineUnderTest, &Context) -> Result<Sinks, BoxError>;

/// Reads the sink of each worker host, in a process on that host.
async fn read_sinks(
    fleet: &Fleet,
    pipeline: &'static dyn PipelineUnderTest,
    read_sink: ReadSink,
) -> Sinks {
    let mut sinks = Sinks::default();
    for (host, context) in fleet.one_per_host() {
        let reader = process::create_process(host, &fleet.next_reader());
        let read = Rc::new(RefCell::new(Sinks::default()));
        let into = read.clone();
        process::start(reader, move || async move {
            match read_sink(pipeline, &context) {
                Ok(sink) => *into.borrow_mut() = sink,
                Err(error) => unreadable(&format!("the sink can't be read: {error}")),
            }
        });
        process::exited(reader).await;
        sinks.add(host::host_name(host), read.take());
    }
    sinks
}

/// Reads the output topics, in a process of its own host.
async fn read_outputs(plan: &Plan, cluster: &ClusterHandle, fleet: &Fleet) -> Vec<OutputRecord> {
    let read = Rc::new(RefCell::new(Vec::new()));
    if plan.outputs().next().is_none() {
        return read.take();
    }
    let host = host::create_host("reader-host");
    let reader = process::create_process(host, &fleet.next_reader());
    let (plan, brokers, into) = (plan.clone(), cluster.bootstrap_servers(), read.clone());
    process::start(reader, move || async move {
        match outputs::read(&plan, &brokers) {
            Ok(records) => *into.borrow_mut() = records,
            Err(why) => unreadable(&why),
        }
    });
    process::exited(reader).await;
    read.take()
}

fn unreadable(why: &str) {
    trace::event(
        "log",
        &[
            ("level", "ERROR".into()),
            ("target", "harness".into()),
            ("message", why.to_owned().into()),
        ],
    );
}

/// Where the sinks go on; none if the pipeline leaves that to Kafka, or a sink can't be read now.
pub(super) async fn next_offsets(
    fleet: &Fleet,
    pipeline: &'static dyn PipelineUnderTest,
) -> Option<Vec<RecordPosition>> {
    let read = |pipeline: &dyn PipelineUnderTest, context: &Context| {
        Ok(Sinks {
            next_offsets: pipeline.next_offsets(context)?,
            ..Sinks::default()
        })
    };
    read_sinks(fleet, pipeline, read).await.next_offsets
}

/// XXH3-128 over rows, quarantine and counts: two runs of one plan must leave the same sink.
pub(super) fn final_state_hash(observation: &Observation) -> u128 {
    let mut hasher = Xxh3Default::new();
    for row in &observation.results {
        hasher.update(
            serde_json::to_string(row)
                .expect("rows are plain text")
                .as_bytes(),
        );
        hasher.update(b"\n");
    }
    for position in observation.quarantined.iter().flatten() {
        hasher.update(position.to_string().as_bytes());
        hasher.update(b"\n");
    }
    hasher.update(format!("{:?} {:?}", observation.accounting, time::now()).as_bytes());
    hasher.digest128()
}

fn owned(event: trace::Event) -> Event {
    Event {
        at_ns: u64::try_from(event.at.as_nanos()).unwrap_or(u64::MAX),
        host: event.host,
        process: event.process,
        kind: event.kind.into(),
        fields: event
            .fields
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    trace::Value::Int(value) => crate::trace::Value::Int(value),
                    trace::Value::Text(value) => crate::trace::Value::Text(value),
                    trace::Value::Bool(value) => crate::trace::Value::Bool(value),
                };
                (name, value)
            })
            .collect(),
    }
}
