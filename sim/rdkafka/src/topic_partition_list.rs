//! Lists of partitions with offsets, the currency of the consumer's API.
#![expect(clippy::disallowed_types, reason = "rdkafka's signatures")]

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{KafkaError, KafkaResult};
use crate::types::RDKafkaErrorCode;

const PARTITION_UNASSIGNED: i32 = -1;

const OFFSET_BEGINNING: i64 = -2;
const OFFSET_END: i64 = -1;
const OFFSET_STORED: i64 = -1000;
pub(crate) const OFFSET_INVALID: i64 = -1001;
const OFFSET_TAIL_BASE: i64 = -2000;

/// A place in a partition's log.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Offset {
    /// The oldest record.
    Beginning,
    /// After the newest record.
    End,
    /// The committed offset.
    Stored,
    /// None, or not known.
    Invalid,
    /// This offset.
    Offset(i64),
    /// This many records before the end.
    OffsetTail(i64),
}

impl Offset {
    /// The offset that librdkafka's number stands for.
    pub fn from_raw(raw_offset: i64) -> Offset {
        match raw_offset {
            OFFSET_BEGINNING => Self::Beginning,
            OFFSET_END => Self::End,
            OFFSET_STORED => Self::Stored,
            OFFSET_INVALID => Self::Invalid,
            n if n <= OFFSET_TAIL_BASE => Self::OffsetTail(OFFSET_TAIL_BASE - n),
            n => Self::Offset(n),
        }
    }

    /// librdkafka's number; none for a negative offset and an empty tail.
    pub fn to_raw(self) -> Option<i64> {
        match self {
            Self::Beginning => Some(OFFSET_BEGINNING),
            Self::End => Some(OFFSET_END),
            Self::Stored => Some(OFFSET_STORED),
            Self::Invalid => Some(OFFSET_INVALID),
            Self::Offset(n) if n >= 0 => Some(n),
            Self::OffsetTail(n) if n > 0 => Some(OFFSET_TAIL_BASE - n),
            Self::Offset(_) | Self::OffsetTail(_) => None,
        }
    }
}

/// One partition of a list. Its offset, metadata and error can change through a shared
/// reference to the list, as they can in librdkafka.
struct Element {
    topic: Arc<str>,
    partition: i32,
    offset: AtomicI64,
    error: AtomicI32,
    metadata: Mutex<Arc<str>>,
}

impl Element {
    fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset: AtomicI64::new(OFFSET_INVALID),
            error: AtomicI32::new(0),
            metadata: Mutex::new("".into()),
        }
    }

    fn metadata(&self) -> Arc<str> {
        Arc::clone(&self.metadata.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clone for Element {
    fn clone(&self) -> Self {
        Self {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            offset: AtomicI64::new(self.offset.load(Ordering::Relaxed)),
            error: AtomicI32::new(self.error.load(Ordering::Relaxed)),
            metadata: Mutex::new(self.metadata()),
        }
    }
}

/// One partition of a [`TopicPartitionList`].
pub struct TopicPartitionListElem<'a> {
    element: &'a Element,
    metadata: Arc<str>,
}

impl<'a> TopicPartitionListElem<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            element,
            metadata: element.metadata(),
        }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.element.topic
    }

    /// Whether the operation on this partition succeeded.
    ///
    /// # Errors
    /// [`KafkaError::OffsetFetch`] with the partition's own code.
    pub fn error(&self) -> KafkaResult<()> {
        match RDKafkaErrorCode::from_number(self.element.error.load(Ordering::Relaxed)) {
            RDKafkaErrorCode::NoError => Ok(()),
            code => Err(KafkaError::OffsetFetch(code)),
        }
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.element.partition
    }

    /// The offset.
    pub fn offset(&self) -> Offset {
        Offset::from_raw(self.element.offset.load(Ordering::Relaxed))
    }

    /// Sets the offset, in the list too.
    ///
    /// # Errors
    /// `InvalidArgument` for an offset without a number.
    pub fn set_offset(&mut self, offset: Offset) -> KafkaResult<()> {
        let raw = offset.to_raw().ok_or(KafkaError::SetPartitionOffset(
            RDKafkaErrorCode::InvalidArgument,
        ))?;
        self.element.offset.store(raw, Ordering::Relaxed);
        Ok(())
    }

    /// The metadata that is, or is to be, stored with a committed offset.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// Sets the metadata, in the list too.
    pub fn set_metadata<M>(&mut self, metadata: M)
    where
        M: AsRef<str>,
    {
        self.metadata = metadata.as_ref().into();
        *self
            .element
            .metadata
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::clone(&self.metadata);
    }

    pub(crate) fn set_error(&mut self, code: RDKafkaErrorCode) {
        self.element.error.store(code as i32, Ordering::Relaxed);
    }

    pub(crate) fn raw_offset(&self) -> i64 {
        self.element.offset.load(Ordering::Relaxed)
    }

    pub(crate) fn set_raw_offset(&mut self, raw: i64) {
        self.element.offset.store(raw, Ordering::Relaxed);
    }
}

