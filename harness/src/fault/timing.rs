//! When a fault happens: once (`at`) or again and again (`every`).

use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use crate::scenario::range::Range;

/// When the faults of one `[[fault]]` entry begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Once, this long after the load begins.
    At(Range<Duration>),
    /// Repeatedly, with such pauses between one begin and the next.
    Every(Range<Duration>),
}

impl Timing {
    /// The begins within a phase of this length, in order.
    pub fn draw(&self, phase: Duration, random: &mut ChaCha8Rng) -> Vec<Duration> {
        match self {
            Self::At(range) => {
                let at = range.draw(random);
                if at < phase { vec![at] } else { Vec::new() }
            }
            Self::Every(pause) => {
                let mut begins = Vec::new();
                let mut at = pause.draw(random);
                while at < phase {
                    begins.push(at);
                    // A pause of nothing would never end.
                    at += pause.draw(random).max(Duration::from_millis(1));
                }
                begins
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_fills_the_phase_and_at_happens_once() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let second = Duration::from_secs(1);
        let every = Timing::Every(Range::fixed(second));
        assert_eq!(
            every.draw(4 * second, &mut random),
            [second, 2 * second, 3 * second]
        );
        let at = Timing::At(Range::fixed(4 * second));
        assert_eq!(at.draw(5 * second, &mut random), [4 * second]);
        assert!(at.draw(4 * second, &mut random).is_empty());
        let never_ending = Timing::Every(Range::fixed(Duration::ZERO));
        assert_eq!(
            never_ending
                .draw(Duration::from_millis(3), &mut random)
                .len(),
            3
        );
    }
}
