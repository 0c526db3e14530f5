//! `activity@1`: one row an act of a user: who, what, when, worth how much, about what.

use crate::processor::{Column, ColumnKind, Fields, Processed, Processor, Rows};
use crate::quarantine::Reason;
use crate::registry::Definition;

/// The definition of `activity@1`.
pub const ACTIVITY_1: Definition = Definition {
    name: "activity@1",
    about: "user, type, event time, value and what it was about, of each act",
    fields: &["id", "user", "type", "event_time", "value", "about"],
    columns: &[
        Column {
            name: "user",
            kind: ColumnKind::Text,
        },
        Column {
            name: "type",
            kind: ColumnKind::Text,
        },
        Column {
            name: "event_time",
            kind: ColumnKind::EventTime,
        },
        Column {
            name: "value",
            kind: ColumnKind::Decimal,
        },
        Column {
            name: "about",
            kind: ColumnKind::Text,
        },
    ],
    build: |fields| Box::new(Activity { fields }),
};

const ID: usize = 0;
const USER: usize = 1;
const TYPE: usize = 2;
const EVENT_TIME: usize = 3;
const VALUE: usize = 4;
const ABOUT: usize = 5;

#[derive(Debug)]
struct Activity {
    fields: Fields,
}

impl Processor for Activity {
    fn process(&self, payload: &[u8], rows: &mut Rows) -> Result<Processed, Reason> {
        let values = self.fields.read(payload)?;
        let id = rows.keep(&values.id(ID)?);
        rows.push_text(values.text(USER)?.as_deref());
        rows.push_text(values.text(TYPE)?.as_deref());
        rows.push_event_time(values.event_time(EVENT_TIME)?);
        rows.push_decimal(values.decimal(VALUE)?);
        rows.push_text(values.text(ABOUT)?.as_deref());
        Ok(Processed::Row { id })
    }
}

#[cfg(test)]
mod tests {
    use crate::registry::tests::check;

    #[test]
    fn a_purchase_becomes_a_row() {
        let paths = [
            ("id", "id"),
            ("user", "user"),
            ("type", "type"),
            ("event_time", "time"),
            ("value", "value"),
        ];
        insta::assert_snapshot!(
            check("activity@1", &paths, r#"{"id":"cdnow-000001","type":"purchase","user":"00001","time":"1997-01-01T00:00:00Z","quantity":1,"value":"11.70"}"#),
            @"cdnow-000001 | user=00001 type=purchase event_time=1997-01-01T00:00:00Z value=11.7 about=null"
        );
    }

    #[test]
    fn an_event_with_nested_fields_becomes_a_row() {
        let paths = [
            ("id", "id"),
            ("user", "actor.login"),
            ("type", "type"),
            ("event_time", "created_at"),
            ("about", "repo.name"),
        ];
        insta::assert_snapshot!(
            check("activity@1", &paths, r#"{"id":"17","type":"PushEvent","actor":{"id":1,"login":"a\u00e9"},"repo":{"name":"o/r"},"created_at":"2021-07-21T06:00:00Z"}"#),
            @"17 | user=aé type=PushEvent event_time=2021-07-21T06:00:00Z value=null about=o/r"
        );
        insta::assert_snapshot!(
            check("activity@1", &paths, r#"{"id":"17","type":"PushEvent","actor":null,"repo":{"name":"o/r"},"created_at":"2021-07-21T06:00:00Z"}"#),
            @"missing_field: `user` is missing or null"
        );
    }
}
