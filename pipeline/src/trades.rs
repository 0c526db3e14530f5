//! `trades@1`: one row a trade, with its exact notional. `trades@2` says where it was made, too.

use crate::decimal;
use crate::processor::{Column, ColumnKind, FieldValues, Fields, Processed, Processor, Rows};
use crate::quarantine::{Cause, Reason};
use crate::registry::Definition;

/// The definition of `trades@1`.
pub const TRADES_1: Definition = Definition {
    name: "trades@1",
    about: "symbol, price, quantity, notional (price x quantity, exact) and event time of each trade",
    fields: &["id", "symbol", "price", "quantity", "event_time"],
    columns: &COLUMNS,
    build: |fields| Box::new(Trades { fields }),
};

const COLUMNS: [Column; 5] = [
    Column {
        name: "symbol",
        kind: ColumnKind::Text,
    },
    Column {
        name: "price",
        kind: ColumnKind::Decimal,
    },
    Column {
        name: "quantity",
        kind: ColumnKind::Decimal,
    },
    Column {
        name: "notional",
        kind: ColumnKind::Decimal,
    },
    Column {
        name: "event_time",
        kind: ColumnKind::EventTime,
    },
];

/// The definition of `trades@2`.
pub const TRADES_2: Definition = Definition {
    name: "trades@2",
    about: "trades@1, and the exchange of each trade",
    fields: &[
        "id",
        "symbol",
        "price",
        "quantity",
        "event_time",
        "exchange",
    ],
    columns: &{
        let [symbol, price, quantity, notional, event_time] = COLUMNS;
        let exchange = Column {
            name: "exchange",
            kind: ColumnKind::Text,
        };
        [symbol, price, quantity, notional, event_time, exchange]
    },
    build: |fields| Box::new(TradesWithExchange { fields }),
};

const ID: usize = 0;
const SYMBOL: usize = 1;
const PRICE: usize = 2;
const QUANTITY: usize = 3;
const EVENT_TIME: usize = 4;
const EXCHANGE: usize = 5;

#[derive(Debug)]
struct Trades {
    fields: Fields,
}

impl Processor for Trades {
    fn process(&self, payload: &[u8], rows: &mut Rows) -> Result<Processed, Reason> {
        row(&self.fields.read(payload)?, rows)
    }
}

#[derive(Debug)]
struct TradesWithExchange {
    fields: Fields,
}

impl Processor for TradesWithExchange {
    fn process(&self, payload: &[u8], rows: &mut Rows) -> Result<Processed, Reason> {
        let values = self.fields.read(payload)?;
        let processed = row(&values, rows)?;
        rows.push_text(values.text(EXCHANGE)?.as_deref());
        Ok(processed)
    }
}

/// The columns that all versions begin with.
fn row(values: &FieldValues<'_>, rows: &mut Rows) -> Result<Processed, Reason> {
    let id = rows.keep(&values.id(ID)?);
    let price = values.decimal(PRICE)?;
    let quantity = values.decimal(QUANTITY)?;
    let notional = match (price, quantity) {
        (Some(price), Some(quantity)) => Some(
            decimal::multiply(price, quantity)
                .map_err(|error| Reason::new(Cause::OutOfRange, format!("notional {error}")))?,
        ),
        _ => None,
    };
    rows.push_text(values.text(SYMBOL)?.as_deref());
    rows.push_decimal(price);
    rows.push_decimal(quantity);
    rows.push_decimal(notional);
    rows.push_event_time(values.event_time(EVENT_TIME)?);
    Ok(Processed::Row { id })
}

#[cfg(test)]
mod tests {
    use crate::registry::tests::check;

    const PATHS: &[(&str, &str)] = &[
        ("id", "id"),
        ("symbol", "symbol"),
        ("price", "price"),
        ("quantity", "quantity"),
        ("event_time", "time"),
    ];

