//! The broker's periodic look for logs to compact (`LogCleaner.java`).

use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::event::Event;
use crate::now::Now;

impl Cluster {
    /// Compacts those of a broker's logs that are dirty enough, every `log.cleaner.backoff.ms`.
    pub(crate) fn compact_logs_if_due(&mut self, now: Now, broker: BrokerId) {
        let backoff = self.state.config.settings.log_cleaner_backoff_ms;
        if self.state.topics.compacts()
            && let Some(running) = self.brokers.get_mut(&broker)
            && running.next_log_compaction <= now.monotonic
        {
            running.next_log_compaction = now.monotonic + Duration::from_millis(backoff.max(1));
            self.state.compact_logs(broker, now.wall_ms);
        }
    }
}

impl ClusterState {
    fn compact_logs(&mut self, broker: BrokerId, wall_ms: i64) {
        let settings = self.dynamic_configs.settings(broker, &self.config.settings);
        for topic in self.topics.iter_mut() {
            let Some(rules) = topic.config.compaction_rules(settings) else {
                continue;
            };
            let held = topic.partitions.iter_mut().enumerate();
            for (index, partition) in held.filter(|(_, held)| held.replica == broker) {
                if self.log_dirs.is_offline((broker, partition.log_dir)) {
                    continue;
                }
                let stable = partition.last_stable_offset();
                let producers = &partition.producers;
                let replaced = partition.log.compact(&rules, producers, stable, wall_ms);
                if !replaced.is_empty() {
                    self.events.push(Event::LogCompacted {
                        broker,
                        topic: topic.name.to_string(),
                        partition: index as i32,
                        batches: replaced.iter().map(|batch| batch.bytes().clone()).collect(),
                    });
                }
            }
        }
    }
}
