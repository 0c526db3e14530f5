//! Criterion benchmarks and side-by-side comparisons.
