//! The transactions of one partition: which are open, and which were aborted
//! (`ProducerStateManager.java`, `TransactionIndex.java`).

use std::collections::BTreeSet;

/// The open and the aborted transactions of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionIndex {
    /// The first offsets of those that are open.
    open: BTreeSet<i64>,
    /// By the offset of their markers, ascending.
    aborted: Vec<AbortedTransaction>,
}

/// An aborted transaction: what its producer wrote from the first to the last offset is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// The producer.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of its marker.
    pub last_offset: i64,
}

impl TransactionIndex {
    /// A transaction begins with the record at this offset.
    pub(crate) fn begin(&mut self, first_offset: i64) {
        self.open.insert(first_offset);
    }

    /// A marker ends the transaction that began at `first_offset`.
    pub(crate) fn end(&mut self, transaction: AbortedTransaction, committed: bool) {
        self.open.remove(&transaction.first_offset);
        if !committed {
            self.aborted.push(transaction);
        }
    }

    /// The first offset of the oldest open transaction: readers of committed records stop there.
    pub fn first_open_offset(&self) -> Option<i64> {
        self.open.first().copied()
    }

    /// Whether no transaction is open, and none was ever aborted.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.aborted.is_empty()
    }

    /// Whether what this producer wrote at this offset, as part of a transaction, is void.
    pub fn is_aborted(&self, producer_id: i64, offset: i64) -> bool {
        self.aborted_between(offset, offset + 1)
            .any(|aborted| aborted.producer_id == producer_id)
    }

    /// The aborted transactions with records or markers from `offset` up to, and without, `end`
    /// (`collectAbortedTxns`).
    pub fn aborted_between(
        &self,
        offset: i64,
        end: i64,
    ) -> impl Iterator<Item = &AbortedTransaction> {
        let first = self
            .aborted
            .partition_point(|aborted| aborted.last_offset < offset);
        let from = self.aborted[first..].iter();
        from.filter(move |aborted| aborted.first_offset < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(producer_id: i64, first_offset: i64, last_offset: i64) -> AbortedTransaction {
        AbortedTransaction {
            producer_id,
            first_offset,
            last_offset,
        }
    }

    #[test]
    fn the_oldest_open_transaction_counts() {
        let mut index = TransactionIndex::default();
        assert_eq!(index.first_open_offset(), None);
        index.begin(3);
        index.begin(5);
        assert_eq!(index.first_open_offset(), Some(3));
        index.end(transaction(1, 3, 8), true);
        assert_eq!(index.first_open_offset(), Some(5));
        index.end(transaction(2, 5, 9), false);
        assert_eq!(index.first_open_offset(), None);
    }

    #[test]
    fn aborted_transactions_are_found_by_the_offsets_they_cover() {
        let mut index = TransactionIndex::default();
        for one in [transaction(1, 0, 4), transaction(2, 2, 9)] {
            index.begin(one.first_offset);
            index.end(one, false);
        }
        let found = |offset, end| {
            let found = index.aborted_between(offset, end);
            found.map(|one| one.producer_id).collect::<Vec<_>>()
        };
        assert_eq!(found(0, 10), [1, 2]);
        assert_eq!(found(4, 10), [1, 2]);
        assert_eq!(found(5, 10), [2]);
        assert_eq!(found(0, 2), [1]);
        assert!(found(10, 20).is_empty());
    }

    #[test]
    fn a_record_is_void_by_its_own_producers_abort_only() {
        let mut index = TransactionIndex::default();
        index.begin(2);
        index.end(transaction(1, 2, 6), false);
        let void = |producer_id| {
            let offsets = (0..10).filter(|offset| index.is_aborted(producer_id, *offset));
            offsets.collect::<Vec<_>>()
        };
        assert_eq!(void(1), [2, 3, 4, 5, 6]);
        assert!(void(2).is_empty());
    }
}
