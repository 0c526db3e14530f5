//! What is left after a run: the logs, the sinks, how the processes ended.

use kafka_protocol::records::RecordBatchDecoder;
use whitewater_sim::kafka::ClusterHandle;
use whitewater_sim::{host, process, time, trace};
use xxhash_rust::xxh3::Xxh3Default;

use super::fleet::{self, Fleet};
use super::loader::Loaded;
use crate::checker::observation::Observation;
use crate::pipeline_under_test::{
    Accounting, BoxError, Context, InputRecord, PipelineUnderTest, RecordPosition, Row,
};
use crate::plan::Plan;
use crate::trace::Event;

/// Reads everything that checkers may look at.
pub(super) async fn observe(
    plan: &Plan,
    pipeline: &'static dyn PipelineUnderTest,
    cluster: &ClusterHandle,
    fleet: &Fleet,
    loaded: &Loaded,
    healed_at_ns: u64,
    drained_at_ns: Option<u64>,
) -> Observation {
    let log = read_logs(plan, cluster, loaded);
    let sinks = read_sinks(fleet, pipeline).await;
    let expected = pipeline.expected(&log);
    Observation {
        expected,
        log,
        acknowledged: loaded.acknowledged(),
        results: sinks.results,
        sink_rows: sinks.rows,
        sink: fleet::SINK.to_owned(),
        next_offsets: sinks.next_offsets,
        quarantined: sinks.quarantined,
        accounting: sinks.accounting,
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

/// Every record of the plan's topics, by topic, partition and offset.
fn read_logs(plan: &Plan, cluster: &ClusterHandle, loaded: &Loaded) -> Vec<InputRecord> {
    let ids = loaded.ids();
    let mut records = Vec::new();
    cluster.with(|cluster| {
        for topic in &plan.topics {
            for partition in 0..topic.partitions {
                let Some(log) = cluster.log(&topic.name, partition) else {
                    continue;
                };
                for batch in log.batches() {
                    let mut bytes = batch.bytes().clone();
                    let decoded = RecordBatchDecoder::decode(&mut bytes)
                        .expect("the broker checked every batch");
                    for record in decoded.records {
                        let payload = record.value.unwrap_or_default().to_vec();
                        records.push(InputRecord {
                            id: ids.get(payload.as_slice()).map(|id| (*id).to_owned()),
                            topic: topic.name.clone(),
                            partition,
                            offset: record.offset,
                            key: record.key.map(|key| key.to_vec()),
                            payload,
                        });
                    }
                }
            }
        }
    });
    records
}

#[derive(Default)]
struct Sinks {
    results: Vec<Row>,
    rows: Vec<(String, usize)>,
    next_offsets: Option<Vec<RecordPosition>>,
    quarantined: Option<Vec<RecordPosition>>,
    accounting: Option<Accounting>,
}

/// Reads the sink of each worker host, in a process on that host.
async fn read_sinks(fleet: &Fleet, pipeline: &'static dyn PipelineUnderTest) -> Sinks {
    let mut sinks = Sinks::default();
    for (number, (host, context)) in fleet.one_per_host().into_iter().enumerate() {
        let reader = process::create_process(host, &format!("reader-{}", number + 1));
        let read = std::rc::Rc::new(std::cell::RefCell::new(Sinks::default()));
        let into = read.clone();
        process::start(reader, move || async move {
            match read_sink(pipeline, &context) {
                Ok(sink) => *into.borrow_mut() = sink,
                Err(error) => trace::event(
                    "log",
                    &[
                        ("level", "ERROR".into()),
                        ("target", "harness".into()),
                        ("message", format!("the sink can't be read: {error}").into()),
                    ],
                ),
            }
        });
        process::exited(reader).await;
        let mut one = read.take();
        sinks.rows.push((host::host_name(host), one.results.len()));
        sinks.results.append(&mut one.results);
        if let Some(mut positions) = one.next_offsets {
            sinks
                .next_offsets
                .get_or_insert_default()
                .append(&mut positions);
        }
        if let Some(mut positions) = one.quarantined {
            sinks
                .quarantined
                .get_or_insert_default()
                .append(&mut positions);
        }
        if let Some(accounting) = one.accounting {
            sinks.accounting = Some(match sinks.accounting {
                Some(sum) => sum + accounting,
                None => accounting,
            });
        }
    }
    sinks
}

fn read_sink(pipeline: &dyn PipelineUnderTest, context: &Context) -> Result<Sinks, BoxError> {
    Ok(Sinks {
        results: pipeline.results(context)?,
        rows: Vec::new(),
        next_offsets: pipeline.next_offsets(context)?,
        quarantined: pipeline.quarantined(context)?,
        accounting: pipeline.accounting(context)?,
    })
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
