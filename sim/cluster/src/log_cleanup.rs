//! The broker's periodic look for segments to delete (`LogManager.cleanupLogs`).

use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster_state::ClusterState;
use crate::config::BrokerId;
use crate::event::Event;
use crate::now::Now;

impl Cluster {
    /// Deletes old segments of a broker's logs, every `log.retention.check.interval.ms`.
    pub(crate) fn clean_logs_if_due(&mut self, now: Now, broker: BrokerId) {
        let interval = self.state.config.settings.log_retention_check_interval_ms;
        if let Some(running) = self.brokers.get_mut(&broker)
            && running.next_log_cleanup <= now.monotonic
        {
            running.next_log_cleanup = now.monotonic + Duration::from_millis(interval.max(1));
            self.state.clean_logs(broker, now.wall_ms);
        }
    }
}

impl ClusterState {
    fn clean_logs(&mut self, broker: BrokerId, wall_ms: i64) {
        let settings = self.dynamic_configs.settings(broker, &self.config.settings);
        for topic in self.topics.iter_mut() {
            let rules = topic.config.retention_rules(settings);
            let held = topic.partitions.iter_mut().enumerate();
            for (index, partition) in held.filter(|(_, held)| held.replica == broker) {
                // What is not committed stays, and so does what is before it until the next look.
                let uncommitted = partition.high_watermark() < partition.log.log_end_offset();
                if uncommitted || self.log_dirs.is_offline((broker, partition.log_dir)) {
                    continue;
                }
                let mut from = partition.log.log_start_offset();
                for deletion in partition.log.delete_old_segments(&rules, wall_ms) {
                    let to = deletion.end_offset().max(from);
                    let (topic, partition) = (topic.name.to_string(), index as i32);
                    if to > from {
                        self.events.push(Event::LogStartOffsetMoved {
                            broker,
                            topic: topic.clone(),
                            partition,
                            from,
                            to,
                            reason: deletion.reason.name(),
                        });
                        from = to;
                    }
                    self.events.push(Event::SegmentsDeleted {
                        broker,
                        topic,
                        partition,
                        batches: deletion.batches.iter().map(|b| b.bytes().clone()).collect(),
                    });
                }
            }
        }
    }
}
