//! Whether a benchmark is to measure, or only to show that it works.

/// `cargo bench` passes `--bench`; `cargo test --benches` does not, and wants each benchmark run
/// once and quickly.
#[must_use]
pub fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
