//! The disk of a simulated host: files by path, with what a power loss may take away.
//!
//! Every write is visible to later reads at once, and durable only after a sync of its file. Names
//! (create, rename, unlink) become durable with a sync of the file or its directory; as on a
//! journalling file system they do so in order, earlier ones with later ones. A kill of a process
//! takes nothing away: the page cache is the host's.
//!
//! Directories need not be created: any absolute path is a name, its directory the part before the
//! last `/`.

use std::collections::BTreeMap;

use rand::RngCore;

use crate::disk_fault::{Crash, Faults, Operation, Verdict};
use crate::disk_file::DiskFile;
use crate::disk_loss::{Loss, LossMode};

/// A file of one disk, whatever its names. Never used again after the file is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u64);

/// Why a disk refused an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// ENOENT.
    #[error("no such file")]
    NotFound,
    /// ENOSPC: the disk is full.
    #[error("no space left on the disk")]
    NoSpace,
    /// EIO: a fault made the operation fail.
    #[error("input/output error of a {0:?}")]
    Io(Operation),
    /// A crash point was reached; whoever asked is about to die and must not go on.
    #[error("the process or its host crashed")]
    Crashed,
}

/// What was done on a disk so far; failed operations are not counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct DiskCounters {
    /// Reads of files.
    pub reads: u64,
    /// Writes, truncations and changes of names.
    pub writes: u64,
    /// Syncs of files and directories.
    pub syncs: u64,
    /// Operations refused because the disk was full.
    pub no_space: u64,
}

/// A create, rename or unlink that is not durable yet: names and what they point to after it.
#[derive(Debug)]
struct NameChange {
    sequence: u64,
    names: Vec<(String, Option<FileId>)>,
}

/// The files of one host.
#[derive(Debug)]
pub struct Disk {
    files: BTreeMap<FileId, DiskFile>,
    names: BTreeMap<String, FileId>,
    durable_names: BTreeMap<String, FileId>,
    unsynced_names: Vec<NameChange>,
    next_file: u64,
    next_sequence: u64,
    capacity_bytes: u64,
    faults: Faults,
    counters: DiskCounters,
}

impl Disk {
    /// An empty disk that holds `capacity_bytes` of file contents.
    #[must_use]
    pub fn new(capacity_bytes: u64) -> Self {
        Self {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            next_file: 1,
            next_sequence: 1,
            capacity_bytes,
            faults: Faults::default(),
            counters: DiskCounters::default(),
        }
    }

