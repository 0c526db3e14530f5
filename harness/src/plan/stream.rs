//! One stream of randomness per concern, so that a change to one leaves the others as they were.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What randomness is for. The numbers are part of what a seed means: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Brokers, partitions, workers, phases.
    Topology,
    /// The pipeline's settings.
    Settings,
    /// Source and rates of the load.
    Load,
    /// Which families of faults are on.
    Swarm,
    /// The generator's records.
    Records,
    /// What is done to records on the way.
    Disorder,
    /// Which records go to the hot key.
    HotKey,
    /// The protocol of the group, and what only one of them has.
    GroupProtocol,
    /// The faults of the n-th entry.
    Fault(u16),
}

impl Concern {
    fn number(self) -> u64 {
        match self {
            Self::Topology => 1,
            Self::Settings => 2,
            Self::Load => 3,
            Self::Swarm => 4,
            Self::Records => 5,
            Self::Disorder => 6,
            Self::HotKey => 7,
            Self::GroupProtocol => 8,
            Self::Fault(entry) => 1_000 + u64::from(entry),
        }
    }
}

/// The stream of a seed for a concern.
#[must_use]
pub fn stream(seed: u64, concern: Concern) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(concern.number());
    random
}

#[cfg(test)]
mod tests {
    use rand::RngCore;

    use super::*;

    #[test]
    fn streams_differ_by_seed_and_by_concern() {
        let first = |seed, concern| stream(seed, concern).next_u64();
        assert_eq!(first(1, Concern::Load), first(1, Concern::Load));
        assert_ne!(first(1, Concern::Load), first(2, Concern::Load));
        assert_ne!(first(1, Concern::Load), first(1, Concern::Swarm));
        assert_ne!(first(1, Concern::Fault(0)), first(1, Concern::Fault(1)));
    }
}
