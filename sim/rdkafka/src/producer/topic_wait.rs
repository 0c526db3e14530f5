//! Messages whose topics are not known yet: kept until metadata arrives, failed if it doesn't.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use whitewater_sim::{task, time};

use super::core::{ProducerCore, State};
use super::record::PendingRecord;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

impl ProducerCore {
    /// Keeps a message until its topic is known.
    pub(super) fn wait_for_topic(&self, state: &mut State, record: PendingRecord) {
        let topic = Arc::clone(&record.topic);
        let waiting = state.waiting.entry(Arc::clone(&topic)).or_default();
        let first = waiting.is_empty();
        waiting.push(record);
        let unassigned = TopicPartition::new(Arc::clone(&topic), -1);
        state.count(&unassigned).accepted += 1;
        if first {
            drop(task::spawn(run(Weak::clone(&self.this), topic)));
        }
    }

    /// Takes what waited for topics that are known by now, for the application's partitioner.
    pub(super) fn take_partitionable(&self) -> Vec<PendingRecord> {
        let mut state = self.lock();
        let known: Vec<Arc<str>> = state
            .waiting
            .keys()
            .filter(|topic| self.partition_count(topic).is_some())
            .cloned()
            .collect();
        known
            .into_iter()
            .flat_map(|topic| state.waiting.remove(&topic).unwrap_or_default())
            .collect()
    }

    /// Queues a message whose partition the application chose.
    pub(super) fn route_chosen(&self, state: &mut State, record: PendingRecord) {
        if record.partition < 0 {
            self.report(state, record, Err(RDKafkaErrorCode::UnknownPartition));
        } else {
            self.route(state, record);
        }
    }

    /// Queues what waited for topics that are known by now. With a partitioner of the
    /// application's that is done while it polls.
    pub(super) fn topics_updated(&self, state: &mut State) {
        let known: Vec<Arc<str>> = state
            .waiting
            .keys()
            .chain(&state.missing)
            .filter(|topic| self.partition_count(topic).is_some())
            .cloned()
            .collect();
        for topic in known {
            state.missing.remove(&topic);
            if self.custom_partitioner {
                state.wake_all();
                continue;
            }
            for record in state.waiting.remove(&topic).into_iter().flatten() {
                self.route(state, record);
            }
        }
    }
}

/// Asks for a topic's metadata until it is known; once brokers have said for
/// topic.metadata.propagation.max.ms that it does not exist, it counts as missing.
async fn run(core: Weak<ProducerCore>, topic: Arc<str>) {
    let Some((propagation_max, mut backoff)) = core.upgrade().map(|core| {
        let propagation_max = core.client.settings().metadata_propagation_max;
        (propagation_max, core.client.retry_backoff())
    }) else {
        return;
    };
    let gives_up = time::now() + propagation_max;
    let topics = BTreeSet::from([Arc::clone(&topic)]);
    let mut answered = false;
    loop {
        let Some(core) = core.upgrade() else { return };
        let deadline = core.lock().next_expiry(&topic);
        let fetched = core.client.fetch_metadata(Some(&topics), deadline).await;
        answered |= fetched.is_ok();
        let now = time::now();
        let absence = if core.is_invalid(&topic) {
            Some(RDKafkaErrorCode::InvalidTopic)
        } else {
            (answered && now >= gives_up).then_some(RDKafkaErrorCode::UnknownTopicOrPartition)
        };
        if core.waited(&topic, absence) {
            return;
        }
        drop(core);
        let pause = backoff.step();
        let left = gives_up.saturating_sub(now);
        time::sleep(if left.is_zero() {
            pause
        } else {
            pause.min(left)
        })
        .await;
    }
}

impl ProducerCore {
    /// Whether brokers refuse the topic's name, so that waiting is of no use
    /// (`rd_kafka_topic_set_notexists`).
    fn is_invalid(&self, topic: &Arc<str>) -> bool {
        let view = self.client.view();
        let topic = view.topics.get(topic);
        topic.is_some_and(|topic| topic.error == RDKafkaErrorCode::InvalidTopic)
    }

    /// Fails what has waited too long for a topic, or everything if the topic is absent, with that
    /// error. Says whether the wait is over.
    fn waited(&self, topic: &Arc<str>, absence: Option<RDKafkaErrorCode>) -> bool {
        let mut state = self.lock();
        if state.closed || self.partition_count(topic).is_some() {
            return true;
        }
        let now = time::now();
        let all = state.waiting.remove(topic).unwrap_or_default();
        let (failed, kept): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|record| absence.is_some() || record.is_expired(now));
        let over = kept.is_empty();
        if !over {
            state.waiting.insert(Arc::clone(topic), kept);
        }
        for record in failed {
            let error = match absence {
                Some(absence) if !record.is_expired(now) => absence,
                _ => RDKafkaErrorCode::MessageTimedOut,
            };
            self.report(&mut state, record, Err(error));
        }
        if absence.is_some() {
            state.missing.insert(Arc::clone(topic));
        }
        over
    }
}

impl State {
    /// When the first message that waits for a topic is given up.
    fn next_expiry(&self, topic: &Arc<str>) -> Option<Duration> {
        let waiting = self.waiting.get(topic)?;
        waiting.iter().filter_map(|record| record.expires).min()
    }
}
