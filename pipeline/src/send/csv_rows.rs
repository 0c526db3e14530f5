//! Rows of a CSV file as JSON objects: the header names the fields. Values stay texts, so that no
//! number is changed; an empty one is null, for CSV knows no other way to say it.

use std::io::BufRead;

use serde_json::{Map, Value};

/// Reads rows under a header (RFC 4180).
pub(super) struct CsvRows {
    reader: csv::Reader<Box<dyn BufRead>>,
    header: Option<csv::StringRecord>,
    row: csv::StringRecord,
}

impl CsvRows {
    pub(super) fn new(reader: Box<dyn BufRead>) -> Self {
        Self {
            reader: csv::ReaderBuilder::new().from_reader(reader),
            header: None,
            row: csv::StringRecord::new(),
        }
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> u64 {
        self.row.position().map_or(1, csv::Position::line)
    }

    /// The next row; `None` at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Vec<u8>>, csv::Error> {
        let header = match &self.header {
            Some(header) => header,
            None => self.header.insert(self.reader.headers()?.clone()),
        };
        if !self.reader.read_record(&mut self.row)? {
            return Ok(None);
        }
        let object: Map<String, Value> = header
            .iter()
            .zip(&self.row)
            .map(|(name, value)| {
                let value = match value {
                    "" => Value::Null,
                    value => Value::String(value.to_owned()),
                };
                (name.to_owned(), value)
            })
            .collect();
        Ok(Some(Value::Object(object).to_string().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_the_fields_and_values_stay_texts() {
        let text = "id,price,note\n1,167.4100,\"a \"\"b\"\", c\"\n2,,\n";
        let mut rows = CsvRows::new(Box::new(text.as_bytes()));
        let mut all = Vec::new();
        while let Some(row) = rows.next_row().unwrap() {
            all.push(String::from_utf8(row).unwrap());
        }
        insta::assert_snapshot!(all.join("\n"), @r#"
        {"id":"1","price":"167.4100","note":"a \"b\", c"}
        {"id":"2","price":null,"note":null}
        "#);
    }
}
