//! What the foreign consumers read.

/// One trade, its numbers as they stand in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The id of the message.
    pub id: String,
    /// What was traded.
    pub symbol: String,
    /// The price's own text.
    pub price: String,
    /// The quantity's own text.
    pub quantity: String,
}

impl Trade {
    /// Reads a message; none if it is no trade.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_slice(payload).ok()?;
        let text = |name: &str| match value.get(name)? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let number = |name: &str| text(name).filter(|text| text.parse::<f64>().is_ok());
        Some(Self {
            id: text("id")?,
            symbol: text("symbol")?,
            price: number("price")?,
            quantity: number("quantity")?,
        })
    }
}
