//! Made-up trades: one JSON object each, ids such as `IBM-000412`, one key hotter than the rest.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::record::Row;

/// Event times begin here: 2026-01-05T14:30:00Z, a Monday's opening bell in New York.
const FIRST_TIME_MS: i64 = 1_767_623_400_000;

const SYMBOLS: [&str; 12] = [
    "SPY", "IBM", "BAC", "AIG", "KO", "MMM", "XOM", "GE", "CAT", "DIS", "JPM", "WMT",
];
const EXCHANGES: [&str; 4] = ["N", "P", "Q", "Z"];

/// Prices in ten-thousandths.
const PRICE_UNIT: u64 = 10_000;

struct Symbol {
    name: String,
    price: u64,
    trades: u64,
}

/// So many trades over so many symbols. Event times rise; ids are unique.
pub(super) fn generate(records: u64, keys: u64, random: &mut ChaCha8Rng) -> Vec<Row> {
    let mut symbols: Vec<Symbol> = (0..keys.max(1))
        .map(|index| Symbol {
            name: symbol_name(index),
            price: random.random_range(5 * PRICE_UNIT..500 * PRICE_UNIT),
            trades: 0,
        })
        .collect();
    let mut time_ms = FIRST_TIME_MS;
    (0..records)
        .map(|_| {
            time_ms += random.random_range(0..200);
            let index = draw_symbol(symbols.len(), random);
            trade(&mut symbols[index], time_ms, random)
        })
        .collect()
}

/// The first symbol gets a third of all trades on top of its share: markets have a hot key.
fn draw_symbol(symbols: usize, random: &mut ChaCha8Rng) -> usize {
    if random.random_ratio(1, 3) {
        0
    } else {
        random.random_range(0..symbols)
    }
}

fn symbol_name(index: u64) -> String {
    match SYMBOLS.get(index as usize) {
        Some(name) => (*name).to_owned(),
        None => format!("S{index:04}"),
    }
}

fn trade(symbol: &mut Symbol, time_ms: i64, random: &mut ChaCha8Rng) -> Row {
    let step = random.random_range(0..=200);
    symbol.price = if random.random() {
        symbol.price + step
    } else {
        symbol.price.saturating_sub(step).max(1)
    };
    let id = format!("{}-{:06}", symbol.name, symbol.trades);
    symbol.trades += 1;
    let payload = format!(
        r#"{{"id":"{id}","symbol":"{}","time":"{}","price":"{}.{:04}","quantity":{},"exchange":"{}"}}"#,
        symbol.name,
        utc(time_ms),
        symbol.price / PRICE_UNIT,
        symbol.price % PRICE_UNIT,
        random.random_range(1..=20_u32) * 100,
        EXCHANGES[random.random_range(0..EXCHANGES.len())],
    );
    Row {
        id: Some(id),
        key: Some(symbol.name.clone()),
        payload: payload.into_bytes(),
    }
}

/// `2026-01-05T14:30:00.123Z`.
pub(super) fn utc(time_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(time_ms)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn trades_read_like_the_real_ones() {
        let rows = generate(3, 2, &mut ChaCha8Rng::seed_from_u64(1));
        let text: Vec<_> = rows
            .iter()
            .map(|row| String::from_utf8_lossy(&row.payload))
            .collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        {"id":"SPY-000000","symbol":"SPY","time":"2026-01-05T14:30:00.119Z","price":"204.2361","quantity":1500,"exchange":"P"}
        {"id":"SPY-000001","symbol":"SPY","time":"2026-01-05T14:30:00.261Z","price":"204.2395","quantity":100,"exchange":"P"}
        {"id":"SPY-000002","symbol":"SPY","time":"2026-01-05T14:30:00.376Z","price":"204.2342","quantity":1000,"exchange":"P"}
        "#);
    }
}