impl<'a> PartialEq for TopicPartitionListElem<'a> {
    fn eq(&self, other: &TopicPartitionListElem<'a>) -> bool {
        self.topic() == other.topic()
            && self.partition() == other.partition()
            && self.offset() == other.offset()
            && self.metadata() == other.metadata()
    }
}

impl fmt::Debug for TopicPartitionListElem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicPartitionListElem")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("metadata", &self.metadata())
            .field("error", &self.error())
            .finish()
    }
}

/// Partitions with offsets.
#[derive(Clone)]
pub struct TopicPartitionList {
    elements: Vec<Element>,
}

impl TopicPartitionList {
    /// An empty list.
    pub fn new() -> TopicPartitionList {
        Self::with_capacity(5)
    }

    /// An empty list with room for `capacity` partitions.
    pub fn with_capacity(capacity: usize) -> TopicPartitionList {
        Self {
            elements: Vec::with_capacity(capacity),
        }
    }

    /// The list of these partitions and offsets.
    ///
    /// # Errors
    /// As [`add_partition_offset`](Self::add_partition_offset).
    pub fn from_topic_map(
        topic_map: &HashMap<(String, i32), Offset>,
    ) -> KafkaResult<TopicPartitionList> {
        let mut entries: Vec<_> = topic_map.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        let mut list = Self::with_capacity(entries.len());
        for ((topic, partition), offset) in entries {
            list.add_partition_offset(topic, *partition, *offset)?;
        }
        Ok(list)
    }

    /// The number of partitions.
    pub fn count(&self) -> usize {
        self.elements.len()
    }

    /// How many partitions fit before the list grows.
    pub fn capacity(&self) -> usize {
        self.elements.capacity()
    }

    /// Adds a topic without partition, for a subscription.
    pub fn add_topic_unassigned<'a>(&'a mut self, topic: &str) -> TopicPartitionListElem<'a> {
        self.add_partition(topic, PARTITION_UNASSIGNED)
    }

    /// Adds a partition without offset.
    pub fn add_partition<'a>(
        &'a mut self,
        topic: &str,
        partition: i32,
    ) -> TopicPartitionListElem<'a> {
        let index = self.elements.len();
        self.elements.push(Element::new(topic, partition));
        TopicPartitionListElem::new(&self.elements[index])
    }

    /// Adds partitions, both ends included.
    pub fn add_partition_range(&mut self, topic: &str, start_partition: i32, stop_partition: i32) {
        for partition in start_partition..=stop_partition {
            self.add_partition(topic, partition);
        }
    }

    /// Sets the offset of a partition in the list.
    ///
    /// # Errors
    /// `UnknownPartition` if it is not in the list, `InvalidArgument` for an offset without a
    /// number.
    pub fn set_partition_offset(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> KafkaResult<()> {
        let raw = offset.to_raw().ok_or(KafkaError::SetPartitionOffset(
            RDKafkaErrorCode::InvalidArgument,
        ))?;
        match self.find_partition(topic, partition) {
            Some(mut element) => {
                element.set_raw_offset(raw);
                Ok(())
            }
            None => Err(KafkaError::SetPartitionOffset(
                RDKafkaErrorCode::UnknownPartition,
            )),
        }
    }

    /// Adds a partition with an offset.
    ///
    /// # Errors
    /// `InvalidArgument` for an offset without a number; the partition is added all the same.
    pub fn add_partition_offset(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> KafkaResult<()> {
        self.add_partition(topic, partition);
        self.set_partition_offset(topic, partition, offset)
    }

    /// A partition of the list.
    pub fn find_partition(
        &self,
        topic: &str,
        partition: i32,
    ) -> Option<TopicPartitionListElem<'_>> {
        self.elements
            .iter()
            .find(|element| element.partition == partition && *element.topic == *topic)
            .map(TopicPartitionListElem::new)
    }

    /// Sets the offset of every partition.
    ///
    /// # Errors
    /// `InvalidArgument` for an offset without a number.
    pub fn set_all_offsets(&mut self, offset: Offset) -> Result<(), KafkaError> {
        for mut element in self.elements() {
            element.set_offset(offset)?;
        }
        Ok(())
    }

    /// All partitions, in order.
    pub fn elements(&self) -> Vec<TopicPartitionListElem<'_>> {
        self.elements
            .iter()
            .map(TopicPartitionListElem::new)
            .collect()
    }

    /// The partitions of one topic, in order.
    pub fn elements_for_topic<'a>(&'a self, topic: &str) -> Vec<TopicPartitionListElem<'a>> {
        self.elements
            .iter()
            .filter(|element| *element.topic == *topic)
            .map(TopicPartitionListElem::new)
            .collect()
    }

    /// The list as a map.
    pub fn to_topic_map(&self) -> HashMap<(String, i32), Offset> {
        self.elements()
            .iter()
            .map(|element| {
                let key = (element.topic().to_owned(), element.partition());
                (key, element.offset())
            })
            .collect()
    }
}

