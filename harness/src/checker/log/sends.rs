//! What was sent and acknowledged, against what lies in the log.

use std::collections::BTreeMap;

use super::Delivered;
use crate::checker::findings::Findings;
use crate::checker::partitions::{Partitions, PerPartition};
use crate::checker::scan::{Place, Step};
use crate::checker::violation::{Violation, ViolationKind};
use crate::pipeline_under_test::{InputRecord, RecordPosition};
use crate::trace::Event;

/// Acknowledgements and appends.
#[derive(Default)]
pub(super) struct Sends<'o> {
    partitions: PerPartition<Sent<'o>>,
    found: Vec<Found<'o>>,
}

#[derive(Default)]
struct Sent<'o> {
    /// The acknowledgement of each record of the log, by its index.
    acknowledged: Vec<Option<&'o Event>>,
    /// The batches: first offset, and the one after the last.
    batches: Vec<(i64, i64)>,
    /// Up to where a partition with several replicas is committed; none while nothing is told of it.
    high_watermark: Option<i64>,
    /// A producer sent records again whose outcome it did not know.
    retried: bool,
}

/// Two records at one offset.
struct Found<'o> {
    place: Place,
    first: Option<&'o Event>,
    second: &'o Event,
    message: String,
}

impl<'o> Sends<'o> {
    pub(super) fn follow(
        &mut self,
        partitions: &Partitions<'o>,
        event: &'o Event,
        step: &Step<'o>,
    ) {
        match *step {
            Step::Loaded { place, id } => self.acknowledge(partitions, event, place, id),
            Step::Append {
                first,
                records,
                committed,
            } => {
                if !committed {
                    let of = self.partitions.of(first.partition);
                    of.high_watermark.get_or_insert(0);
                }
                self.append(partitions, event, first, records);
            }
            Step::HighWatermark(place) => {
                self.partitions.of(place.partition).high_watermark = Some(place.offset);
            }
            Step::ProduceRetry { partition } => self.partitions.of(partition).retried = true,
            _ => {}
        }
    }

    fn acknowledge(
        &mut self,
        partitions: &Partitions<'o>,
        event: &'o Event,
        place: Place,
        id: &'o str,
    ) {
        let Some(index) = partitions.index_at(place.partition, place.offset) else {
            // What is not in the log is the conservation checker's matter.
            return;
        };
        let acknowledged = &mut self.partitions.of(place.partition).acknowledged;
        if acknowledged.len() <= index {
            acknowledged.resize(index + 1, None);
        }
        let before = acknowledged[index].replace(event);
        let in_log = partitions.log(place.partition)[index].id.as_deref();
        let other = match before {
            Some(before) if before.text("id").unwrap_or_default() != id => {
                Some(before.text("id").unwrap_or_default())
            }
            _ => in_log.filter(|in_log| *in_log != id),
        };
        if let Some(other) = other {
            let position = partitions.position(place.partition, place.offset);
            self.found.push(Found {
                place,
                first: before,
                second: event,
                message: format!("{position} was given to id \"{id}\" and to id \"{other}\""),
            });
        }
    }

    fn append(
        &mut self,
        partitions: &Partitions<'o>,
        event: &'o Event,
        first: Place,
        records: i64,
    ) {
        let of = self.partitions.of(first.partition);
        let batches = &mut of.batches;
        if of
            .high_watermark
            .is_some_and(|high_watermark| first.offset >= high_watermark)
        {
            // A new leader may lack what was not committed, and gives its offsets again.
            let kept = batches.partition_point(|(_, end)| *end <= first.offset);
            batches.truncate(kept);
        }
        let end = batches.last().map_or(first.offset, |(_, end)| *end);
        if first.offset < end {
            let name = partitions.name(first.partition);
            self.found.push(Found {
                place: first,
                first: None,
                second: event,
                message: format!(
                    "{} appended to {name} at {}, where its log had come to {end}",
                    event.process, first.offset
                ),
            });
        }
        batches.push((first.offset, first.offset + records));
    }

    pub(super) fn finish(
        mut self,
        delivered: &Delivered,
        partitions: &Partitions<'o>,
        findings: &mut Findings<'o>,
    ) {
        for found in std::mem::take(&mut self.found) {
            let position = partitions.position(found.place.partition, found.place.offset);
            let wrong_step = format!("the log gave {position} twice");
            let violation = Violation::new(ViolationKind::InconsistentOffsets, found.message)
                .about(findings.record(position, None));
            let shown_by: Vec<&Event> = found.first.into_iter().chain([found.second]).collect();
            findings.add(violation, &shown_by, wrong_step);
        }
        for partition in partitions.numbers() {
            self.undelivered(partition, delivered, partitions, findings);
        }
        self.out_of_order(partitions, findings);
        if findings.observation.drained_at_ns.is_some() {
            self.duplicates(partitions, findings);
        }
    }

