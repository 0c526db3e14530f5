//! Rows that no processor can read, made from good ones.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::path::{at, parent_mut};
use super::record::{Malformed, Row};

/// Fields with a decimal, in the generators' records and in the real files.
const DECIMAL_FIELDS: [&str; 2] = ["price", "value"];

/// More digits than the 28 or so that a 96-bit decimal holds.
const HUGE: &str = "99999999999999999999999999999999999999.5";

/// A malformed relative of `row`, with an id of its own where an id can be read.
pub(super) fn make(
    row: &Row,
    id_path: &str,
    number: u64,
    random: &mut ChaCha8Rng,
) -> (Malformed, Row) {
    let kinds = [
        Malformed::NotJson,
        Malformed::Truncated,
        Malformed::MissingField,
        Malformed::WrongType,
        Malformed::HugeDecimal,
    ];
    let kind = kinds[random.random_range(0..kinds.len())];
    let unreadable = |kind, payload| {
        let row = Row {
            id: None,
            key: row.key.clone(),
            payload,
        };
        (kind, row)
    };
    let Ok(mut payload) = serde_json::from_slice::<Value>(&row.payload) else {
        return unreadable(Malformed::NotJson, row.payload.clone());
    };
    let id = row.id.as_ref().map(|id| format!("{id}-bad{number}"));
    if let (Some(id), Some((parent, name))) = (&id, parent_mut(&mut payload, id_path)) {
        parent.insert(name.to_owned(), json!(id));
    }
    match kind {
        Malformed::NotJson => return unreadable(kind, b"price=12,50;quantity=ten".to_vec()),
        Malformed::Truncated => {
            let text = payload.to_string();
            return unreadable(kind, text.as_bytes()[..text.len() / 2].to_vec());
        }
        Malformed::MissingField | Malformed::WrongType | Malformed::HugeDecimal => {}
    }
    let (kind, field) = spoil(&mut payload, kind, id_path, random);
    let spoiled = Row {
        id: id.filter(|_| field != id_path),
        key: row.key.clone(),
        payload: payload.to_string().into_bytes(),
    };
    (kind, spoiled)
}

/// Spoils one field; says how and which. Without a decimal to blow up, the id goes missing.
fn spoil<'p>(
    payload: &mut Value,
    kind: Malformed,
    id_path: &'p str,
    random: &mut ChaCha8Rng,
) -> (Malformed, &'p str) {
    let decimals: Vec<&'static str> = DECIMAL_FIELDS
        .into_iter()
        .filter(|field| at(payload, field).is_some())
        .collect();
    let required: Vec<&'p str> = decimals.iter().copied().chain([id_path]).collect();
    let (kind, field) = match (kind, decimals.choose(random)) {
        (Malformed::HugeDecimal, Some(decimal)) => (kind, *decimal),
        (Malformed::HugeDecimal, None) => (Malformed::MissingField, id_path),
        _ => (kind, required.choose(random).copied().unwrap_or(id_path)),
    };
    if let Some((parent, name)) = parent_mut(payload, field) {
        match kind {
            Malformed::WrongType => {
                let value = parent[name].take();
                parent.insert(name.to_owned(), json!([value]));
            }
            // A number that is written without quotes stays one.
            Malformed::HugeDecimal if parent[name].is_number() => {
                parent.insert(name.to_owned(), json!(1e38));
            }
            Malformed::HugeDecimal => {
                parent.insert(name.to_owned(), json!(HUGE));
            }
            Malformed::MissingField | Malformed::NotJson | Malformed::Truncated => {
                parent.shift_remove(name);
            }
        }
    }
    (kind, field)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_kind_of_malformed_row_occurs() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let good = Row {
            id: Some("IBM-000001".to_owned()),
            key: Some("IBM".to_owned()),
            payload: br#"{"id":"IBM-000001","price":"10.5","quantity":100}"#.to_vec(),
        };
        let mut examples = BTreeMap::new();
        for number in 0..60 {
            let (kind, row) = make(&good, "id", number, &mut random);
            let text = String::from_utf8_lossy(&row.payload).into_owned();
            examples
                .entry((kind, row.id.is_some()))
                .or_insert(format!("{:?} {text}", row.id));
        }
        let lines: Vec<String> = examples
            .iter()
            .map(|((kind, _), text)| format!("{kind:?}: {text}"))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        NotJson: None price=12,50;quantity=ten
        Truncated: None {"id":"IBM-000001-bad5","pr
        MissingField: None {"price":"10.5","quantity":100}
        MissingField: Some("IBM-000001-bad16") {"id":"IBM-000001-bad16","quantity":100}
        WrongType: None {"id":["IBM-000001-bad3"],"price":"10.5","quantity":100}
        WrongType: Some("IBM-000001-bad1") {"id":"IBM-000001-bad1","price":["10.5"],"quantity":100}
        HugeDecimal: Some("IBM-000001-bad2") {"id":"IBM-000001-bad2","price":"99999999999999999999999999999999999999.5","quantity":100}
        "#);
    }

    #[test]
    fn a_row_without_a_decimal_loses_its_id_instead() {
        let mut payload = json!({"id": "7", "actor": {"login": "ann"}});
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let done = spoil(&mut payload, Malformed::HugeDecimal, "id", &mut random);
        assert_eq!(done, (Malformed::MissingField, "id"));
        assert_eq!(payload, json!({"actor": {"login": "ann"}}));
    }
}
