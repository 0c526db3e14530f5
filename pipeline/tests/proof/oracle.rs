//! What a result set should hold, worked out anew: other JSON access, other arithmetic, no line
//! shared with the pipeline.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// What a column is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// A field's text.
    Text(&'static str),
    /// A field's decimal, in its shortest form.
    Decimal(&'static str),
    /// The exact product of two fields.
    Product(&'static str, &'static str),
    /// A field's time, already in UTC, without needless decimal places.
    Time(&'static str),
    /// Always null.
    Null,
}

/// The message id and the columns' values.
pub(crate) type Expected = (String, Vec<Option<String>>);

/// The row of a payload; `None` if it can't be processed.
pub(crate) fn row(payload: &[u8], columns: &[(&str, Column)]) -> Option<Expected> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(payload).ok()?;
    let field = |name: &str| scalar(fields.get(name)?.get());
    let id = field("id").filter(|id| !id.is_empty())?;
    let mut values = Vec::with_capacity(columns.len());
    for (_, column) in columns {
        values.push(match column {
            Column::Null => None,
            Column::Text(name) => Some(field(name)?),
            Column::Decimal(name) => Some(Number::read(&field(name)?)?.show()),
            Column::Product(a, b) => {
                let (a, b) = (Number::read(&field(a)?)?, Number::read(&field(b)?)?);
                Some(a.times(b)?.show())
            }
            Column::Time(name) => Some(short_time(&field(name)?)?),
        });
    }
    Some((id, values))
}

/// The text of a JSON string or number.
fn scalar(raw: &str) -> Option<String> {
    if raw.starts_with('"') {
        return serde_json::from_str(raw).ok();
    }
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        .then(|| raw.to_owned())
}

/// `…T08:00:00.460000Z` with 0, 3, 6 or 9 decimal places, as many as it needs.
fn short_time(text: &str) -> Option<String> {
    let local = text.strip_suffix('Z')?;
    let (seconds, fraction) = local.split_once('.').unwrap_or((local, ""));
    let digits = fraction.trim_end_matches('0');
    if digits.is_empty() {
        return Some(format!("{seconds}Z"));
    }
    let places = digits.len().next_multiple_of(3);
    Some(format!("{seconds}.{digits:0<places$}Z"))
}

/// `digits` times ten to the minus `places`, without needless zeros at the end.
#[derive(Clone, Copy, Debug)]
struct Number {
    digits: i128,
    places: u32,
}

impl Number {
    /// Plain notation only: what the files hold.
    fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        let places = u32::try_from(fraction.len()).ok()?;
        Some(Self { digits, places }.shortest())
    }

    fn times(self, other: Self) -> Option<Self> {
        let digits = self.digits.checked_mul(other.digits)?;
        let places = self.places + other.places;
        Some(Self { digits, places }.shortest())
    }

    fn shortest(mut self) -> Self {
        while self.places > 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.places -= 1;
        }
        self
    }

    fn show(self) -> String {
        let sign = if self.digits < 0 { "-" } else { "" };
        let places = self.places as usize;
        let digits = format!("{:0>1$}", self.digits.unsigned_abs(), places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let point = if places == 0 { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[(&str, Column)] = &[
        ("symbol", Column::Text("symbol")),
        ("price", Column::Decimal("price")),
        ("notional", Column::Product("price", "quantity")),
        ("event_time", Column::Time("time")),
        ("about", Column::Null),
    ];

    #[test]
    fn a_row_is_exact() {
        let payload = br#"{"id":7,"symbol":"B\u0041C","price":"-0.5000","quantity":300,"time":"2013-10-07T08:00:00.460Z"}"#;
        let (id, values) = row(payload, COLUMNS).unwrap();
        let values: Vec<&str> = values
            .iter()
            .map(|value| value.as_deref().unwrap_or("null"))
            .collect();
        assert_eq!(
            (id.as_str(), values.join(" ").as_str()),
            ("7", "BAC -0.5 -150 2013-10-07T08:00:00.460Z null")
        );
    }

    #[test]
    fn what_is_broken_has_no_row() {
        let whole =
            br#"{"id":"7","symbol":"A","price":1.5,"quantity":2,"time":"2013-10-07T08:00:00Z"}"#;
        assert!(row(whole, COLUMNS).is_some());
        for length in 0..whole.len() {
            assert_eq!(row(&whole[..length], COLUMNS), None, "{length}");
        }
        assert_eq!(row(br#"{"id":"7"}"#, COLUMNS), None);
        assert_eq!(
            row(
                br#"{"id":"","symbol":"A","price":1,"quantity":2,"time":"Z"}"#,
                COLUMNS
            ),
            None
        );
    }

    #[test]
    fn times_and_numbers_are_short() {
        let time = |text| short_time(text).unwrap();
        assert_eq!(time("1997-01-01T00:00:00Z"), "1997-01-01T00:00:00Z");
        assert_eq!(time("1997-01-01T00:00:00.000Z"), "1997-01-01T00:00:00Z");
        assert_eq!(
            time("1997-01-01T00:00:00.1234Z"),
            "1997-01-01T00:00:00.123400Z"
        );
        let product = Number::read("39432.48")
            .unwrap()
            .times(Number::read("0.000263").unwrap());
        assert_eq!(product.unwrap().show(), "10.37074224");
        assert_eq!(Number::read("100").unwrap().show(), "100");
        assert_eq!(Number::read("0.00").unwrap().show(), "0");
    }
}
