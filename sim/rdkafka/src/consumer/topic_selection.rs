//! Which topics of the view a subscription means (`rd_kafka_metadata_topic_match`,
//! `rd_kafka_metadata_topic_filter`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::core::ConsumerCore;
use super::group_join::TopicCounts;
use crate::topic_patterns::TopicPatterns;
use crate::types::RDKafkaErrorCode;

/// What a subscription comes to.
pub(super) struct Selected {
    /// The topics that are there, with the numbers of their partitions.
    pub(super) counts: TopicCounts,
    /// What is not there: a topic, or a pattern that no topic matches.
    pub(super) missing: BTreeMap<Arc<str>, RDKafkaErrorCode>,
}

impl ConsumerCore {
    /// The topics that a subscription means, but for those on the blacklist.
    pub(super) fn select_topics(&self, subscription: &BTreeSet<Arc<str>>) -> Selected {
        // It was checked when it was subscribed to.
        let patterns = TopicPatterns::new(subscription).unwrap_or_default();
        if patterns.has_expressions() {
            self.match_topics(subscription, &patterns)
        } else {
            self.filter_topics(subscription)
        }
    }

    fn filter_topics(&self, subscription: &BTreeSet<Arc<str>>) -> Selected {
        let blacklist = &self.client.settings().topic_blacklist;
        let topics = || {
            subscription
                .iter()
                .filter(|topic| !blacklist.matches(topic))
        };
        let view = self.client.view();
        let missing = topics().filter_map(|topic| {
            let error = view.topics.get(topic)?.error;
            (error != RDKafkaErrorCode::NoError).then(|| (Arc::clone(topic), error))
        });
        Selected {
            missing: missing.collect(),
            counts: view.partition_counts(topics()),
        }
    }

    /// With patterns, all topics are known: what matches none of them is not there.
    fn match_topics(
        &self,
        subscription: &BTreeSet<Arc<str>>,
        patterns: &TopicPatterns,
    ) -> Selected {
        let blacklist = &self.client.settings().topic_blacklist;
        let view = self.client.view();
        let mut unmatched: BTreeSet<&Arc<str>> = subscription.iter().collect();
        let mut missing = BTreeMap::new();
        let mut there = Vec::new();
        for (name, topic) in &view.topics {
            if blacklist.matches(name) {
                continue;
            }
            let before = unmatched.len();
            for pattern in patterns.meaning(name) {
                unmatched.remove(pattern);
            }
            let is_meant = unmatched.len() < before || patterns.matches(name);
            if is_meant && topic.error != RDKafkaErrorCode::NoError {
                missing.insert(Arc::clone(name), topic.error);
            } else if is_meant {
                there.push(name);
            }
        }
        for pattern in unmatched {
            let error = RDKafkaErrorCode::UnknownTopicOrPartition;
            missing.entry(Arc::clone(pattern)).or_insert(error);
        }
        Selected {
            counts: view.partition_counts(there),
            missing,
        }
    }
}
