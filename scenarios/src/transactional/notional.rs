//! From a trade to its notional value.

use rust_decimal::Decimal;
use serde_json::{Value, json};

/// What is written of a trade.
pub struct Notional {
    /// The key of the record: what was traded.
    pub symbol: String,
    /// Its value.
    pub payload: String,
}

/// The result of a message; none if it is no trade.
pub fn of(payload: &[u8]) -> Option<Notional> {
    let trade: Value = serde_json::from_slice(payload).ok()?;
    let decimal = |name: &str| match trade.get(name)? {
        Value::String(text) => text.parse::<Decimal>().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    };
    let text = |name: &str| Some(trade.get(name)?.as_str()?.to_owned());
    let (id, symbol) = (text("id")?, text("symbol")?);
    let notional = decimal("price")?.checked_mul(decimal("quantity")?)?;
    let payload =
        json!({ "id": id, "symbol": symbol, "notional": notional.normalize().to_string() });
    Some(Notional {
        symbol,
        payload: payload.to_string(),
    })
}