    #[test]
    fn a_trade_becomes_a_row() {
        insta::assert_snapshot!(
            check("trades@1", PATHS, r#"{"id":"SPY-1","symbol":"SPY","time":"2013-10-07T08:00:00.464Z","price":"167.4100","quantity":100,"exchange":"P"}"#),
            @"SPY-1 | symbol=SPY price=167.41 quantity=100 notional=16741 event_time=2013-10-07T08:00:00.464Z"
        );
        insta::assert_snapshot!(
            check("trades@1", PATHS, r#"{"id":7,"symbol":"BTCUSDT","time":"2021-01-08T00:00:00.278Z","price":39432.48,"quantity":0.000263}"#),
            @"7 | symbol=BTCUSDT price=39432.48 quantity=0.000263 notional=10.37074224 event_time=2021-01-08T00:00:00.278Z"
        );
    }

    #[test]
    fn version_2_adds_the_exchange_and_changes_nothing_else() {
        let trade = r#"{"id":"SPY-1","symbol":"SPY","time":"2013-10-07T08:00:00.464Z","price":"167.4100","quantity":100,"exchange":"P"}"#;
        let paths = [PATHS, &[("exchange", "exchange")]].concat();
        let (old, new) = (
            check("trades@1", PATHS, trade),
            check("trades@2", &paths, trade),
        );
        assert_eq!(new, format!("{old} exchange=P"));
        insta::assert_snapshot!(
            check("trades@2", &paths, &trade.replace("\"P\"", "null")),
            @"missing_field: `exchange` is missing or null"
        );
    }

    #[test]
    fn a_field_without_a_path_is_null() {
        insta::assert_snapshot!(
            check("trades@1", &[("id", "id"), ("price", "p")], r#"{"id":"1","p":"1.0"}"#),
            @"1 | symbol=null price=1 quantity=null notional=null event_time=null"
        );
    }

    #[test]
    fn each_fault_has_its_cause() {
        let trade = |field: &str, value: &str| {
            let mut text = String::from("{");
            for (name, good) in [
                ("id", "\"a\""),
                ("symbol", "\"S\""),
                ("price", "1"),
                ("quantity", "2"),
                ("time", "0"),
            ] {
                if name == field && value.is_empty() {
                    continue;
                }
                let value = if name == field { value } else { good };
                text.push_str(&format!("\"{name}\":{value},"));
            }
            text.pop();
            text.push('}');
            check("trades@1", PATHS, &text)
        };
        let all: Vec<String> = [
            ("id", ""),
            ("id", "\"\""),
            ("id", "true"),
            ("symbol", "null"),
            ("symbol", "[]"),
            ("symbol", "\"\\ud800\""),
            ("price", "\"1,5\""),
            ("price", "\"NaN\""),
            ("price", "1e40"),
            ("quantity", "0.00000000000000000000000000001"),
            ("quantity", "79228162514264337593543950335"),
            ("price", "{}"),
            ("time", "\"2013-10-07 08:00\""),
            ("time", "9223372036854775807"),
            ("time", "false"),
            ("nothing wrong", ""),
        ]
        .into_iter()
        .map(|(field, value)| trade(field, value))
        .chain([check("trades@1", PATHS, "{\"id\":"), check("trades@1", PATHS, "{\"id\":1,\"id\":1}")])
        .chain([
            check("trades@1", PATHS, r#"{"id":1,"symbol":"A","price":"79228162514264337593543950335","quantity":10,"time":0}"#),
        ])
        .collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        missing_field: `id` is missing or null
        bad_value: `id` is empty
        wrong_type: `id` is neither text nor a number
        missing_field: `symbol` is missing or null
        wrong_type: `symbol` is neither text nor a number
        not_json: `symbol` is malformed: unexpected end of hex escape at line 1 column 8
        bad_value: `price` is not a decimal number
        bad_value: `price` is not a decimal number
        out_of_range: `price` does not fit exactly in 96 bits with at most 28 decimal places
        out_of_range: `quantity` does not fit exactly in 96 bits with at most 28 decimal places
        a | symbol=S price=1 quantity=79228162514264337593543950335 notional=79228162514264337593543950335 event_time=1970-01-01T00:00:00Z
        wrong_type: `price` is neither text nor a number
        bad_value: `event_time` is neither an RFC 3339 time with an offset nor whole milliseconds since 1970
        out_of_range: `event_time` is outside 1677-09-21 to 2262-04-11
        wrong_type: `event_time` is neither text nor a number
        a | symbol=S price=1 quantity=2 notional=2 event_time=1970-01-01T00:00:00Z
        not_json: EOF while parsing a value at line 1 column 6
        duplicate_field: `id` is there twice
        out_of_range: notional does not fit exactly in 96 bits with at most 28 decimal places
        ");
    }
}