    /// Acknowledged records that nobody got.
    fn undelivered(
        &mut self,
        partition: usize,
        delivered: &Delivered,
        partitions: &Partitions<'o>,
        findings: &mut Findings<'o>,
    ) {
        let reach = delivered.reach(partition);
        let drained = findings.observation.drained_at_ns.is_some();
        let sent = self.partitions.of(partition);
        for (index, acknowledged) in sent.acknowledged.iter().enumerate() {
            let Some(acknowledged) = acknowledged else {
                continue;
            };
            if delivered.contains(partition, index) || (index >= reach && !drained) {
                continue;
            }
            let record = &partitions.log(partition)[index];
            let position = record.position();
            let (kind, message) = if index < reach {
                let last = &partitions.log(partition)[reach - 1];
                let message = format!(
                    "{position} was acknowledged and never delivered, {} was",
                    last.position()
                );
                (ViolationKind::LostWrite, message)
            } else {
                let message = format!("{position} was acknowledged and never delivered");
                (ViolationKind::Unseen, message)
            };
            let wrong_step = format!("no consumer ever got {position}");
            let violation = Violation::new(kind, message)
                .about(findings.record(position, record.id.as_deref()));
            findings.add(violation, &[acknowledged], wrong_step);
        }
    }

    /// Records whose order in the log is not that of their sending.
    fn out_of_order(&mut self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        let observation = findings.observation;
        let mut latest: Option<(&RecordPosition, u64)> = None;
        for (position, acknowledged) in &observation.acknowledged {
            let before = latest.filter(|(before, _)| {
                before.partition == position.partition && before.topic == position.topic
            });
            match before {
                Some((before, number)) if number > acknowledged.index => {
                    self.sent_before(before, position, partitions, findings);
                }
                _ => latest = Some((position, acknowledged.index)),
            }
        }
    }

    fn sent_before(
        &mut self,
        first: &RecordPosition,
        position: &RecordPosition,
        partitions: &Partitions<'o>,
        findings: &mut Findings<'o>,
    ) {
        let Some(partition) = partitions.find(&position.topic, position.partition) else {
            return;
        };
        let sent = self.partitions.of(partition);
        if sent.retried {
            return;
        }
        let kind = if sent.in_one_batch(first.offset, position.offset) {
            ViolationKind::IntNonmonotonicSend
        } else {
            ViolationKind::NonmonotonicSend
        };
        let message = format!("{position} was sent before {first}");
        let wrong_step = format!("{position} was appended after {first}, and sent before it");
        let violation =
            Violation::new(kind, message).about(findings.record(position.clone(), None));
        let shown_by: Vec<&Event> = [first, position]
            .into_iter()
            .filter_map(|position| {
                let index = partitions.index_at(partition, position.offset)?;
                *sent.acknowledged.get(index)?
            })
            .collect();
        findings.add(violation, &shown_by, wrong_step);
    }

    /// Records that stand in the log more often than they were sent. Once the topics are drained,
    /// every sending has its acknowledgement.
    fn duplicates(&mut self, partitions: &Partitions<'o>, findings: &mut Findings<'o>) {
        let mut acknowledged = 0;
        let mut in_log = 0;
        for partition in partitions.numbers() {
            let sent = self.partitions.of(partition);
            acknowledged += sent.acknowledged.iter().flatten().count();
            in_log += partitions.log(partition).len();
        }
        if in_log <= acknowledged {
            return;
        }
        let mut sent_by_id: BTreeMap<&str, usize> = BTreeMap::new();
        let mut unacknowledged: BTreeMap<&str, Vec<&InputRecord>> = BTreeMap::new();
        for partition in partitions.numbers() {
            let sent = self.partitions.of(partition);
            for (index, record) in partitions.log(partition).iter().enumerate() {
                let Some(id) = record.id.as_deref() else {
                    continue;
                };
                match sent.acknowledged.get(index) {
                    Some(Some(_)) => *sent_by_id.entry(id).or_default() += 1,
                    _ if sent.retried => {}
                    _ => unacknowledged.entry(id).or_default().push(record),
                }
            }
        }
        for (id, records) in unacknowledged {
            // One that was never acknowledged is no repetition, but somebody else's record.
            let Some(sent) = sent_by_id.get(id) else {
                continue;
            };
            for record in records {
                let position = record.position();
                let times = match sent {
                    1 => "once".to_owned(),
                    sent => format!("{sent} times"),
                };
                let message = format!("{position} repeats id \"{id}\", which was sent {times}");
                let wrong_step =
                    format!("{position} was appended without having been sent, or sent again");
                let violation = Violation::new(ViolationKind::DuplicateWrite, message)
                    .about(findings.record(position, Some(id)));
                findings.add(violation, &[], wrong_step);
            }
        }
    }
}

impl Sent<'_> {
    fn in_one_batch(&self, first: i64, second: i64) -> bool {
        let after = self.batches.partition_point(|(begin, _)| *begin <= first);
        after > 0 && second < self.batches[after - 1].1
    }
}
