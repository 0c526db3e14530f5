//! The kinds of scheduler.

/// Which scheduler a runtime was built with. Here both run on the simulated world's one; the
/// flavour decides what tokio would refuse (`block_in_place` on a current-thread runtime).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// One thread.
    CurrentThread,
    /// A pool of threads.
    MultiThread,
}
