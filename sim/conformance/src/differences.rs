//! `differences.toml`: where a way is known not to do as Apache Kafka does, and why.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::case::Case;
use crate::way::Way;

/// One known difference.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// `HEADING/NAME` of the case.
    pub case: String,
    /// Where it differs.
    pub ways: Vec<Way>,
    /// Why, for the reader of the table.
    pub why: String,
    /// What these ways give instead.
    pub transcript: String,
}

/// All that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    /// One entry a case and difference.
    #[serde(default)]
    pub difference: Vec<Difference>,
}

/// Why the list can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DifferencesError {
    /// It can't be read.
    #[error("{path} can't be read: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{path}: {source}")]
    Parse {
        /// Which file.
        path: String,
        /// Where and why.
        source: toml::de::Error,
    },
    /// It names a case that there is not.
    #[error("there is no case {0}")]
    UnknownCase(String),
    /// It says twice what a way gives.
    #[error("{case} has two entries for {}", way.name())]
    Twice {
        /// The case.
        case: String,
        /// The way.
        way: Way,
    },
}

impl Differences {
    /// Reads the list and holds it against the cases.
    ///
    /// # Errors
    /// If it can't be read, or an entry can't be meant.
    pub fn read(path: &Path, cases: &[Case]) -> Result<Self, DifferencesError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| DifferencesError::Read {
            path: shown.clone(),
            source,
        })?;
        let list: Self = toml::from_str(&text).map_err(|source| DifferencesError::Parse {
            path: shown,
            source,
        })?;
        list.check(cases)?;
        Ok(list)
    }

    fn check(&self, cases: &[Case]) -> Result<(), DifferencesError> {
        let known: BTreeSet<String> = cases.iter().map(Case::path).collect();
        let mut seen = BTreeSet::new();
        for entry in &self.difference {
            if !known.contains(&entry.case) {
                return Err(DifferencesError::UnknownCase(entry.case.clone()));
            }
            for way in &entry.ways {
                if !seen.insert((entry.case.as_str(), *way)) {
                    return Err(DifferencesError::Twice {
                        case: entry.case.clone(),
                        way: *way,
                    });
                }
            }
        }
        Ok(())
    }

    /// What is known of this case in this way.
    #[must_use]
    pub fn of(&self, case: &str, way: Way) -> Option<&Difference> {
        let mut entries = self.difference.iter();
        entries.find(|entry| entry.case == case && entry.ways.contains(&way))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &[Case] = &[Case {
        heading: "commits",
        name: std::borrow::Cow::Borrowed("a"),
        program: crate::case::Program::Written(|_| {}),
    }];

    fn list(text: &str) -> Result<Differences, DifferencesError> {
        let list: Differences = toml::from_str(text).expect("TOML");
        list.check(CASES).map(|()| list)
    }

    const ENTRY: &str = "[[difference]]\ncase = \"commits/a\"\nways = [\"served\"]\nwhy = \"w\"\ntranscript = \"t\"\n";

    #[test]
    fn an_entry_is_found_by_case_and_way() {
        let list = list(ENTRY).expect("a good list");
        assert!(list.of("commits/a", Way::Served).is_some());
        assert_eq!(list.of("commits/a", Way::Simulated), None);
    }

    #[test]
    fn the_page_lists_what_the_list_holds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cases = crate::cases::all();
        let list = Differences::read(&root.join("differences.toml"), &cases).expect("a good list");
        let page = std::fs::read_to_string(root.join("../../docs/conformance.md")).expect("a page");
        let (_, table) = page
            .split_once("| case | way | why |\n|---|---|---|\n")
            .expect("a table");
        let rows = list.difference.iter().map(|entry| {
            let ways: Vec<&str> = entry.ways.iter().map(|way| way.name()).collect();
            format!(
                "| `{}` | {} | {} |\n",
                entry.case,
                ways.join(", "),
                entry.why
            )
        });
        assert_eq!(table, rows.collect::<String>());
    }

    #[test]
    fn an_entry_for_no_case_is_refused() {
        let error = list(&ENTRY.replace("commits/a", "commits/b")).expect_err("refused");
        assert_eq!(error.to_string(), "there is no case commits/b");
    }

    #[test]
    fn two_entries_for_one_way_are_refused() {
        let error = list(&format!("{ENTRY}{ENTRY}")).expect_err("refused");
        assert_eq!(error.to_string(), "commits/a has two entries for served");
    }
}
