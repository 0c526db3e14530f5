//! The processors there are, by `name@version`.

use std::collections::BTreeMap;

use crate::activity::ACTIVITY_1;
use crate::field_path::{Extractor, FieldPath, OverlapError};
use crate::processor::{Column, Fields, Processor};
use crate::trades::{TRADES_1, TRADES_2};

/// Every processor. A version, once released, never changes what it makes of a payload.
pub const DEFINITIONS: &[Definition] = &[TRADES_1, TRADES_2, ACTIVITY_1];

/// A processor version and what it needs.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// `name@version`; also the name of its result set.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// The fields that may be given a path. The first is the message id, which must have one.
    pub fields: &'static [&'static str],
    /// The identity columns of its result set, after the message id.
    pub columns: &'static [Column],
    /// Makes the processor.
    pub build: fn(Fields) -> Box<dyn Processor>,
}

/// Finds a processor by `name@version`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    DEFINITIONS
        .iter()
        .find(|definition| definition.name == name)
}

impl Definition {
    /// The processor, reading its fields where `paths` says. Fields that are not in `paths` are null.
    ///
    /// # Errors
    /// If one path runs through another.
    pub fn processor(
        &self,
        paths: &BTreeMap<String, FieldPath>,
    ) -> Result<Box<dyn Processor>, OverlapError> {
        let paths: Vec<Option<FieldPath>> = self
            .fields
            .iter()
            .map(|field| paths.get(*field).cloned())
            .collect();
        let configured = paths.iter().map(Option::is_some).collect();
        let extractor = Extractor::new(&paths)?;
        Ok((self.build)(Fields::new(
            self.fields,
            configured,
            extractor,
        )))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::event_time;
    use crate::processor::{Processed, Rows, Value};

    /// One line: the row, or why there is none.
    pub(crate) fn check(name: &str, paths: &[(&str, &str)], payload: &str) -> String {
        let definition = find(name).unwrap();
        let paths = paths
            .iter()
            .map(|(field, path)| ((*field).to_owned(), FieldPath::dotted(path).unwrap()))
            .collect();
        let processor = definition.processor(&paths).unwrap();
        let mut rows = Rows::default();
        let mark = rows.mark();
        match processor.process(payload.as_bytes(), &mut rows) {
            Err(reason) => reason.to_string(),
            Ok(Processed::Filtered) => "filtered".to_owned(),
            Ok(Processed::Row { id }) => {
                let values = rows.values(&rows.row_since(&mark)).to_vec();
                assert_eq!(values.len(), definition.columns.len());
                let columns: Vec<String> = definition
                    .columns
                    .iter()
                    .zip(values)
                    .map(|(column, value)| {
                        let value = match value {
                            Value::Null => "null".to_owned(),
                            Value::Text(range) => rows.text(&range).to_owned(),
                            Value::EventTime(time) => event_time::format(time),
                        };
                        format!("{}={value}", column.name)
                    })
                    .collect();
                format!("{} | {}", rows.text(&id), columns.join(" "))
            }
        }
    }

    #[test]
    fn names_are_unique_and_versioned() {
        let mut names: Vec<_> = DEFINITIONS
            .iter()
            .map(|definition| definition.name)
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DEFINITIONS.len());
        for definition in DEFINITIONS {
            let (name, version) = definition.name.split_once('@').unwrap();
            assert!(name.chars().all(|letter| letter.is_ascii_lowercase()));
            assert!(version.parse::<u32>().is_ok());
            assert_eq!(definition.fields[0], "id");
        }
    }
}
