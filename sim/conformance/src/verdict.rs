//! Holds what a case gave against what Apache Kafka gave.

use similar::TextDiff;

use crate::differences::Difference;

/// Why a case fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// It gave something else, and nobody knew.
    #[error("unlike Apache Kafka (-), and not listed in differences.toml:\n{0}")]
    Kafka(String),
    /// It gave something else than the list says.
    #[error("unlike what differences.toml says (-):\n{0}")]
    Listed(String),
    /// It does as Apache Kafka does, but is listed as different.
    #[error("does as Apache Kafka does: remove its entry from differences.toml")]
    Mended,
}

/// Judges a transcript: as Apache Kafka's, or different just as the list says.
///
/// # Errors
/// If it is neither.
pub fn judge(kafka: &str, known: Option<&Difference>, given: &str) -> Result<(), Unlike> {
    match known {
        None if given == kafka => Ok(()),
        None => Err(Unlike::Kafka(diff(kafka, given))),
        Some(_) if given == kafka => Err(Unlike::Mended),
        Some(known) if given.trim() == known.transcript.trim() => Ok(()),
        Some(known) => Err(Unlike::Listed(diff(&known.transcript, given))),
    }
}

/// What a program without a transcript must not show: a gap in what a member is given, which no
/// transcript of Apache Kafka's has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a member was not given what comes next:\n{0}")]
pub struct Gap(String);

/// Judges a transcript that nothing can be held against.
///
/// # Errors
/// If it shows what none of Apache Kafka's does.
pub fn judge_alone(given: &str) -> Result<(), Gap> {
    match given.lines().any(|line| line.starts_with("GAP")) {
        true => Err(Gap(given.to_owned())),
        false => Ok(()),
    }
}

fn diff(expected: &str, given: &str) -> String {
    TextDiff::from_lines(expected, given)
        .unified_diff()
        .context_radius(100)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::way::Way;

    fn known(transcript: &str) -> Difference {
        Difference {
            case: "commits/a".to_owned(),
            ways: vec![Way::Served],
            why: "it is simpler".to_owned(),
            transcript: transcript.to_owned(),
        }
    }

    #[test]
    fn the_same_is_right_and_anything_else_is_shown() {
        assert_eq!(judge("a\nb\n", None, "a\nb\n"), Ok(()));
        let error = judge("a\nb\n", None, "a\nc\n").expect_err("unlike");
        assert!(error.to_string().ends_with(" a\n-b\n+c\n"), "{error}");
    }

    #[test]
    fn a_gap_is_an_error_by_itself() {
        assert_eq!(judge_alone("member 0 reads 0: [1, 2]\n"), Ok(()));
        assert!(judge_alone("a\nGAP before 0@3\n").is_err());
    }

    #[test]
    fn a_listed_difference_must_be_there_and_be_the_listed_one() {
        assert_eq!(judge("a\n", Some(&known("b")), "b\n"), Ok(()));
        assert_eq!(judge("a\n", Some(&known("b")), "a\n"), Err(Unlike::Mended));
        let error = judge("a\n", Some(&known("b")), "c\n").expect_err("unlike");
        assert!(matches!(error, Unlike::Listed(_)));
    }
}
