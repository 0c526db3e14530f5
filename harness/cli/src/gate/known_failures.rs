//! `known-failures.toml`: what may fail for now, by whom it is known, and whether it still does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use whitewater::checker::violation::ViolationKind;
use whitewater::verdict::Verdict;

use crate::setup_error::SetupError;

/// The file's name, in the scenarios' folder.
pub(crate) const FILE: &str = "known-failures.toml";

/// The file's content.
#[derive(Debug, Default)]
pub(crate) struct KnownFailures {
    entries: Vec<Known>,
    /// Places in `entries` that a seed met.
    met: BTreeSet<usize>,
}

/// One `[[known]]` entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    /// `fast/crash-restart`
    pub(crate) scenario: String,
    /// What the seed may find; anything else fails it all the same.
    pub(crate) kinds: Vec<ViolationKind>,
    /// The seeds; all of them if none is named.
    #[serde(default)]
    pub(crate) seeds: Vec<u64>,
    /// Why it is not mended yet.
    pub(crate) why: String,
}

impl Known {
    /// What it listed, for a reader who is to remove it.
    pub(crate) fn told_mended(&self) -> String {
        let kinds = serde_json::to_string(&self.kinds).unwrap_or_default();
        let kinds = kinds.replace(['[', ']', '"'], "").replace(',', ", ");
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let of = match seeds.as_slice() {
            [] => String::new(),
            seeds => format!(" of seed {}", seeds.join(", ")),
        };
        format!(
            "{} fails no more by {kinds}{of}: remove it from {FILE}",
            self.scenario
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: Vec<Known>,
}

impl KnownFailures {
    /// Reads the file of a scenarios' folder; nothing is known where there is none.
    pub(crate) fn read(scenarios: &Path, names: &[String]) -> Result<Self, SetupError> {
        let path = scenarios.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text, names),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SetupError::Read { path, source }),
        }
    }

    /// `names`: every scenario there is, so that an entry can't go on about one that is gone.
    fn parse(path: &Path, text: &str, names: &[String]) -> Result<Self, SetupError> {
        let wrong = |message: String| SetupError::KnownFailures {
            path: PathBuf::from(path),
            message,
        };
        let file: File =
            toml::from_str(text).map_err(|error| wrong(place_and_word(&error.to_string())))?;
        for known in &file.known {
            if !names.contains(&known.scenario) {
                return Err(wrong(format!("no scenario is called `{}`", known.scenario)));
            }
            if known.why.trim().is_empty() || known.kinds.is_empty() {
                let name = &known.scenario;
                return Err(wrong(format!(
                    "the entry for `{name}` needs kinds and a reason"
                )));
            }
        }
        Ok(Self {
            entries: file.known,
            met: BTreeSet::new(),
        })
    }

    /// Why a failed seed may fail, if all that it found is known; notes that the entries are met.
    pub(crate) fn excuse(
        &mut self,
        scenario: &str,
        seed: u64,
        verdict: &Verdict,
    ) -> Option<String> {
        let found: BTreeSet<ViolationKind> = verdict
            .outcome
            .violations()
            .iter()
            .map(|violation| violation.kind)
            .collect();
        let about = |known: &Known| {
            known.scenario == scenario && (known.seeds.is_empty() || known.seeds.contains(&seed))
        };
        let mut excused: BTreeSet<ViolationKind> = BTreeSet::new();
        let mut why = Vec::new();
        for (place, known) in self.entries.iter().enumerate() {
            let listed = |kind: &&ViolationKind| known.kinds.contains(*kind);
            let of_these: Vec<_> = found.iter().copied().filter(|kind| listed(&kind)).collect();
            if about(known) && !of_these.is_empty() {
                excused.extend(of_these);
                self.met.insert(place);
                why.push(known.why.trim());
            }
        }
        let all = !found.is_empty() && found.iter().all(|kind| excused.contains(kind));
        all.then(|| why.join("; "))
    }

    /// Entries for a scenario that no seed met although all that they name ran (`ran` says which
    /// seeds did). They can be removed.
    pub(crate) fn mended(&self, scenario: &str, ran: &dyn Fn(u64) -> bool) -> Vec<&Known> {
        self.entries
            .iter()
            .enumerate()
            .filter(|(place, known)| {
                known.scenario == scenario
                    && !self.met.contains(place)
                    && known.seeds.iter().all(|seed| ran(*seed))
            })
            .map(|(_, known)| known)
            .collect()
    }
}

/// What TOML says, without the list of every word that there is.
fn place_and_word(error: &str) -> String {
    let end = error.find(", expected one of").unwrap_or(error.len());
    error[..end].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use whitewater::checker::violation::Violation;
    use whitewater::verdict::Outcome;

    use super::*;

    const TEXT: &str = r#"
[[known]]
scenario = "fast/steady"
kinds = ["lost"]
seeds = [3, 7]
why = "offsets are lost when the log dir fills"

[[known]]
scenario = "fast/steady"
kinds = ["not-drained"]
why = "slow by design"
"#;

    fn parsed(text: &str) -> Result<KnownFailures, SetupError> {
        KnownFailures::parse(Path::new(FILE), text, &["fast/steady".to_owned()])
    }

    fn found(kinds: &[ViolationKind]) -> Verdict {
        let mut verdict = Verdict::unknown("");
        let violations = kinds.iter().map(|kind| Violation::new(*kind, "found"));
        verdict.outcome = Outcome::of(violations.collect());
        verdict
    }

    #[test]
    fn only_what_is_listed_is_excused() {
        use ViolationKind::{Doubled, Lost, NotDrained};
        let mut known = parsed(TEXT).expect("well written");
        let mut why =
            |seed, kinds: &[ViolationKind]| known.excuse("fast/steady", seed, &found(kinds));
        assert_eq!(
            why(3, &[Lost, Lost]).as_deref(),
            Some("offsets are lost when the log dir fills")
        );
        assert_eq!(
            why(7, &[Lost, NotDrained]).as_deref(),
            Some("offsets are lost when the log dir fills; slow by design")
        );
        assert_eq!(why(4, &[Lost]), None);
        assert_eq!(why(3, &[Lost, Doubled]), None);
        assert_eq!(why(3, &[]), None);
        assert_eq!(known.excuse("fast/other", 3, &found(&[Lost])), None);
    }

    #[test]
    fn an_entry_that_no_seed_met_is_mended_if_its_seeds_ran() {
        let mut known = parsed(TEXT).expect("well written");
        let whys = |known: &KnownFailures, ran: &dyn Fn(u64) -> bool| {
            let mended = known.mended("fast/steady", ran);
            mended
                .into_iter()
                .map(|known| known.kinds.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(whys(&known, &|_| true).len(), 2);
        assert_eq!(
            whys(&known, &|seed| seed < 5),
            [vec![ViolationKind::NotDrained]]
        );
        assert_eq!(
            known.mended("fast/steady", &|_| true)[0].told_mended(),
            "fast/steady fails no more by lost of seed 3, 7: remove it from known-failures.toml"
        );
        known.excuse("fast/steady", 3, &found(&[ViolationKind::Lost]));
        assert_eq!(whys(&known, &|_| true), [vec![ViolationKind::NotDrained]]);
    }

    #[test]
    fn an_entry_must_be_about_something() {
        let errors = [
            TEXT.replace("fast/steady", "fast/staedy"),
            TEXT.replace("slow by design", " "),
            TEXT.replace("\"not-drained\"", "\"not-draind\""),
            TEXT.replace("seeds", "seed"),
        ]
        .map(|text| parsed(&text).expect_err("refused").to_string());
        insta::assert_snapshot!(errors.join("\n"));
    }
}
