//! Brings the pipeline into the harness: how it starts, what a record of its output says, what should
//! be there.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use tokio::signal::unix::{SignalKind, signal};
use whitewater::pipeline_under_test::{
    BoxError, Context, InputRecord, OutputRecord, PipelineUnderTest, RecordPosition, Row,
};

use super::worker::{self, Config};
use crate::oracle::{self, Column};

/// The transactional pipeline.
pub struct Transactional;

/// Settings under Kafka's names are the consumer's, but for this one.
const OF_PRODUCER: &str = "transaction.timeout.ms";

impl PipelineUnderTest for Transactional {
    fn start(&self, context: Context) -> Pin<Box<dyn Future<Output = Result<(), BoxError>>>> {
        Box::pin(async move {
            let config = configure(&context)?;
            let mut terminate = signal(SignalKind::terminate())?;
            let stop = Arc::new(AtomicBool::new(false));
            let stopped = stop.clone();
            let mut worker = tokio::task::spawn_blocking(move || worker::run(&config, &stopped));
            tokio::select! {
                ended = &mut worker => return Ok(ended??),
                _ = terminate.recv() => stop.store(true, Ordering::SeqCst),
            }
            Ok(worker.await??)
        })
    }

    fn row(&self, record: &OutputRecord) -> Result<Option<Row>, BoxError> {
        row(record).map(Some)
    }

    fn expected(&self, records: &[InputRecord]) -> Vec<Row> {
        let columns = [
            ("symbol", Column::Text("symbol")),
            ("notional", Column::Product("price", "quantity")),
        ];
        oracle::expected(records, "id", &columns)
    }
}

fn configure(context: &Context) -> Result<Config, BoxError> {
    let [output] = context.outputs.as_slice() else {
        return Err("the transactional pipeline writes one topic".into());
    };
    let mut consumer = ClientConfig::new();
    consumer
        .set("bootstrap.servers", &context.brokers)
        .set("group.id", &context.group)
        .set("isolation.level", "read_committed")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false");
    let mut producer = ClientConfig::new();
    producer.set("bootstrap.servers", &context.brokers).set(
        "transactional.id",
        format!("{}-{}", context.group, context.worker),
    );
    let mut config = Config {
        topics: context.topics.clone(),
        output: output.clone(),
        consumer,
        producer,
        records_max: 100,
        age_max: Duration::from_millis(500),
    };
    for (name, value) in &context.settings {
        match name.as_str() {
            "records_max" => config.records_max = value.parse()?,
            "age_ms_max" => config.age_max = Duration::from_millis(value.parse()?),
            OF_PRODUCER => {
                config.producer.set(OF_PRODUCER, value);
            }
            kafka if kafka.contains('.') => {
                config.consumer.set(kafka, value);
            }
            unknown => {
                return Err(
                    format!("the transactional pipeline has no setting `{unknown}`").into(),
                );
            }
        }
    }
    Ok(config)
}

/// The row that a record of the output stands for.
pub fn row(record: &OutputRecord) -> Result<Row, BoxError> {
    let mut columns: BTreeMap<String, String> = serde_json::from_slice(&record.payload)?;
    let id = columns.remove("id").ok_or("a result without an id")?;
    Ok(Row {
        id,
        columns,
        source: record.header("source").and_then(source),
    })
}

/// Reads `trades-3@412`.
fn source(text: &str) -> Option<RecordPosition> {
    let (partition, offset) = text.rsplit_once('@')?;
    let (topic, partition) = partition.rsplit_once('-')?;
    Some(RecordPosition {
        topic: topic.to_owned(),
        partition: partition.parse().ok()?,
        offset: offset.parse().ok()?,
    })
}
