//! One file of a simulated disk: what reads see, what survives, and the log of writes in between.

use std::collections::BTreeMap;

use crate::disk_loss::Loss;

/// The unit in which a disk keeps or loses a write, in bytes.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// A write or truncation that no sync has made durable yet, and how to undo it. What it wrote is in
/// the file, or in what later changes keep to undo themselves: a sync has nothing to copy.
#[derive(Debug)]
struct Change {
    /// Position in the order of all changes of the disk.
    sequence: u64,
    kind: ChangeKind,
    /// The file's length before.
    bytes_before: usize,
    /// What was overwritten, or cut off.
    before: Box<[u8]>,
}

#[derive(Debug, Clone, Copy)]
enum ChangeKind {
    Write { offset: u64, bytes: usize },
    Truncate { bytes: u64 },
}

/// A change that was undone, and may be done again.
struct Undone {
    sequence: u64,
    kind: ChangeKind,
    /// What was written.
    data: Vec<u8>,
}

/// The contents of one file as a process reads them, and the way back to what is on the medium.
#[derive(Debug, Default)]
pub(crate) struct DiskFile {
    contents: Vec<u8>,
    unsynced: Vec<Change>,
    /// The most bytes that the file held since the last sync. Blocks freed by a truncation stay
    /// taken until it is durable, or a power loss could need them twice.
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
        let rest = self.from(offset);
        let count = buffer.len().min(rest.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }

    /// The contents from `offset` on; nothing past the end.
    fn from(&self, offset: u64) -> &[u8] {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        self.contents.get(start..).unwrap_or_default()
    }

    pub(crate) fn write(&mut self, sequence: u64, offset: u64, data: &[u8]) {
        let rest = self.from(offset);
        self.unsynced.push(Change {
            sequence,
            kind: ChangeKind::Write {
                offset,
                bytes: data.len(),
            },
            bytes_before: self.contents.len(),
            before: rest[..data.len().min(rest.len())].into(),
        });
        put(&mut self.contents, offset, data);
        self.reserved = self.reserved_at(self.len());
    }

    pub(crate) fn truncate(&mut self, sequence: u64, bytes: u64) {
        self.unsynced.push(Change {
            sequence,
            kind: ChangeKind::Truncate { bytes },
            bytes_before: self.contents.len(),
            before: self.from(bytes).into(),
        });
        self.contents.resize(bytes as usize, 0);
        self.reserved = self.reserved_at(bytes);
    }

    pub(crate) fn sync(&mut self) {
        self.unsynced.clear();
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
            let undone = self.undo();
            self.replay_surviving(undone, range, loss);
        }
        self.reserved = self.len();
    }

    /// Goes back to the last sync; gives the changes since then, in their order.
    fn undo(&mut self) -> Vec<Undone> {
        let mut undone = Vec::with_capacity(self.unsynced.len());
        for change in self.unsynced.drain(..).rev() {
            let (start, data) = match change.kind {
                ChangeKind::Write { offset, bytes } => {
                    let start = offset as usize;
                    (start, self.contents[start..start + bytes].to_vec())
                }
                ChangeKind::Truncate { bytes } => (bytes as usize, Vec::new()),
            };
            put(&mut self.contents, start as u64, &change.before);
            self.contents.truncate(change.bytes_before);
            undone.push(Undone {
                sequence: change.sequence,
                kind: change.kind,
                data,
            });
        }
        undone.reverse();
        undone
    }

    fn replay_surviving(&mut self, changes: Vec<Undone>, range: (u64, u64), loss: &mut Loss<'_>) {
        let size_cut = loss.cut(range);
        let mut sector_cuts = BTreeMap::new();
        let mut size = self.len();
        // Blocks past a truncation that was lost are not the file's any more: what was written to
        // them afterwards is lost with it.
        let mut lost_from = u64::MAX;
        for change in changes {
            match change.kind {
                ChangeKind::Truncate { bytes } if change.sequence < size_cut => {
                    self.contents.resize(bytes as usize, 0);
                    size = bytes;
                }
                ChangeKind::Truncate { bytes } => lost_from = lost_from.min(bytes),
                ChangeKind::Write { offset, .. } => {
                    for (sector, piece_offset, piece) in sectors(offset, &change.data) {
                        let cut = *sector_cuts.entry(sector).or_insert_with(|| loss.cut(range));
                        if change.sequence < cut && (sector + 1) * SECTOR_BYTES <= lost_from {
                            put(&mut self.contents, piece_offset, piece);
                        }
                    }
                    if change.sequence < size_cut {
                        size = size.max(offset + change.data.len() as u64);
                    }
                }
            }
        }
        self.contents.resize(size as usize, 0);
    }
}

/// Writes `data` at `offset`, with zeros in a gap before it.
fn put(contents: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let start = offset as usize;
    if contents.len() < start {
        contents.resize(start, 0);
    }
    let (inside, past) = data.split_at(data.len().min(contents.len() - start));
    contents[start..start + inside.len()].copy_from_slice(inside);
    contents.extend_from_slice(past);
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
