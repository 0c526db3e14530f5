//! What a run is gated on: which seeds it takes, what may fail, what must never fail again.

pub(crate) mod known_failures;
pub(crate) mod merged;
pub(crate) mod regressions;
pub(crate) mod seeds;
pub(crate) mod shard;
pub(crate) mod time_budget;
