//! Payload to row: decoding, exact decimals, event time.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use whitewater_benches::records::{ACTIVITY, TRADES};
use whitewater_pipeline::processor::Rows;

const RECORDS: u64 = 1_000;

fn process(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("process");
    group.throughput(Throughput::Elements(RECORDS));
    for kind in [TRADES, ACTIVITY] {
        let processor = kind.build();
        let payloads = kind.payloads(RECORDS);
        let mut rows = Rows::default();
        group.bench_function(kind.processor, |bencher| {
            bencher.iter(|| {
                rows.clear();
                for payload in &payloads {
                    let processed = processor.process(black_box(payload), &mut rows);
                    black_box(processed.expect("generated records are rows"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, process);
criterion_main!(benches);
