//! Counting every record exactly once.

use std::ops::AddAssign;

/// What became of records. Every record that came in is in exactly one of the other counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Accounting {
    /// Records taken from Kafka into batches that were committed in the sink.
    pub records_in: u64,
    /// Rows appended to the result set.
    pub results: u64,
    /// Records the processor was not interested in.
    pub filtered: u64,
    /// Records whose message id had come before, with the same payload.
    pub duplicates: u64,
    /// Records below the position that the sink had already reached.
    pub redelivered: u64,
    /// Records kept aside.
    pub quarantined: u64,
}

/// Records are unaccounted for: a bug of ours, so nothing is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("conservation broken: {} records in, {} accounted for ({accounting:?})", accounting.records_in, accounting.records_out())]
pub struct ConservationError {
    /// The counts that do not add up.
    pub accounting: Accounting,
}

impl Accounting {
    /// All records that are accounted for.
    #[must_use]
    pub fn records_out(&self) -> u64 {
        self.results + self.filtered + self.duplicates + self.redelivered + self.quarantined
    }

    /// records in = results + filtered + duplicates + redelivered + quarantined.
    ///
    /// # Errors
    /// If not.
    pub fn check(&self) -> Result<(), ConservationError> {
        if self.records_in == self.records_out() {
            Ok(())
        } else {
            Err(ConservationError { accounting: *self })
        }
    }
}

impl AddAssign for Accounting {
    fn add_assign(&mut self, other: Self) {
        self.records_in += other.records_in;
        self.results += other.results;
        self.filtered += other.filtered;
        self.duplicates += other.duplicates;
        self.redelivered += other.redelivered;
        self.quarantined += other.quarantined;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_too_many_or_too_few_is_noticed() {
        let mut accounting = Accounting {
            records_in: 15,
            results: 1,
            filtered: 2,
            duplicates: 3,
            redelivered: 4,
            quarantined: 5,
        };
        assert_eq!(accounting.check(), Ok(()));
        accounting += accounting;
        assert_eq!(accounting.check(), Ok(()));
        accounting.results -= 1;
        assert_eq!(accounting.check(), Err(ConservationError { accounting }));
        accounting.results += 2;
        assert_eq!(accounting.check(), Err(ConservationError { accounting }));
    }
}
