//! Made-up activity of users: one JSON object each, ids such as `u00042-000007`.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::record::Row;
use super::trades::utc;

/// Event times begin here: 2026-01-05T00:00:00Z.
const FIRST_TIME_MS: i64 = 1_767_571_200_000;

/// What users do, with how often in a hundred.
const TYPES: [(&str, u32); 4] = [("view", 60), ("purchase", 25), ("login", 12), ("refund", 3)];

/// So many events over so many users. Event times rise and are sometimes equal; ids are unique.
pub(super) fn generate(records: u64, keys: u64, random: &mut ChaCha8Rng) -> Vec<Row> {
    let mut events_of = vec![0_u64; keys.max(1) as usize];
    let mut time_ms = FIRST_TIME_MS;
    (0..records)
        .map(|_| {
            // Half of the events share their time with the one before, as batch exports do.
            if random.random() {
                time_ms += random.random_range(1..2_000);
            }
            let user = random.random_range(0..events_of.len());
            let number = events_of[user];
            events_of[user] += 1;
            event(user, number, time_ms, random)
        })
        .collect()
}

fn event(user: usize, number: u64, time_ms: i64, random: &mut ChaCha8Rng) -> Row {
    let id = format!("u{user:05}-{number:06}");
    let key = format!("{user:05}");
    let cents = random.random_range(1..100_000_u32);
    let payload = format!(
        r#"{{"id":"{id}","type":"{}","user":"{key}","time":"{}","quantity":{},"value":"{}.{:02}","item":"sku-{:04}"}}"#,
        draw_type(random),
        utc(time_ms),
        random.random_range(1..=5_u32),
        cents / 100,
        cents % 100,
        random.random_range(0..2_000_u32),
    );
    Row {
        id: Some(id),
        key: Some(key),
        payload: payload.into_bytes(),
    }
}

fn draw_type(random: &mut ChaCha8Rng) -> &'static str {
    let mut left = random.random_range(0..100_u32);
    for (name, share) in TYPES {
        if left < share {
            return name;
        }
        left -= share;
    }
    TYPES[0].0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn activity_reads_like_the_real_one() {
        let rows = generate(3, 2, &mut ChaCha8Rng::seed_from_u64(1));
        let text: Vec<_> = rows
            .iter()
            .map(|row| String::from_utf8_lossy(&row.payload))
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        {"id":"u00000-000000","type":"view","user":"00000","time":"2026-01-05T00:00:01.969Z","quantity":2,"value":"211.05","item":"sku-0438"}
        {"id":"u00001-000000","type":"view","user":"00001","time":"2026-01-05T00:00:03.796Z","quantity":4,"value":"496.09","item":"sku-0305"}
        {"id":"u00001-000001","type":"purchase","user":"00001","time":"2026-01-05T00:00:03.796Z","quantity":1,"value":"173.84","item":"sku-0966"}
        "#);
    }
}
