//! What happens to records on their way into Kafka: repeated, moved, malformed.

use std::borrow::Cow;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::malformed;
use super::record::{LoadRecord, Row, Sending, What};
use crate::plan::Disorder;

/// A record moved out of order goes at most this many places back.
const NEAR: u64 = 5;

/// A record that is late goes at least this many places back.
const FAR: u64 = 10;

/// A record before it has its place.
struct Placed<'r> {
    /// Place in the order of sending; records of one place keep the order of their making.
    place: u64,
    row: Cow<'r, Row>,
    sending: Sending,
    /// For a repetition: the row it repeats.
    repeats: Option<usize>,
    /// Which row it is at its first sending; none for repetitions and malformed rows.
    first_of: Option<usize>,
    what: What,
}

/// Puts rows in the order in which they are sent, `rate_per_s` of them a second, with a share of
/// them repeated, moved, or followed by malformed ones. Every row is sent at least once, and a
/// repetition never before it.
pub fn arrange(
    rows: &[Row],
    disorder: &Disorder,
    rate_per_s: u64,
    id_path: &str,
    random: &mut ChaCha8Rng,
) -> Vec<LoadRecord> {
    let mut placed = place(rows, disorder, id_path, random);
    placed.sort_by_key(|record| record.place);

    let mut index_of = vec![0_u64; rows.len()];
    for (index, record) in placed.iter().enumerate() {
        if let Some(row) = record.first_of {
            index_of[row] = index as u64;
        }
    }
    placed
        .into_iter()
        .enumerate()
        .map(|(index, record)| {
            let row = record.row.into_owned();
            LoadRecord {
                index: index as u64,
                at_ms: index as u64 * 1_000 / rate_per_s.max(1),
                id: row.id,
                key: row.key.map(String::into_bytes),
                payload: row.payload,
                sending: record.sending,
                what: match record.repeats {
                    Some(row) => What::DuplicateOf(index_of[row]),
                    None => record.what,
                },
                hot: false,
            }
        })
        .collect()
}

fn place<'r>(
    rows: &'r [Row],
    disorder: &Disorder,
    id_path: &str,
    random: &mut ChaCha8Rng,
) -> Vec<Placed<'r>> {
    let total = rows.len() as u64;
    let mut placed = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let (what, place) = first_place(number as u64, total, disorder, random);
        let twice = happens(disorder.producer_sends_twice_ppm, random);
        placed.push(Placed {
            place,
            row: Cow::Borrowed(row),
            sending: if twice { Sending::Twice } else { Sending::Once },
            repeats: None,
            first_of: Some(number),
            what,
        });
        let repetition = |place, sending| Placed {
            place,
            row: Cow::Borrowed(row),
            sending,
            repeats: Some(number),
            first_of: None,
            what: What::Fresh,
        };
        if happens(disorder.duplicates_ppm, random) {
            let later = random.random_range(1..=(total / 4).max(NEAR));
            placed.push(repetition(place + later, Sending::Once));
        }
        if happens(disorder.same_id_other_partition_ppm, random) {
            let later = random.random_range(0..=NEAR);
            let further = random.random_range(1..=1_000);
            placed.push(repetition(
                place + later,
                Sending::OtherPartition { further },
            ));
        }
        if happens(disorder.malformed_ppm, random) {
            for further in 0..=disorder.malformed_more {
                let number = number as u64 + further * total;
                let (kind, bad) = malformed::make(row, id_path, number, random);
                placed.push(Placed {
                    place,
                    row: Cow::Owned(bad),
                    sending: Sending::Once,
                    repeats: None,
                    first_of: None,
                    what: What::Malformed(kind),
                });
            }
        }
    }
    placed
}

fn first_place(
    number: u64,
    total: u64,
    disorder: &Disorder,
    random: &mut ChaCha8Rng,
) -> (What, u64) {
    // Both are drawn always, so that one share leaves the other's records as they were.
    let out_of_order = happens(disorder.out_of_order_ppm, random);
    let late = happens(disorder.late_ppm, random);
    if late {
        let later = random.random_range(FAR..=(total / 3).max(FAR));
        (What::Late, number + later)
    } else if out_of_order {
        (What::OutOfOrder, number + random.random_range(1..=NEAR))
    } else {
        (What::Fresh, number)
    }
}

fn happens(parts_per_million: u32, random: &mut ChaCha8Rng) -> bool {
    random.random_ratio(parts_per_million.min(1_000_000), 1_000_000)
}
