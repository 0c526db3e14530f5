//! A hot key: a share of the load has one key, so that one partition gets more than the others. As
//! where an upstream fills in a default, or one customer is larger than the rest.

use std::collections::BTreeSet;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::record::{LoadRecord, What};

/// Gives so many of the records the key of the first one. A repetition keeps the key of what it
/// repeats.
pub(super) fn heat(records: &mut [LoadRecord], parts_per_million: u32, random: &mut ChaCha8Rng) {
    if parts_per_million == 0 {
        return;
    }
    let Some(key) = records.iter().find_map(|record| record.key.clone()) else {
        return;
    };
    let mut hot = BTreeSet::new();
    for record in records {
        let drawn = random.random_ratio(parts_per_million.min(1_000_000), 1_000_000);
        let is_hot = match record.what {
            What::DuplicateOf(original) => hot.contains(&original),
            _ => drawn,
        };
        if is_hot {
            hot.insert(record.index);
            record.key = Some(key.clone());
            record.hot = true;
        }
    }
}
