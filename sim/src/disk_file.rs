//! One file of a simulated disk: what reads see, what survives, and the log of writes in between.

use std::collections::BTreeMap;

use crate::disk_loss::Loss;

/// The unit in which a disk keeps or loses a write, in bytes.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// A write or truncation that no sync has made durable yet.
#[derive(Debug)]
struct Change {
    /// Position in the order of all changes of the disk.
    sequence: u64,
    kind: ChangeKind,
}

#[derive(Debug)]
enum ChangeKind {
    Write { offset: u64, data: Box<[u8]> },
    Truncate { bytes: u64 },
}

/// The contents of one file, twice: as a process reads them and as they are on the medium.
#[derive(Debug, Default)]
pub(crate) struct DiskFile {
    contents: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// The most bytes that `contents` or `durable` held since the last sync. Blocks freed by a
    /// truncation stay taken until it is durable, or a power loss could need them twice.
    reserved: u64,
    /// Open handles; an unlinked file lives as long as there is one.
    pub(crate) opens: u32,
}

impl DiskFile {
    pub(crate) fn len(&self) -> u64 {
        self.contents.len() as u64
    }

    /// The bytes of capacity that the file takes.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// What the file would take after it grew to `bytes`.
    pub(crate) fn reserved_at(&self, bytes: u64) -> u64 {
        self.reserved.max(bytes)
    }

    /// Copies from `offset` on into `buffer`; returns the bytes copied, fewer at the end of the file.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.contents.len());
        let count = buffer.len().min(self.contents.len() - start);
        buffer[..count].copy_from_slice(&self.contents[start..start + count]);
        count
    }

    pub(crate) fn write(&mut self, sequence: u64, offset: u64, data: &[u8]) {
        put(&mut self.contents, offset, data);
        self.reserved = self.reserved_at(self.len());
        self.unsynced.push(Change {
            sequence,
            kind: ChangeKind::Write {
                offset,
                data: data.into(),
            },
        });
    }

    pub(crate) fn truncate(&mut self, sequence: u64, bytes: u64) {
        self.contents.resize(bytes as usize, 0);
        self.reserved = self.reserved_at(bytes);
        self.unsynced.push(Change {
            sequence,
            kind: ChangeKind::Truncate { bytes },
        });
    }

    pub(crate) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change.kind {
                ChangeKind::Write { offset, data } => put(&mut self.durable, offset, &data),
                ChangeKind::Truncate { bytes } => self.durable.resize(bytes as usize, 0),
            }
        }
        debug_assert_eq!(self.durable.len(), self.contents.len());
        self.reserved = self.len();
    }

    /// The sequence numbers of the first and the last unsynced change.
    pub(crate) fn unsynced_range(&self) -> Option<(u64, u64)> {
        let first = self.unsynced.first()?.sequence;
        let last = self.unsynced.last()?.sequence;
        Some((first, last))
    }

    /// Replaces the contents by what is on the medium after the power went.
    pub(crate) fn lose_power(&mut self, loss: &mut Loss<'_>) {
        self.opens = 0;
        if let Some(range) = self.unsynced_range() {
            self.replay_surviving(range, loss);
        }
        self.contents.clone_from(&self.durable);
        self.reserved = self.len();
    }

    fn replay_surviving(&mut self, range: (u64, u64), loss: &mut Loss<'_>) {
        let size_cut = loss.cut(range);
        let mut sector_cuts = BTreeMap::new();
        let mut size = self.durable.len() as u64;
        // Blocks past a truncation that was lost are not the file's any more: what was written to
        // them afterwards is lost with it.
        let mut lost_from = u64::MAX;
        for change in self.unsynced.drain(..) {
            match change.kind {
                ChangeKind::Truncate { bytes } if change.sequence < size_cut => {
                    self.durable.resize(bytes as usize, 0);
                    size = bytes;
                }
                ChangeKind::Truncate { bytes } => lost_from = lost_from.min(bytes),
                ChangeKind::Write { offset, data } => {
                    for (sector, piece_offset, piece) in sectors(offset, &data) {
                        let cut = *sector_cuts.entry(sector).or_insert_with(|| loss.cut(range));
                        if change.sequence < cut && (sector + 1) * SECTOR_BYTES <= lost_from {
                            put(&mut self.durable, piece_offset, piece);
                        }
                    }
                    if change.sequence < size_cut {
                        size = size.max(offset + data.len() as u64);
                    }
                }
            }
        }
        self.durable.resize(size as usize, 0);
    }
}

/// Writes `data` at `offset`, with zeros in a gap before it.
fn put(contents: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let start = offset as usize;
    let end = start + data.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[start..end].copy_from_slice(data);
}

/// Splits a write at sector boundaries: sector number, offset in the file, bytes.
fn sectors(offset: u64, data: &[u8]) -> impl Iterator<Item = (u64, u64, &[u8])> {
    let mut position = offset;
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let sector = position / SECTOR_BYTES;
        let room = ((sector + 1) * SECTOR_BYTES - position) as usize;
        let (piece, tail) = rest.split_at(room.min(rest.len()));
        let piece_offset = position;
        position += piece.len() as u64;
        rest = tail;
        Some((sector, piece_offset, piece))
    })
}
