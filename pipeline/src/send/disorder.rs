//! What goes wrong on the way into a topic, at stated rates and the same for the same seed.

use std::collections::VecDeque;

use crate::send::rate::Rate;

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DisorderRates {
    /// Records that are sent once more, later.
    pub duplicates: Rate,
    /// Records that are sent later than their place.
    pub out_of_order: Rate,
    /// Broken copies that are sent besides the records; every record is sent whole, too.
    pub malformed: Rate,
}

/// What a record on its way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it stands in the file, in its place.
    InOrder,
    /// As it stands in the file, later than its place.
    OutOfOrder,
    /// A copy of a record that is sent, too.
    Duplicate,
    /// A broken copy of a record that is sent, too.
    Malformed,
}

/// A record on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What it is.
    pub kind: Kind,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// How many records later a delayed one comes, at most.
const DELAY_MAX: u64 = 100;

/// Takes records in order and gives out the disorder.
#[derive(Debug)]
pub struct Disorder {
    rates: DisorderRates,
    random: u64,
    place: u64,
    /// By the place at which they are due.
    delayed: VecDeque<(u64, Outgoing)>,
}

impl Disorder {
    /// The same seed and records give the same disorder.
    #[must_use]
    pub fn new(rates: DisorderRates, seed: u64) -> Self {
        Self {
            rates,
            random: seed,
            place: 0,
            delayed: VecDeque::new(),
        }
    }

    /// Takes the next record; what is to be sent now goes to `out`.
    pub fn take(&mut self, key: Option<Vec<u8>>, payload: Vec<u8>, out: &mut Vec<Outgoing>) {
        self.place += 1;
        while let Some((_, due)) = self.delayed.pop_front_if(|(due, _)| *due <= self.place) {
            out.push(due);
        }
        if self.happens(self.rates.malformed) {
            // Without its second half, no JSON object is one.
            let payload = payload[..payload.len() / 2].to_vec();
            out.push(Outgoing {
                kind: Kind::Malformed,
                key: key.clone(),
                payload,
            });
        }
        if self.happens(self.rates.duplicates) {
            let (key, payload) = (key.clone(), payload.clone());
            let kind = Kind::Duplicate;
            self.delay(Outgoing { kind, key, payload });
        }
        if self.happens(self.rates.out_of_order) {
            let kind = Kind::OutOfOrder;
            self.delay(Outgoing { kind, key, payload });
        } else {
            let kind = Kind::InOrder;
            out.push(Outgoing { kind, key, payload });
        }
    }

    /// Gives out what is still delayed.
    pub fn finish(&mut self, out: &mut Vec<Outgoing>) {
        out.extend(self.delayed.drain(..).map(|(_, outgoing)| outgoing));
    }

    fn delay(&mut self, outgoing: Outgoing) {
        let due = self.place + 1 + self.next_random() % DELAY_MAX;
        let at = self.delayed.partition_point(|(other, _)| *other <= due);
        self.delayed.insert(at, (due, outgoing));
    }

    fn happens(&mut self, rate: Rate) -> bool {
        // One draw whatever the rate: changing one rate does not move the others' hits.
        self.next_random() % 1_000_000 < u64::from(rate.per_million())
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(records: usize, rates: [&str; 3], seed: u64) -> Vec<Outgoing> {
        let [duplicates, out_of_order, malformed] = rates.map(|rate| rate.parse().unwrap());
        let rates = DisorderRates {
            duplicates,
            out_of_order,
            malformed,
        };
        let mut disorder = Disorder::new(rates, seed);
        let mut out = Vec::new();
        for record in 0..records {
            disorder.take(
                None,
                format!("{{\"id\":\"{record}\"}}").into_bytes(),
                &mut out,
            );
        }
        disorder.finish(&mut out);
        out
    }

    #[test]
    fn without_rates_nothing_changes() {
        let out = run(100, ["0%", "0%", "0%"], 1);
        assert_eq!(out.len(), 100);
        assert!(out.iter().all(|outgoing| outgoing.kind == Kind::InOrder));
    }

    #[test]
    fn the_same_seed_is_the_same_disorder_and_another_is_not() {
        let rates = ["10%", "10%", "10%"];
        assert_eq!(run(500, rates, 7), run(500, rates, 7));
        assert_ne!(run(500, rates, 7), run(500, rates, 8));
    }

    #[test]
    fn rates_are_about_kept() {
        let out = run(100_000, ["1%", "5%", "0.1%"], 3);
        let count = |kind| out.iter().filter(|outgoing| outgoing.kind == kind).count();
        assert!((900..1_100).contains(&count(Kind::Duplicate)));
        assert!((4_700..5_300).contains(&count(Kind::OutOfOrder)));
        assert!((70..130).contains(&count(Kind::Malformed)));
    }

    proptest! {
        /// Every record is sent whole exactly once besides its copies, and no malformed copy is JSON.
        #[test]
        fn nothing_is_lost(records in 1_usize..400, seed: u64) {
            let out = run(records, ["30%", "30%", "30%"], seed);
            let mut originals = Vec::new();
            for outgoing in &out {
                match outgoing.kind {
                    Kind::InOrder | Kind::OutOfOrder => originals.push(outgoing.payload.clone()),
                    Kind::Duplicate => {}
                    Kind::Malformed => prop_assert!(serde_json::from_slice::<serde_json::Value>(&outgoing.payload).is_err()),
                }
            }
            originals.sort();
            let mut expected: Vec<_> = (0..records).map(|record| format!("{{\"id\":\"{record}\"}}").into_bytes()).collect();
            expected.sort();
            prop_assert_eq!(originals, expected);
        }
    }
}
