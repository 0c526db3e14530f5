//! The messages that wait for one partition, and when a batch of them is due. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use super::record::PendingRecord;
use crate::config::ProducerSettings;

/// What to do with a queue now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a batch.
    Batch,
    /// Nothing before this time.
    At(Duration),
    /// Nothing until a message comes.
    Idle,
}

/// The queue of one partition, in the order of the messages' ids.
#[derive(Debug, Default)]
pub(super) struct PartitionQueue {
    records: VecDeque<PendingRecord>,
    bytes: usize,
    /// No batch before this time: the last one failed.
    pub(super) backoff_until: Duration,
    /// Messages up to this id do not wait for `linger.ms`: somebody flushes.
    expedited: Option<u64>,
}

impl PartitionQueue {
    /// Adds a message. One that is sent again goes to its old place.
    pub(super) fn insert(&mut self, record: PendingRecord) {
        self.bytes += record.size;
        let index = self
            .records
            .iter()
            .rposition(|queued| queued.id < record.id)
            .map_or(0, |before| before + 1);
        self.records.insert(index, record);
    }

    /// What is queued.
    pub(super) fn records(&self) -> impl Iterator<Item = &PendingRecord> {
        self.records.iter()
    }

    /// Sends what is queued without waiting for more.
    pub(super) fn expedite(&mut self) {
        self.expedited = self
            .records
            .back()
            .map(|record| record.id)
            .max(self.expedited);
    }

    /// When a batch is due.
    pub(super) fn due(&self, now: Duration, settings: &ProducerSettings) -> Due {
        let Some(first) = self.records.front() else {
            return Due::Idle;
        };
        let full =
            self.records.len() >= settings.batch_num_messages || self.bytes >= settings.batch_size;
        let expedited = self.expedited.is_some_and(|id| first.id <= id);
        let ready_at = if full || expedited || first.attempts > 0 {
            Duration::ZERO
        } else {
            first.send_by
        };
        let ready_at = ready_at.max(self.backoff_until);
        if ready_at <= now {
            return Due::Batch;
        }
        let expires = self
            .records
            .iter()
            .filter_map(|record| record.expires)
            .min();
        Due::At(expires.map_or(ready_at, |expires| expires.min(ready_at)))
    }

    /// Takes the next batch. What was sent before under the same generation of producer ids makes
    /// the same batch again.
    pub(super) fn take_batch(
        &mut self,
        settings: &ProducerSettings,
        generation: u32,
    ) -> Vec<PendingRecord> {
        let mut batch: Vec<PendingRecord> = Vec::new();
        let mut bytes = 0;
        let sent_until = |record: &PendingRecord| {
            let sequenced = record.sequenced;
            let sequenced = sequenced.filter(|sequenced| sequenced.generation == generation);
            sequenced.map(|sequenced| sequenced.batch_last_id)
        };
        let until = self.records.front().and_then(sent_until);
        while let Some(first) = self.records.front() {
            bytes += first.size;
            let fits = match until {
                Some(last_id) => first.id <= last_id,
                None => {
                    sent_until(first).is_none()
                        && (batch.is_empty()
                            || (batch.len() < settings.batch_num_messages
                                && bytes <= settings.batch_size))
                }
            };
            if !fits {
                break;
            }
            batch.extend(self.records.pop_front());
        }
        self.bytes -= batch.iter().map(|record| record.size).sum::<usize>();
        batch
    }