    /// The file that a path names now.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.names.get(path).copied()
    }

    /// Every path, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Opens an existing file. Each open needs one [`Disk::close`].
    ///
    /// # Errors
    /// [`DiskError::NotFound`].
    pub fn open(&mut self, path: &str) -> Result<FileId, DiskError> {
        let id = self.find(path).ok_or(DiskError::NotFound)?;
        self.file_mut(id)?.opens += 1;
        Ok(id)
    }

    /// Opens a file and creates it, empty, where it does not exist.
    ///
    /// # Errors
    /// [`DiskError::Io`] by a write fault, [`DiskError::Crashed`].
    pub fn open_or_create(&mut self, path: &str) -> Result<FileId, DiskError> {
        if self.find(path).is_none() {
            self.meet(Operation::Write)?;
            let id = self.add_file();
            self.rename_to(vec![(path.to_owned(), Some(id))]);
        }
        self.open(path)
    }

    /// Opens a new file without a name, which is gone when it is closed.
    pub fn open_temporary(&mut self) -> FileId {
        let id = self.add_file();
        if let Some(file) = self.files.get_mut(&id) {
            file.opens = 1;
        }
        id
    }

    /// Closes one open of a file; the last close of an unlinked file frees its space.
    pub fn close(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(&id) {
            file.opens = file.opens.saturating_sub(1);
            self.collect();
        }
    }

    /// Length in bytes.
    ///
    /// # Errors
    /// [`DiskError::NotFound`] where a power loss took the file.
    pub fn len(&self, id: FileId) -> Result<u64, DiskError> {
        Ok(self.file(id)?.len())
    }

    /// Reads from `offset` on; returns the bytes read, fewer than asked at the end of the file.
    ///
    /// # Errors
    /// [`DiskError::Io`] by a fault, [`DiskError::NotFound`].
    pub fn read(&mut self, id: FileId, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.meet(Operation::Read)?;
        let count = self.file(id)?.read(offset, buffer);
        self.counters.reads += 1;
        Ok(count)
    }

    /// Writes all of `data` at `offset`, with zeros in a gap past the end; or nothing of it.
    ///
    /// # Errors
    /// [`DiskError::NoSpace`], [`DiskError::Io`] by a fault, [`DiskError::Crashed`],
    /// [`DiskError::NotFound`].
    pub fn write(&mut self, id: FileId, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        self.meet(Operation::Write)?;
        self.reserve(id, offset + data.len() as u64)?;
        let sequence = self.sequence();
        self.file_mut(id)?.write(sequence, offset, data);
        self.counters.writes += 1;
        Ok(())
    }

    /// Cuts a file to `bytes`, or extends it with zeros. Freed space can be used again once the
    /// truncation is synced.
    ///
    /// # Errors
    /// As [`Disk::write`].
    pub fn truncate(&mut self, id: FileId, bytes: u64) -> Result<(), DiskError> {
        self.meet(Operation::Write)?;
        self.reserve(id, bytes)?;
        let sequence = self.sequence();
        self.file_mut(id)?.truncate(sequence, bytes);
        self.counters.writes += 1;
        Ok(())
    }

    /// Makes a file durable: its contents, its length and its names.
    ///
    /// # Errors
    /// [`DiskError::Io`] by a fault: nothing became durable, and a later sync can still succeed.
    /// [`DiskError::Crashed`], [`DiskError::NotFound`].
    pub fn sync(&mut self, id: FileId) -> Result<(), DiskError> {
        self.meet(Operation::Sync)?;
        self.file_mut(id)?.sync();
        self.sync_names(|_, target| target == Some(id));
        self.counters.syncs += 1;
        Ok(())
    }

    /// Makes the names in a directory durable; not the contents of its files.
    ///
    /// # Errors
    /// [`DiskError::Io`] by a fault, [`DiskError::Crashed`].
    pub fn sync_directory(&mut self, directory: &str) -> Result<(), DiskError> {
        self.meet(Operation::Sync)?;
        self.sync_names(|path, _| parent(path) == directory);
        self.counters.syncs += 1;
        Ok(())
    }

    /// Removes a name; whoever has the file open keeps it.
    ///
    /// # Errors
    /// [`DiskError::NotFound`], [`DiskError::Io`] by a write fault, [`DiskError::Crashed`].
    pub fn unlink(&mut self, path: &str) -> Result<(), DiskError> {
        self.find(path).ok_or(DiskError::NotFound)?;
        self.meet(Operation::Write)?;
        self.rename_to(vec![(path.to_owned(), None)]);
        self.collect();
        Ok(())
    }

    /// Gives a file another name, atomically replacing what had it.
    ///
    /// # Errors
    /// As [`Disk::unlink`].
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let id = self.find(from).ok_or(DiskError::NotFound)?;
        self.meet(Operation::Write)?;
        self.rename_to(vec![(from.to_owned(), None), (to.to_owned(), Some(id))]);
        self.collect();
        Ok(())
    }

    /// Loses power: what was not synced is kept, dropped or torn, as `rng` draws it. Every open is
    /// closed; a crash point is forgotten. Returns how the disk treated unsynced changes.
    pub fn lose_power(&mut self, rng: &mut dyn RngCore) -> LossMode {
        let mut loss = Loss::draw(rng, self.unsynced_range());
        self.lose_names(&mut loss);
        for file in self.files.values_mut() {
            file.lose_power(&mut loss);
        }
        self.faults.clear_crash();
        self.collect();
        loss.mode
    }

    /// The bytes of capacity in use, including space that a power loss could still need.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.files.values().map(DiskFile::reserved).sum()
    }

    /// The bytes that the disk holds at most.
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        self.capacity_bytes
    }

    /// Changes the capacity. A disk that holds more already keeps it and refuses to grow.
    pub fn set_capacity_bytes(&mut self, bytes: u64) {
        self.capacity_bytes = bytes;
    }

    /// Lets the operations of a kind fail with EIO: after `after` more successes, `times` times
    /// (`u64::MAX`: until set again; 0: not at all).
    pub fn fail(&mut self, operation: Operation, after: u64, times: u64) {
        self.faults.fail(operation, after, times);
    }

    /// How many operations of a kind a fault made fail so far.
    #[must_use]
    pub fn fault_hits(&self, operation: Operation) -> u64 {
        self.faults.hits(operation)
    }

    /// Sets a crash point: after `changes` more writes and syncs, later ones are refused with
    /// [`DiskError::Crashed`] until [`Disk::clear_crash`] or a power loss.
    pub fn crash_after(&mut self, changes: u64, crash: Crash) {
        self.faults.crash_after(changes, crash);
    }

    /// The crash whose point was reached; it is for the world to carry it out.
    #[must_use]
    pub fn crash_due(&self) -> Option<Crash> {
        self.faults.crash_due()
    }

    /// Forgets the crash point.
    pub fn clear_crash(&mut self) {
        self.faults.clear_crash();
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> DiskCounters {
        self.counters
    }

    fn meet(&mut self, operation: Operation) -> Result<(), DiskError> {
        match self.faults.meet(operation) {
            Verdict::Proceed => Ok(()),
            Verdict::Fail => Err(DiskError::Io(operation)),
            Verdict::Crash => Err(DiskError::Crashed),
        }
    }

    fn reserve(&mut self, id: FileId, bytes: u64) -> Result<(), DiskError> {
        let file = self.file(id)?;
        let growth = file.reserved_at(bytes) - file.reserved();
        if growth > 0 && self.used_bytes() + growth > self.capacity_bytes {
            self.counters.no_space += 1;
            return Err(DiskError::NoSpace);
        }
        Ok(())
    }

    fn add_file(&mut self) -> FileId {
        let id = FileId(self.next_file);
        self.next_file += 1;
        self.files.insert(id, DiskFile::default());
        id
    }

    fn rename_to(&mut self, names: Vec<(String, Option<FileId>)>) {
        apply_names(&mut self.names, &names);
        let sequence = self.sequence();
        self.unsynced_names.push(NameChange { sequence, names });
        self.counters.writes += 1;
    }

    /// Makes durable every change of names up to the last one that `concerns` says yes to.
    fn sync_names(&mut self, concerns: impl Fn(&str, Option<FileId>) -> bool) {
        let last = self
            .unsynced_names
            .iter()
            .rposition(|change| change.names.iter().any(|(path, id)| concerns(path, *id)));
        if let Some(last) = last {
            for change in self.unsynced_names.drain(..=last) {
                apply_names(&mut self.durable_names, &change.names);
            }
            self.collect();
        }
    }

    fn lose_names(&mut self, loss: &mut Loss<'_>) {
        if let (Some(first), Some(last)) = (self.unsynced_names.first(), self.unsynced_names.last())
        {
            let cut = loss.directory_cut((first.sequence, last.sequence));
            for change in self.unsynced_names.drain(..) {
                if change.sequence < cut {
                    apply_names(&mut self.durable_names, &change.names);
                }
            }
        }
        self.names.clone_from(&self.durable_names);
    }

    /// Frees the files that nothing refers to any more.
    fn collect(&mut self) {
        let Self {
            files,
            names,
            durable_names,
            unsynced_names,
            ..
        } = self;
        files.retain(|id, file| {
            file.opens > 0
                || names.values().any(|named| named == id)
                || durable_names.values().any(|named| named == id)
                || unsynced_names
                    .iter()
                    .any(|change| change.names.iter().any(|(_, named)| *named == Some(*id)))
        });
    }

    fn unsynced_range(&self) -> (u64, u64) {
        let of_names = self.unsynced_names.first().map(|change| change.sequence);
        let first = self
            .files
            .values()
            .filter_map(|file| file.unsynced_range().map(|(first, _)| first))
            .chain(of_names)
            .min()
            .unwrap_or(self.next_sequence);
        (first, self.next_sequence)
    }

    fn sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    fn file(&self, id: FileId) -> Result<&DiskFile, DiskError> {
        self.files.get(&id).ok_or(DiskError::NotFound)
    }

    fn file_mut(&mut self, id: FileId) -> Result<&mut DiskFile, DiskError> {
        self.files.get_mut(&id).ok_or(DiskError::NotFound)
    }
}

/// The directory of an absolute path.
#[must_use]
pub fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        None | Some(("", _)) => "/",
        Some((directory, _)) => directory,
    }
}

fn apply_names(names: &mut BTreeMap<String, FileId>, changes: &[(String, Option<FileId>)]) {
    for (path, target) in changes {
        match target {
            Some(id) => names.insert(path.clone(), *id),
            None => names.remove(path),
        };
    }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
