//! Where a claimed partition goes on, or why it can't.

use std::ops::Range;

use crate::config::Start;
use crate::sink::{LastRecord, Progress};

/// The decision for one claimed partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Go on at the sink's position. The record before it, if it is still in the log, is read once
    /// more to see that the log is the same.
    Continue {
        next_offset: i64,
        verify: Option<LastRecord>,
    },
    /// Nothing was ever read: begin here, and write it down, so that the next owner begins here too.
    Begin { offset: i64 },
    /// Retention deleted records before they were read: go on after the gap.
    OverGap { gap: Range<i64> },
    /// The log ends before the sink's position.
    Backwards { next_offset: i64, end_offset: i64 },
}

/// Decides by the sink's progress and the log's oldest and end offset.
pub(crate) fn entry(progress: Option<&Progress>, low: i64, end_offset: i64, start: Start) -> Entry {
    let Some(progress) = progress else {
        return match start {
            // It was to be read from its first record, whoever was too late for it.
            Start::Earliest if low > 0 => Entry::OverGap { gap: 0..low },
            Start::Earliest => Entry::Begin { offset: low },
            Start::Latest => Entry::Begin { offset: end_offset },
        };
    };
    let next_offset = progress.next_offset;
    if end_offset < next_offset {
        return Entry::Backwards {
            next_offset,
            end_offset,
        };
    }
    if next_offset < low {
        return Entry::OverGap {
            gap: next_offset..low,
        };
    }
    Entry::Continue {
        next_offset,
        verify: progress.last.filter(|last| last.offset >= low),
    }
}

impl Entry {
    /// The first offset whose record will be processed; `None` if the line must stop.
    pub(crate) fn next_offset(&self) -> Option<i64> {
        match self {
            Self::Continue { next_offset, .. } => Some(*next_offset),
            Self::Begin { offset } => Some(*offset),
            Self::OverGap { gap } => Some(gap.end),
            Self::Backwards { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(next_offset: i64) -> Progress {
        Progress {
            first_offset: 0,
            next_offset,
            last: Some(LastRecord {
                offset: next_offset - 1,
                digest: 7,
            }),
        }
    }

    #[test]
    fn a_partition_never_seen_begins_where_the_configuration_says() {
        assert_eq!(
            entry(None, 0, 9, Start::Earliest),
            Entry::Begin { offset: 0 }
        );
        assert_eq!(entry(None, 5, 9, Start::Latest), Entry::Begin { offset: 9 });
    }

    #[test]
    fn what_retention_deleted_before_the_first_claim_is_a_gap_to_who_wants_all() {
        assert_eq!(
            entry(None, 5, 9, Start::Earliest),
            Entry::OverGap { gap: 0..5 }
        );
        assert_eq!(entry(None, 5, 9, Start::Latest), Entry::Begin { offset: 9 });
    }

    #[test]
    fn a_known_partition_goes_on_where_the_sink_is_whatever_the_configuration_says() {
        for start in [Start::Earliest, Start::Latest] {
            let verify = progress(7).last;
            let next_offset = 7;
            assert_eq!(
                entry(Some(&progress(7)), 0, 9, start),
                Entry::Continue {
                    next_offset,
                    verify
                }
            );
            assert_eq!(
                entry(Some(&progress(7)), 0, 7, start),
                Entry::Continue {
                    next_offset,
                    verify
                }
            );
            // The record before is gone: nothing to compare, nothing lost.
            assert_eq!(
                entry(Some(&progress(7)), 7, 9, start),
                Entry::Continue {
                    next_offset,
                    verify: None
                }
            );
        }
    }

    #[test]
    fn retention_that_overtook_is_a_gap_and_a_shorter_log_stops() {
        assert_eq!(
            entry(Some(&progress(7)), 8, 9, Start::Latest),
            Entry::OverGap { gap: 7..8 }
        );
        assert_eq!(
            entry(Some(&progress(7)), 0, 6, Start::Earliest),
            Entry::Backwards {
                next_offset: 7,
                end_offset: 6
            }
        );
        // Deleted and recreated, then filled beyond: low is 0 again, so only the digest tells.
        assert!(matches!(
            entry(Some(&progress(7)), 0, 100, Start::Earliest),
            Entry::Continue {
                verify: Some(_),
                ..
            }
        ));
    }
}
