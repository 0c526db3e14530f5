//! A client context that notes every callback.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::{ClientContext, Message, Offset, Statistics, TopicPartitionList};

/// Notes callbacks as lines, in their order.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    lines: Arc<Mutex<Vec<String>>>,
    statistics: Arc<Mutex<Vec<Statistics>>>,
}

impl Recorder {
    fn note(&self, line: String) {
        // What another callback noted before it panicked is still right.
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }

    /// What was noted since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lines)
    }

    /// The statistics that came since the last call.
    #[must_use]
    pub fn take_statistics(&self) -> Vec<Statistics> {
        let mut statistics = self.statistics.lock();
        std::mem::take(statistics.as_mut().unwrap_or_else(|error| error.get_mut()))
    }

    fn rebalance(&self, when: &str, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let lost = if consumer.assignment_lost() {
            " lost"
        } else {
            ""
        };
        self.note(match rebalance {
            Rebalance::Assign(list) => format!("{when} assign [{}]", partitions(list)),
            Rebalance::Revoke(list) => format!("{when} revoke [{}]{lost}", partitions(list)),
            Rebalance::Error(error) => format!("{when} error {error:?}"),
        });
    }
}

impl ClientContext for Recorder {
    // A broker that is away is told of in a number of lines that depends on time.
    fn error(&self, _error: KafkaError, _reason: &str) {}

    fn stats(&self, statistics: Statistics) {
        let mut all = self.statistics.lock();
        all.as_mut()
            .unwrap_or_else(|error| error.get_mut())
            .push(statistics);
    }
}

impl ConsumerContext for Recorder {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.rebalance("pre", consumer, rebalance);
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.rebalance("post", consumer, rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        self.note(format!(
            "committed [{}]: {}",
            offsets_of(offsets),
            shown(&result)
        ));
    }
}

impl ProducerContext for Recorder {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.note(match result {
            Ok(message) => format!(
                "delivered {} to {}@{}",
                payload(message),
                message.partition(),
                message.offset()
            ),
            Err((error, message)) => format!("not delivered {}: {error:?}", payload(message)),
        });
    }
}

/// A message's payload as text.
pub(crate) fn payload(message: &impl Message) -> String {
    message.payload().map_or_else(
        || "null".to_owned(),
        |bytes| String::from_utf8_lossy(bytes).into_owned(),
    )
}

/// Ok, or the error.
pub(crate) fn shown<T>(result: &KafkaResult<T>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// The partitions' numbers, sorted. Topics are left out: a case that has two notes more.
pub(crate) fn partitions(list: &TopicPartitionList) -> String {
    let mut numbers: Vec<i32> = list.elements().iter().map(|e| e.partition()).collect();
    numbers.sort_unstable();
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

/// `PARTITION@OFFSET` each, sorted, with the partition's own error where it has one.
pub(crate) fn offsets_of(list: &TopicPartitionList) -> String {
    let mut elements: Vec<(i32, String)> = list
        .elements()
        .iter()
        .map(|element| {
            let error = match element.error() {
                Ok(()) => String::new(),
                Err(error) => format!(" {error:?}"),
            };
            let text = format!(
                "{}@{}{error}",
                element.partition(),
                offset(element.offset())
            );
            (element.partition(), text)
        })
        .collect();
    elements.sort();
    let texts: Vec<String> = elements.into_iter().map(|(_, text)| text).collect();
    texts.join(",")
}

/// An offset, by its name where it has one.
pub(crate) fn offset(offset: Offset) -> String {
    match offset {
        Offset::Offset(number) => number.to_string(),
        named => format!("{named:?}"),
    }
}
