//! The consumer behind its handles: its state, and who works on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use futures_channel::oneshot;
use whitewater_sim::{task, time};

use super::fetcher::Fetcher;
use super::group_membership::Group;
use super::offset_commit::DeferredCommit;
use super::op_queue::{Op, OpQueue};
use super::partition::{FetchState, Partition};
use crate::client::core::{ClientCore, ClientEvents};
use crate::config::ConsumerSettings;
use crate::statistics::Statistics;
use crate::topic_partition::TopicPartition;
use crate::types::RDKafkaErrorCode;

/// A consumer. Everything it does in the background is done by plain tasks that hold one.
pub(super) struct ConsumerCore {
    pub(super) client: Arc<ClientCore>,
    pub(super) this: Weak<ConsumerCore>,
    state: Mutex<State>,
}

/// The consumer's state; never locked across a suspension.
pub(super) struct State {
    pub(super) queue: OpQueue,
    /// Queues of partitions that were split off.
    pub(super) split: BTreeMap<TopicPartition, OpQueue>,
    pub(super) partitions: BTreeMap<TopicPartition, Partition>,
    pub(super) assignment: Assignment,
    pub(super) group: Group,
    pub(super) fetchers: BTreeMap<i32, Fetcher>,
    /// Commits whose outcome is not known yet.
    pub(super) commits_in_progress: usize,
    /// Done when the outcome of the commit that was sent last has been acted on.
    pub(super) previous_commit: Option<oneshot::Receiver<()>>,
    /// Commits that wait for a coordinator.
    pub(super) deferred_commits: Vec<DeferredCommit>,
    /// When the application last polled; none while it is polling.
    pub(super) last_poll: Option<Duration>,
    pub(super) timer_task: Option<Waker>,
    /// Topics that the application named in a call on a single partition: librdkafka then knows
    /// them, whether they exist or not.
    pub(super) named_topics: BTreeSet<Arc<str>>,
    pub(super) closed: bool,
}

/// The present assignment, by the application's calls (rdkafka_assignment.c).
#[derive(Default)]
pub(super) struct Assignment {
    /// All partitions, with the offsets they were assigned with.
    pub(super) all: BTreeMap<TopicPartition, i64>,
    /// Not started yet.
    pub(super) pending: BTreeMap<TopicPartition, i64>,
    /// Their committed offsets are being fetched.
    pub(super) queried: BTreeSet<TopicPartition>,
    /// Unassigned, their stored offsets not committed yet.
    pub(super) removed: Vec<TopicPartition>,
}

impl ConsumerCore {
    /// Starts the background work of a consumer in the calling process.
    pub(super) fn start(client: Arc<ClientCore>) -> Arc<Self> {
        let group = Group::new(&client.settings().consumer);
        let core = Arc::new_cyclic(|this| Self {
            client,
            this: Weak::clone(this),
            state: Mutex::new(State {
                queue: OpQueue::default(),
                split: BTreeMap::new(),
                partitions: BTreeMap::new(),
                assignment: Assignment::default(),
                group,
                fetchers: BTreeMap::new(),
                commits_in_progress: 0,
                previous_commit: None,
                deferred_commits: Vec::new(),
                last_poll: Some(time::now()),
                timer_task: None,
                named_topics: BTreeSet::new(),
                closed: false,
            }),
        });
        let events: Weak<dyn ClientEvents> = core.this.clone();
        core.client.set_events(events);
        if core.settings().group_id.is_some() {
            drop(task::spawn(super::group_timers::run(Weak::clone(
                &core.this,
            ))));
            core.find_coordinator(&mut core.lock());
        }
        core
    }

    pub(super) fn settings(&self) -> &ConsumerSettings {
        &self.client.settings().consumer
    }

    /// Held for moves of plain data only: user code never runs inside.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops all background work.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.wake_timers();
        for fetcher in state.fetchers.values_mut() {
            fetcher.wake();
        }
        if let Some(coordinator) = state.group.coordinator.take() {
            coordinator.close();
        }
        drop(state);
        self.client.close();
    }
}

impl ClientEvents for ConsumerCore {
    fn client_error(&self, code: RDKafkaErrorCode, reason: String) {
        self.lock().queue.push(Op::Error {
            code,
            reason,
            fatal: false,
        });
    }

    fn view_updated(&self) {
        let mut state = self.lock();
        self.kick_fetchers(&mut state);
        self.report_absent_partitions(&mut state);
        self.check_subscription(&mut state);
    }

    fn add_statistics(&self, statistics: &mut Statistics) {
        self.add_consumer_statistics(statistics);
    }

    fn statistics(&self, json: Vec<u8>) {
        self.lock().queue.push_urgent(Op::Statistics(json));
    }
}

impl State {
    /// The entry of a partition, made if need be.
    pub(super) fn partition(&mut self, partition: &TopicPartition) -> &mut Partition {
        self.partitions
            .entry(partition.clone())
            .or_insert_with(Partition::new)
    }

    /// The queue that a partition's messages go to.
    pub(super) fn queue_of(&mut self, partition: &TopicPartition) -> &mut OpQueue {
        match self.split.get_mut(partition) {
            Some(split) => split,
            None => &mut self.queue,
        }
    }

    /// Drops what was fetched of a partition; fetching goes on from its start offset. An offset
    /// lookup that is under way goes on, as nothing was fetched yet.
    pub(super) fn void_fetched(&mut self, partition: &TopicPartition) {
        self.queue_of(partition).purge(partition);
        let entry = self.partition(partition);
        if entry.fetch != FetchState::OffsetQuery {
            entry.void_fetched();
        }
    }

    /// Adds an error to the consumer queue.
    pub(super) fn push_error(&mut self, code: RDKafkaErrorCode, reason: impl Into<String>) {
        self.queue.push(Op::Error {
            code,
            reason: reason.into(),
            fatal: false,
        });
    }

    /// Has the timers look again.
    pub(super) fn wake_timers(&mut self) {
        if let Some(task) = self.timer_task.take() {
            task.wake();
        }
    }
}
