//! One transaction of 1,000 new records into the SQLite sink, which grows from one to the next.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use whitewater_benches::records::{ACTIVITY, TRADES};
use whitewater_benches::sink_batch::{ClaimedSink, Prepared};

const RECORDS: u64 = 1_000;

fn sink(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sink");
    group.throughput(Throughput::Elements(RECORDS));
    group.sample_size(20);
    for kind in [TRADES, ACTIVITY] {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut sink = ClaimedSink::open(&folder.path().join("results.db"), &kind);
        let processor = kind.build();
        let mut next = 0;
        group.bench_function(kind.processor, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut took = Duration::ZERO;
                for _ in 0..iterations {
                    let prepared = Prepared::new(&kind, processor.as_ref(), next, RECORDS);
                    next += RECORDS;
                    let started = Instant::now();
                    let receipt = sink.commit(&prepared);
                    took += started.elapsed();
                    assert_eq!(receipt.accounting.results, RECORDS, "every record is new");
                }
                took
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sink);
criterion_main!(benches);