    /// Takes the messages whose time is up.
    pub(super) fn take_expired(&mut self, now: Duration) -> Vec<PendingRecord> {
        if !self.records.iter().any(|record| record.is_expired(now)) {
            return Vec::new();
        }
        let (expired, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.records)
            .into_iter()
            .partition(|record| record.is_expired(now));
        self.records = kept.into();
        self.bytes -= expired.iter().map(|record| record.size).sum::<usize>();
        expired
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> Vec<PendingRecord> {
        self.bytes = 0;
        std::mem::take(&mut self.records).into()
    }

    /// When the first of the messages is given up.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.records
            .iter()
            .filter_map(|record| record.expires)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientConfig;
    use crate::record_batch::RecordContent;
    use crate::types::RDKafkaType;

    use super::super::record::Sequenced;

    fn settings(batch_num_messages: usize) -> ProducerSettings {
        let native = ClientConfig::new()
            .set("batch.num.messages", batch_num_messages.to_string())
            .create_native_config()
            .unwrap();
        native
            .settings(RDKafkaType::RD_KAFKA_PRODUCER)
            .unwrap()
            .producer
    }

    fn record(id: u64, send_by_ms: u64, expires_ms: u64) -> PendingRecord {
        PendingRecord {
            id,
            topic: "t".into(),
            partition: 0,
            content: RecordContent::default(),
            size: 10,
            send_by: Duration::from_millis(send_by_ms),
            expires: Some(Duration::from_millis(expires_ms)),
            attempts: 0,
            sequenced: None,
        }
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_batch_is_due_when_the_first_has_lingered_or_it_is_full() {
        let settings = settings(2);
        let mut queue = PartitionQueue::default();
        assert_eq!(queue.due(ms(0), &settings), Due::Idle);
        queue.insert(record(1, 5, 100));
        assert_eq!(queue.due(ms(0), &settings), Due::At(ms(5)));
        assert_eq!(queue.due(ms(5), &settings), Due::Batch);
        queue.insert(record(2, 6, 100));
        assert_eq!(queue.due(ms(0), &settings), Due::Batch);
        queue.insert(record(3, 7, 100));
        assert_eq!(queue.take_batch(&settings, 0).len(), 2);
        assert_eq!(queue.due(ms(0), &settings), Due::At(ms(7)));
        queue.expedite();
        assert_eq!(queue.due(ms(0), &settings), Due::Batch);
    }

    #[test]
    fn what_is_sent_again_goes_to_its_old_place_and_waits_for_the_back_off() {
        let settings = settings(10);
        let mut queue = PartitionQueue::default();
        queue.insert(record(3, 5, 100));
        let mut again = record(1, 5, 100);
        again.attempts = 1;
        queue.insert(again);
        queue.insert(record(2, 5, 100));
        queue.backoff_until = ms(50);
        assert_eq!(queue.due(ms(0), &settings), Due::At(ms(50)));
        let ids: Vec<u64> = queue
            .take_batch(&settings, 0)
            .iter()
            .map(|record| record.id)
            .collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(queue.due(ms(0), &settings), Due::Idle);
    }

    #[test]
    fn a_numbered_batch_is_sent_again_as_it_was() {
        let settings = settings(10);
        let mut queue = PartitionQueue::default();
        for id in 1..=4 {
            let mut record = record(id, 5, 100);
            record.sequenced = (id <= 3).then_some(Sequenced {
                generation: 7,
                sequence: id as i32 - 1,
                batch_last_id: if id <= 2 { 2 } else { 3 },
            });
            queue.insert(record);
        }
        let mut take = |generation| {
            let batch = queue.take_batch(&settings, generation);
            batch.iter().map(|record| record.id).collect::<Vec<_>>()
        };
        assert_eq!(take(7), [1, 2]);
        // Under another id the numbers mean nothing.
        assert_eq!(take(8), [3, 4]);
    }

    #[test]
    fn expired_messages_are_taken_out_and_nothing_else() {
        let mut queue = PartitionQueue::default();
        queue.insert(record(1, 5, 10));
        queue.insert(record(2, 5, 20));
        assert_eq!(queue.take_expired(ms(9)).len(), 0);
        assert_eq!(queue.take_expired(ms(10)).len(), 1);
        assert_eq!(queue.next_expiry(), Some(ms(20)));
        assert_eq!(queue.take_all().len(), 1);
    }
}
