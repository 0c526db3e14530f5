//! The word that was probably meant.

/// The candidate nearest to `word`, if one is near.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What is in backticks in one of serde's messages: the wrong word first, then those expected.
pub(super) fn quoted_words(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        let keys = ["partitions", "brokers", "at"];
        assert_eq!(nearest("partition", keys), Some("partitions"));
        assert_eq!(nearest("brokres", keys), Some("brokers"));
        assert_eq!(nearest("zzz", keys), None);
    }

    #[test]
    fn words_of_a_message() {
        assert_eq!(
            quoted_words("unknown field `a`, expected `b` or `c`"),
            ["a", "b", "c"]
        );
    }
}
