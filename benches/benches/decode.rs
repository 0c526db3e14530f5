//! JSON payload to the raw text of its fields.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use whitewater_benches::records::{ACTIVITY, TRADES};
use whitewater_pipeline::field_path::{Extractor, FieldPath};

const RECORDS: u64 = 1_000;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS));
    for kind in [TRADES, ACTIVITY] {
        let paths: Vec<Option<FieldPath>> = kind.field_paths().into_values().map(Some).collect();
        let extractor = Extractor::new(&paths).expect("the paths do not overlap");
        let payloads = kind.payloads(RECORDS);
        group.bench_function(kind.processor, |bencher| {
            bencher.iter(|| {
                for payload in &payloads {
                    let found = extractor.extract(black_box(payload));
                    black_box(found.expect("generated records are JSON"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
