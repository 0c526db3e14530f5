//! The records of `__transaction_state`: typed, compacted, on the disk of the partition's leader.

use std::collections::BTreeMap;

use crate::transaction::TransactionMetadata;

/// The last record of each transactional id, by partition.
#[derive(Debug, Default)]
pub(crate) struct TransactionsTopic {
    partitions: BTreeMap<i32, BTreeMap<String, TransactionMetadata>>,
}

impl TransactionsTopic {
    /// Appends a record, which supersedes the one before.
    pub(crate) fn append(&mut self, partition: i32, record: TransactionMetadata) {
        let records = self.partitions.entry(partition).or_default();
        records.insert(record.transactional_id.clone(), record);
    }

    /// A partition's records.
    pub(crate) fn records(&self, partition: i32) -> impl Iterator<Item = &TransactionMetadata> {
        let partition = self.partitions.get(&partition);
        partition.into_iter().flat_map(BTreeMap::values)
    }
}
