//! The cluster as a client knows it: its brokers, its topics, who leads what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::MetadataResponse;
use uuid::Uuid;

use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// A topic of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicView {
    pub(crate) error: RDKafkaErrorCode,
    /// The leader of each partition, -1 for none.
    pub(crate) leaders: Vec<i32>,
}

impl TopicView {
    /// Whether the topic is there and its partitions are known.
    pub(crate) fn exists(&self) -> bool {
        self.error == RDKafkaErrorCode::NoError && !self.leaders.is_empty()
    }

    /// Whether something about the topic is not settled yet.
    fn is_unsettled(&self) -> bool {
        !self.exists() || self.leaders.contains(&-1)
    }
}

/// What the last metadata responses said.
#[derive(Debug, Default)]
pub(crate) struct ClusterView {
    pub(crate) cluster_id: Option<String>,
    pub(crate) controller_id: i32,
    /// `host:port` of each node.
    pub(crate) nodes: BTreeMap<i32, String>,
    pub(crate) topics: BTreeMap<Arc<str>, TopicView>,
    /// The names of topics by their ids.
    pub(crate) names_by_id: BTreeMap<Uuid, Arc<str>>,
    /// Counts the responses taken in.
    pub(crate) version: u64,
    /// When all topics were asked for last.
    pub(crate) all_updated: Option<Duration>,
    /// When the last response was taken in.
    pub(crate) updated: Duration,
}

impl ClusterView {
    /// Takes a response in.
    pub(crate) fn update(&mut self, response: &MetadataResponse) {
        self.version += 1;
        self.cluster_id = response.cluster_id.as_ref().map(ToString::to_string);
        self.controller_id = response.controller_id.0;
        for broker in &response.brokers {
            let server = format!("{}:{}", &*broker.host, broker.port);
            self.nodes.insert(broker.node_id.0, server);
        }
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            let mut leaders = vec![-1; topic.partitions.len()];
            for partition in &topic.partitions {
                let index = usize::try_from(partition.partition_index).unwrap_or(usize::MAX);
                if let Some(leader) = leaders.get_mut(index) {
                    *leader = partition.leader_id.0;
                }
            }
            let view = TopicView {
                error: topic.error_code.into(),
                leaders,
            };
            let name: Arc<str> = Arc::from(&***name);
            if view.exists() {
                self.names_by_id.insert(topic.topic_id, Arc::clone(&name));
            }
            self.topics.insert(name, view);
        }
    }

    /// Takes over that all topics were asked for, and that those not answered for are gone.
    pub(crate) fn forget_all_but(&mut self, response: &MetadataResponse, now: Duration) {
        self.all_updated = Some(now);
        let answered: BTreeSet<&str> = response
            .topics
            .iter()
            .filter_map(|topic| topic.name.as_ref())
            .map(|name| &***name)
            .collect();
        for (name, topic) in &mut self.topics {
            if !answered.contains(&**name) {
                topic.error = RDKafkaErrorCode::UnknownTopicOrPartition;
                topic.leaders.clear();
            }
        }
    }

    /// The node that leads a partition, if one does.
    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<i32> {
        let topic = self.topics.get(&partition.topic)?;
        let index = usize::try_from(partition.partition).ok()?;
        topic
            .leaders
            .get(index)
            .copied()
            .filter(|leader| *leader >= 0)
    }

    /// The partitions that a node leads.
    pub(crate) fn led_by(&self, node: i32) -> Vec<TopicPartition> {
        let topics = self.topics.iter();
        topics
            .flat_map(|(name, topic)| (0..).zip(&topic.leaders).map(move |of| (name, of)))
            .filter(|(_, (_, leader))| **leader == node)
            .map(|(name, (number, _))| TopicPartition::new(Arc::clone(name), number))
            .collect()
    }

    /// Those of the topics whose partitions are not all known and led.
    pub(crate) fn unsettled(&self, topics: BTreeSet<Arc<str>>) -> BTreeSet<Arc<str>> {
        topics
            .into_iter()
            .filter(|topic| self.topics.get(topic).is_none_or(TopicView::is_unsettled))
            .collect()
    }

    /// The number of partitions of the topics that exist.
    pub(crate) fn partition_counts<'a>(
        &self,
        topics: impl IntoIterator<Item = &'a Arc<str>>,
    ) -> BTreeMap<Arc<str>, i32> {
        topics
            .into_iter()
            .filter_map(|topic| {
                let view = self.topics.get(topic).filter(|view| view.exists())?;
                Some((Arc::clone(topic), view.leaders.len() as i32))
            })
            .collect()
    }
}
