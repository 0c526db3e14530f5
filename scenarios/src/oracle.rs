//! What the bundled pipeline should have written, worked out anew: other JSON access, other
//! arithmetic, no line shared with the pipeline.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::value::RawValue;
use whitewater::pipeline_under_test::{InputRecord, Row};

/// What a column is made of.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// The field at this path, as text.
    Text(&'static str),
    /// The decimal at this path, in its shortest form.
    Decimal(&'static str),
    /// The time at this path, in UTC.
    Time(&'static str),
    /// The exact product of two decimals.
    Product(&'static str, &'static str),
    /// Always null.
    Null,
}

/// One row an id: the first record of each id that can be processed.
pub fn expected(records: &[InputRecord], id: &str, columns: &[(&str, Column)]) -> Vec<Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for record in records {
        if let Some(row) = row(&record.payload, id, columns) {
            rows.entry(row.id.clone()).or_insert(row);
        }
    }
    rows.into_values().collect()
}

fn row(payload: &[u8], id: &str, columns: &[(&str, Column)]) -> Option<Row> {
    let text = std::str::from_utf8(payload).ok()?;
    serde_json::from_str::<serde_json::Value>(text).ok()?;
    let event: Object<'_> = serde_json::from_str(text).ok()?;
    let id = scalar(&event, id).filter(|id| !id.is_empty())?;
    let mut values = BTreeMap::new();
    for (name, column) in columns {
        if let Some(value) = value(&event, *column)? {
            values.insert((*name).to_owned(), value);
        }
    }
    Some(Row {
        id,
        columns: values,
        source: None,
    })
}

/// The outer option: whether the record can be processed; the inner one: whether it is null.
fn value(event: &Object<'_>, column: Column) -> Option<Option<String>> {
    Some(match column {
        Column::Null => None,
        Column::Text(path) => Some(scalar(event, path)?),
        Column::Decimal(path) => Some(Number::read(&scalar(event, path)?)?.show()),
        Column::Product(a, b) => {
            let (a, b) = (
                Number::read(&scalar(event, a)?)?,
                Number::read(&scalar(event, b)?)?,
            );
            Some(a.times(b)?.show())
        }
        Column::Time(path) => {
            let time = DateTime::parse_from_rfc3339(&scalar(event, path)?).ok()?;
            Some(time.to_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
    })
}

/// A JSON object whose values are not read yet.
type Object<'a> = BTreeMap<String, &'a RawValue>;

/// The text of a string or a number at a path like `actor.login`.
fn scalar(event: &Object<'_>, path: &str) -> Option<String> {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    let text = event.get(name)?.get();
    if let Some(rest) = rest {
        return scalar(&serde_json::from_str(text).ok()?, rest);
    }
    if text.starts_with('"') {
        serde_json::from_str(text).ok()
    } else {
        text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            .then(|| text.to_owned())
    }
}

/// `digits` times ten to the minus `places`, its digits without needless zeros at the end.
#[derive(Clone, Copy, Debug)]
struct Number {
    digits: i128,
    places: u32,
}

impl Number {
    /// JSON's notation: `167.41`, `2e-06`.
    fn read(text: &str) -> Option<Self> {
        let (plain, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
        let mut digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let mut places = i32::try_from(fraction.len()).ok()? - exponent.parse::<i32>().ok()?;
        while places < 0 {
            digits = digits.checked_mul(10)?;
            places += 1;
        }
        Self {
            digits,
            places: places.unsigned_abs(),
        }
        .shortest()
        .fitting()
    }

    fn times(self, other: Self) -> Option<Self> {
        let digits = self.digits.checked_mul(other.digits)?;
        Self {
            digits,
            places: self.places + other.places,
        }
        .shortest()
        .fitting()
    }

    fn shortest(mut self) -> Self {
        while self.places > 0 && self.digits % 10 == 0 {
            self.digits /= 10;
            self.places -= 1;
        }
        self
    }

    /// 96 bits of digits, at most 28 places.
    fn fitting(self) -> Option<Self> {
        (self.digits.unsigned_abs() < 1 << 96 && self.places <= 28).then_some(self)
    }

    fn show(self) -> String {
        let sign = if self.digits < 0 { "-" } else { "" };
        let places = self.places as usize;
        let digits = format!(
            "{:0>width$}",
            self.digits.unsigned_abs(),
            width = places + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - places);
        if places == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_short() {
        let show = |text| Number::read(text).map(Number::show);
        assert_eq!(show("167.4100").as_deref(), Some("167.41"));
        assert_eq!(show("-0.5").as_deref(), Some("-0.5"));
        assert_eq!(show("100").as_deref(), Some("100"));
        assert_eq!(show("2e-06").as_deref(), Some("0.000002"));
        assert_eq!(show("1.5e3").as_deref(), Some("1500"));
        assert_eq!(show("99999999999999999999999999999999999999.5"), None);
        let product = Number::read("39432.48")
            .and_then(|a| a.times(Number::read("0.000263")?))
            .map(Number::show);
        assert_eq!(product.as_deref(), Some("10.37074224"));
    }

    #[test]
    fn a_nested_field_is_found_by_its_path() {
        let scalar = |text, path| scalar(&serde_json::from_str(text).expect("an object"), path);
        assert_eq!(
            scalar(r#"{"actor":{"login":"a\"b"}}"#, "actor.login").as_deref(),
            Some("a\"b")
        );
        assert_eq!(scalar(r#"{"actor":{"login":null}}"#, "actor.login"), None);
        assert_eq!(
            scalar(r#"{"price":0.10}"#, "price").as_deref(),
            Some("0.10")
        );
    }
}
