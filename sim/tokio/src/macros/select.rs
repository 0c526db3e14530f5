//! `select!`, with a fairness that the seed decides.

/// tokio's `select!`. Unless `biased`, the branch polled first is drawn from the world's seed;
/// tokio's own generator is seeded by what differs from run to run.
#[macro_export]
macro_rules! select {
    (biased; $p:pat = $($t:tt)*) => {
        $crate::real_tokio::select!(biased; $p = $($t)*)
    };
    // The real macro's own entry for this form, with another generator.
    ($p:pat = $($t:tt)*) => {
        $crate::real_tokio::select!(
            @{ start={ $crate::macros::support::thread_rng_n(BRANCHES) }; () } $p = $($t)*
        )
    };
    ($($t:tt)*) => {
        $crate::real_tokio::select!($($t)*)
    };
}