impl PartialEq for TopicPartitionList {
    fn eq(&self, other: &TopicPartitionList) -> bool {
        self.count() == other.count()
            && self.elements().iter().all(|element| {
                other
                    .find_partition(element.topic(), element.partition())
                    .is_some_and(|found| *element == found)
            })
    }
}

impl Default for TopicPartitionList {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<(String, i32, Offset)> for TopicPartitionList {
    fn from_iter<I>(iter: I) -> Self
    where
        I: IntoIterator<Item = (String, i32, Offset)>,
    {
        let mut list = Self::new();
        for (topic, partition, offset) in iter {
            let mut element = list.add_partition(&topic, partition);
            if let Err(error) = element.set_offset(offset) {
                panic!("offset {offset:?} of {topic} [{partition}]: {error}");
            }
        }
        list
    }
}

impl FromIterator<((String, i32), Offset)> for TopicPartitionList {
    fn from_iter<I>(iter: I) -> Self
    where
        I: IntoIterator<Item = ((String, i32), Offset)>,
    {
        iter.into_iter()
            .map(|((topic, partition), offset)| (topic, partition, offset))
            .collect()
    }
}

impl fmt::Debug for TopicPartitionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.elements()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_librdkafkas_numbers() {
        for (offset, raw) in [
            (Offset::Offset(123), Some(123)),
            (Offset::OffsetTail(10), Some(-2010)),
            (Offset::Beginning, Some(-2)),
            (Offset::End, Some(-1)),
            (Offset::Stored, Some(-1000)),
            (Offset::Invalid, Some(-1001)),
            (Offset::Offset(-3), None),
            (Offset::OffsetTail(0), None),
        ] {
            assert_eq!(offset.to_raw(), raw);
            if let Some(raw) = raw {
                assert_eq!(Offset::from_raw(raw), offset);
            }
        }
    }

    #[test]
    fn an_element_changes_the_list_it_came_from() {
        let mut list = TopicPartitionList::new();
        list.add_partition_range("t", 0, 2);
        assert_eq!(
            list.find_partition("t", 1).unwrap().offset(),
            Offset::Invalid
        );
        let mut found = list.find_partition("t", 1).unwrap();
        found.set_offset(Offset::Offset(7)).unwrap();
        found.set_metadata("note");
        assert_eq!(
            list.find_partition("t", 1).unwrap().offset(),
            Offset::Offset(7)
        );
        assert_eq!(list.elements()[1].metadata(), "note");
        let copy = list.clone();
        list.set_all_offsets(Offset::End).unwrap();
        assert_eq!(copy.elements()[1].offset(), Offset::Offset(7));
    }

    #[test]
    fn a_list_survives_the_trip_through_a_map() {
        let list: TopicPartitionList = [
            ("b".to_owned(), 0, Offset::Beginning),
            ("a".to_owned(), 1, Offset::Offset(42)),
        ]
        .into_iter()
        .collect();
        let back = TopicPartitionList::from_topic_map(&list.to_topic_map()).unwrap();
        assert_eq!(list, back);
        assert_ne!(list, TopicPartitionList::new());
        assert!(
            back.clone()
                .set_partition_offset("a", 9, Offset::End)
                .is_err()
        );
    }
}
