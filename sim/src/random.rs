//! Randomness drawn from the seed, in streams that do not disturb one another.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::world;

/// A stream of random numbers. Each is derived from the seed on its own, so that one more draw
/// in one of them (a message sent, a fault decided) leaves the others as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Which ready task runs next.
    Scheduler,
    /// Latencies of messages.
    Network,
    /// What a disk loses, tears or delays.
    Disk,
    /// Whoever drives the run: the harness, a load, a fault injector.
    User,
    /// What code under test asks of the operating system (`getrandom`).
    Entropy,
}

const STREAMS: [Stream; 5] = [
    Stream::Scheduler,
    Stream::Network,
    Stream::Disk,
    Stream::User,
    Stream::Entropy,
];

pub(crate) struct Streams {
    generators: [ChaCha8Rng; STREAMS.len()],
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            generators: STREAMS.map(|stream| generator(seed, stream as u64)),
        }
    }

    pub(crate) fn next_u64(&mut self, stream: Stream) -> u64 {
        self.generators[stream as usize].next_u64()
    }

    pub(crate) fn below(&mut self, stream: Stream, n: u64) -> u64 {
        scale(self.next_u64(stream), n)
    }

    pub(crate) fn range(&mut self, stream: Stream, range: Range<u64>) -> u64 {
        range.start + self.below(stream, range.end.saturating_sub(range.start))
    }

    pub(crate) fn fill(&mut self, stream: Stream, bytes: &mut [u8]) {
        self.generators[stream as usize].fill_bytes(bytes);
    }
}

/// A generator for `seed`, one of 2^64 independent ones. ChaCha's output is the same on every
/// machine and in every version of the crate.
pub(crate) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..].copy_from_slice(b"whitewater random stream");
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(stream);
    generator
}

/// Maps a uniform 64-bit number to `0..n` (0 where `n` is 0). The bias is below n / 2^64.
fn scale(uniform: u64, n: u64) -> u64 {
    ((u128::from(uniform) * u128::from(n)) >> 64) as u64
}

/// The next number of the user's stream.
#[track_caller]
pub fn next_u64() -> u64 {
    draw(Stream::User)
}

/// The next number of `stream`.
#[track_caller]
pub fn draw(stream: Stream) -> u64 {
    world::with(|world| world.random.borrow_mut().next_u64(stream))
}

/// A number in `0..n`, from the user's stream. 0 where `n` is 0.
#[track_caller]
pub fn below(n: u64) -> u64 {
    scale(next_u64(), n)
}

/// A number in `0..n`, from `stream`. 0 where `n` is 0.
#[track_caller]
pub fn below_in(stream: Stream, n: u64) -> u64 {
    scale(draw(stream), n)
}

/// A number in `range`, from the user's stream. `range.start` where the range is empty.
#[track_caller]
pub fn range(range: Range<u64>) -> u64 {
    world::with(|world| world.random.borrow_mut().range(Stream::User, range))
}

/// True with probability `p` (0.0 never, 1.0 always), from the user's stream.
#[track_caller]
pub fn chance(p: f64) -> bool {
    chance_in(Stream::User, p)
}

/// True with probability `p` (0.0 never, 1.0 always), from `stream`.
#[track_caller]
pub fn chance_in(stream: Stream, p: f64) -> bool {
    // 53 bits: every value is exact in an f64, and lies in [0, 1).
    let uniform = (draw(stream) >> 11) as f64 / (1_u64 << 53) as f64;
    uniform < p
}

/// Fills `bytes` as `getrandom` would, from the stream of the code under test.
#[track_caller]
pub fn fill(bytes: &mut [u8]) {
    world::with(|world| world.random.borrow_mut().fill(Stream::Entropy, bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_disturb_one_another() {
        let mut plain = Streams::new(7);
        let mut disturbed = Streams::new(7);
        for _ in 0..5 {
            disturbed.next_u64(Stream::Network);
        }
        let of = |streams: &mut Streams| [0; 8].map(|_: u64| streams.next_u64(Stream::Scheduler));
        assert_eq!(of(&mut plain), of(&mut disturbed));
    }

    #[test]
    fn seeds_and_streams_differ() {
        let mut streams = Streams::new(1);
        let mut first: Vec<u64> = STREAMS.map(|stream| streams.next_u64(stream)).to_vec();
        first.push(Streams::new(2).next_u64(Stream::Scheduler));
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), STREAMS.len() + 1);
    }

    /// A saved plan must mean the same run after an update of the generator's crate.
    #[test]
    fn numbers_never_change() {
        let mut streams = Streams::new(42);
        assert_eq!(STREAMS.map(|stream| streams.next_u64(stream)), PINNED,);
    }

    const PINNED: [u64; 5] = [
        5_326_275_346_063_385_416,
        6_949_719_216_178_410_527,
        8_174_287_509_729_663_197,
        9_543_161_736_321_777_457,
        9_860_734_218_896_713_169,
    ];

    #[test]
    fn below_and_range_stay_inside() {
        let mut streams = Streams::new(3);
        for _ in 0..1_000 {
            assert!(streams.below(Stream::User, 7) < 7);
            assert!((5..9).contains(&streams.range(Stream::User, 5..9)));
        }
        assert_eq!(streams.below(Stream::User, 0), 0);
        assert_eq!(streams.range(Stream::User, 5..5), 5);
    }
}
