//! See `tests/simulated.rs`.
