//! The cases, a file a heading.

mod admin;
mod altering;
mod commits;
mod compaction;
mod configuration;
mod consumer_protocol;
mod consuming;
mod deletion;
mod ends;
mod groups;
mod metadata;
mod patterns;
mod positions;
mod producing;
mod static_members;
mod statistics;
mod stored_offsets;
mod transactions;

mod gate;

pub use gate::IN_EVERY_GATE;

use crate::case::Case;

/// How many drawn programs have transcripts of Apache Kafka's.
pub(crate) const DRAWN: u64 = 300;

/// Every case that has a transcript.
#[must_use]
pub fn all() -> Vec<Case> {
    let written = [
        admin::CASES,
        altering::CASES,
        commits::CASES,
        compaction::CASES,
        configuration::CASES,
        consumer_protocol::CASES,
        consuming::CASES,
        deletion::CASES,
        ends::CASES,
        groups::CASES,
        metadata::CASES,
        patterns::CASES,
        positions::CASES,
        producing::CASES,
        static_members::CASES,
        statistics::CASES,
        stored_offsets::CASES,
        transactions::CASES,
    ]
    .concat();
    let drawn = (1..=DRAWN).map(Case::drawn);
    written.into_iter().chain(drawn).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_path_of_its_own_and_a_gate_names_cases() {
        let cases = all();
        let paths: BTreeSet<String> = cases.iter().map(Case::path).collect();
        assert_eq!(paths.len(), cases.len());
        for name in IN_EVERY_GATE {
            assert!(paths.contains(*name), "there is no case {name}");
        }
        assert!(IN_EVERY_GATE.len() >= 40);
    }

    #[test]
    fn every_transcript_belongs_to_a_case() {
        let paths: BTreeSet<String> = all().iter().map(Case::path).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("expected");
        for heading in std::fs::read_dir(folder).expect("transcripts") {
            let heading = heading.expect("a folder").path();
            for file in std::fs::read_dir(&heading).expect("a folder") {
                let path = file.expect("a file").path().with_extension("");
                let mut parts = path.iter().rev();
                let (name, heading) = (parts.next(), parts.next());
                let case = [heading, name].map(|part| part.expect("two parts").to_string_lossy());
                assert!(
                    paths.contains(&case.join("/")),
                    "no case {}",
                    case.join("/")
                );
            }
        }
    }
}
