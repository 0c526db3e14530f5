//! The pure cluster: producing, fetching and committing offsets, without a network.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kafka_protocol::records::RecordBatchDecoder;
use whitewater_benches::groups::ClassicGroup;
use whitewater_benches::in_process::{InProcess, record_batch};
use whitewater_benches::records::TRADES;

const RECORDS_PER_BATCH: u64 = 1_000;
const PARTITIONS: i32 = 8;
/// Calls to one cluster, which then gives way to a new one: logs live in memory.
const CALLS: u64 = 16;

fn produce(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cluster/produce");
    for records in [1, RECORDS_PER_BATCH] {
        let batch = record_batch(&TRADES.payloads(records));
        group.throughput(Throughput::Elements(CALLS * records));
        group.bench_function(format!("batches of {records}"), |bencher| {
            bencher.iter_batched_ref(
                || InProcess::new(1),
                |cluster| (0..CALLS).for_each(|_| cluster.produce(batch.clone())),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn fetch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cluster/fetch");
    let batch = record_batch(&TRADES.payloads(RECORDS_PER_BATCH));
    let mut cluster = InProcess::new(1);
    (0..CALLS).for_each(|_| cluster.produce(batch.clone()));
    group.throughput(Throughput::Elements(records_in(cluster.fetch(0))));
    group.bench_function("1 MiB", |bencher| {
        bencher.iter(|| black_box(cluster.fetch(0)));
    });
    group.finish();
}

/// Records per second are offsets per second here: one of each partition in a request.
fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cluster/commit");
    group.throughput(Throughput::Elements(CALLS * PARTITIONS as u64));
    group.bench_function(format!("{PARTITIONS} offsets"), |bencher| {
        bencher.iter_batched_ref(
            || {
                let mut group = ClassicGroup::new(PARTITIONS);
                group.join(1);
                group
            },
            |group| {
                for offset in 0..CALLS as i64 {
                    group.commit(PARTITIONS, offset);
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn records_in(mut fetched: Bytes) -> u64 {
    let sets = RecordBatchDecoder::decode_all(&mut fetched).expect("whole batches were fetched");
    sets.iter().map(|set| set.records.len() as u64).sum()
}

criterion_group!(benches, produce, fetch, commit);
criterion_main!(benches);
