//! Which topics are meant by names and patterns: subscriptions, and `topic.blacklist`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::posix_regex::PosixRegex;

/// Names, and regular expressions, which begin with `^` (`rd_kafka_topic_match`).
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicPatterns {
    names: BTreeSet<Arc<str>>,
    expressions: Vec<(Arc<str>, PosixRegex)>,
}

impl TopicPatterns {
    /// Takes names and patterns apart; none if one of them is no regular expression.
    pub(crate) fn new<'a>(topics: impl IntoIterator<Item = &'a Arc<str>>) -> Option<Self> {
        let mut patterns = Self::default();
        for topic in topics {
            if is_pattern(topic) {
                let expression = PosixRegex::new(topic)?;
                patterns.expressions.push((Arc::clone(topic), expression));
            } else {
                patterns.names.insert(Arc::clone(topic));
            }
        }
        Some(patterns)
    }

    /// Reads a list that is separated by commas, which no pattern can hold
    /// (`rd_kafka_pattern_list_parse`).
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let topics: Vec<Arc<str>> = list.split(',').map(Arc::from).collect();
        Self::new(&topics)
    }

    /// Whether topics must be looked for.
    pub(crate) fn has_expressions(&self) -> bool {
        !self.expressions.is_empty()
    }

    /// The names and the patterns that mean this topic.
    pub(crate) fn meaning<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a Arc<str>> {
        let expressions = self.expressions.iter();
        let matching = expressions.filter(move |(_, expression)| expression.is_match(topic));
        let names = self.names.get(topic).into_iter();
        names.chain(matching.map(|(text, _)| text))
    }

    /// Whether the topic is meant.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        self.meaning(topic).next().is_some()
    }
}

/// Whether this is a pattern, not a name.
pub(crate) fn is_pattern(topic: &str) -> bool {
    topic.starts_with('^')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_names_and_patterns() {
        let patterns = TopicPatterns::parse("a,^b.,,^c$").unwrap();
        assert!(patterns.matches("a") && !patterns.matches("ab"));
        assert!(patterns.matches("bcd") && !patterns.matches("b"));
        assert!(patterns.matches("c") && !patterns.matches("cd"));
        assert!(TopicPatterns::parse("a,^(").is_none());
        assert!(!TopicPatterns::parse("").unwrap().matches("a"));
    }
}
