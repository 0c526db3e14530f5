//! An open file: what one process may do to it, as long as it lives.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use crate::disk::{self, DiskError, FileId};
use crate::disk_fault::Operation;
use crate::disk_locks::{Busy, Level, OpenId};
use crate::disk_mount::{Life, Mount};
use crate::disk_volume::{AttachedMemory, SharedMemory};
use crate::{trace, world};

/// How to open a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OpenOptions {
    /// Create the file where it does not exist.
    pub(crate) create: bool,
    /// Refuse a file that exists.
    pub(crate) exclusive: bool,
    /// Unlink the file when it is closed.
    pub(crate) delete_on_close: bool,
    /// The first sync makes the file's directory durable too.
    pub(crate) sync_directory: bool,
}

/// Why an operation on an open file did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenError {
    Disk(DiskError),
    Busy,
    /// The process that opened it has ended.
    Dead,
}

impl From<DiskError> for OpenError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<Busy> for OpenError {
    fn from(Busy: Busy) -> Self {
        Self::Busy
    }
}

/// A file that a process has open.
#[derive(Debug)]
pub(crate) struct OpenFile {
    id: OpenId,
    life: Rc<Life>,
    file: FileId,
    /// `None` for a temporary file, which has no name.
    path: Option<String>,
    options: OpenOptions,
    directory_synced: Cell<bool>,
    closed: Cell<bool>,
    memory: RefCell<Option<AttachedMemory>>,
}

impl OpenFile {
    /// Opens `path`, or a temporary file where there is none.
    pub(crate) fn open(
        mount: &Mount,
        path: Option<&str>,
        options: OpenOptions,
    ) -> Result<Rc<Self>, OpenError> {
        let life = mount.0.clone();
        if !life.is_alive() {
            return Err(OpenError::Dead);
        }
        let file = {
            let mut disk = life.volume.disk();
            match path {
                None => disk.open_temporary(),
                Some(path) if options.create && disk.find(path).is_none() => {
                    disk.open_or_create(path)?
                }
                // EEXIST reads as "can't open", like ENOENT.
                Some(_) if options.create && options.exclusive => {
                    return Err(DiskError::NotFound.into());
                }
                Some(path) => disk.open(path)?,
            }
        };
        let id = life.volume.next_open();
        let open = Rc::new(Self {
            id,
            life,
            file,
            path: path.map(str::to_owned),
            options,
            directory_synced: Cell::new(false),
            closed: Cell::new(false),
            memory: RefCell::new(None),
        });
        open.life.add(id, &open);
        Ok(open)
    }

    fn check_alive(&self) -> Result<(), OpenError> {
        if self.closed.get() || !self.life.is_alive() {
            return Err(OpenError::Dead);
        }
        Ok(())
    }

    /// Records an operation that failed: trace event `disk_error`.
    fn told<T>(&self, operation: Operation, result: Result<T, DiskError>) -> Result<T, OpenError> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if matches!(error, DiskError::NoSpace | DiskError::Io(_)) && world::in_world() {
            let path = self.path.as_deref().unwrap_or("a temporary file");
            let operation = match operation {
                Operation::Read => "read",
                Operation::Write => "write",
                Operation::Sync => "sync",
            };
            trace::event(
                "disk_error",
                &[
                    ("path", path.into()),
                    ("operation", operation.into()),
                    ("error", error.to_string().into()),
                ],
            );
        }
        Err(error.into())
    }

    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, OpenError> {
        self.check_alive()?;
        let read = self.life.volume.disk().read(self.file, offset, buffer);
        self.told(Operation::Read, read)
    }

    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> Result<(), OpenError> {
        self.check_alive()?;
        let written = self.life.volume.disk().write(self.file, offset, data);
        self.told(Operation::Write, written)
    }

    pub(crate) fn truncate(&self, bytes: u64) -> Result<(), OpenError> {
        self.check_alive()?;
        let truncated = self.life.volume.disk().truncate(self.file, bytes);
        self.told(Operation::Write, truncated)
    }

    pub(crate) fn len(&self) -> Result<u64, OpenError> {
        self.check_alive()?;
        Ok(self.life.volume.disk().len(self.file)?)
    }

    pub(crate) fn sync(&self) -> Result<(), OpenError> {
        self.check_alive()?;
        let synced = self.life.volume.disk().sync(self.file);
        self.told(Operation::Sync, synced)?;
        if let Some(path) = &self.path
            && self.options.sync_directory
            && !self.directory_synced.get()
        {
            let synced = self.life.volume.disk().sync_directory(disk::parent(path));
            self.told(Operation::Sync, synced)?;
            self.directory_synced.set(true);
        }
        Ok(())
    }

    /// Whether the path it was opened by names another file now, or none.
    pub(crate) fn has_moved(&self) -> Result<bool, OpenError> {
        self.check_alive()?;
        let disk = self.life.volume.disk();
        Ok(self
            .path
            .as_ref()
            .is_some_and(|path| disk.find(path) != Some(self.file)))
    }

    pub(crate) fn lock(&self, level: Level) -> Result<(), OpenError> {
        self.check_alive()?;
        let volume = &self.life.volume;
        Ok(volume.with_locks(self.file, |locks| locks.lock(self.id, level))?)
    }

    pub(crate) fn unlock(&self, level: Level) {
        // The locks of a dead process are gone; after a power loss they may be someone else's.
        if self.check_alive().is_ok() {
            let volume = &self.life.volume;
            volume.with_locks(self.file, |locks| locks.unlock(self.id, level));
        }
    }

    pub(crate) fn is_reserved(&self) -> Result<bool, OpenError> {
        self.check_alive()?;
        let volume = &self.life.volume;
        Ok(volume.with_locks(self.file, |locks| locks.is_reserved()))
    }

    fn memory(&self) -> Result<Rc<SharedMemory>, OpenError> {
        self.check_alive()?;
        let mut memory = self.memory.borrow_mut();
        let attached = memory.get_or_insert_with(|| self.life.volume.attach(self.file, self.id));
        Ok(attached.memory.clone())
    }

    /// The address of a region of the memory that all opens of the file share. It stays valid until
    /// [`OpenFile::unmap`] or the drop of `self`, whatever happens to the process.
    pub(crate) fn map(
        &self,
        region: usize,
        bytes: usize,
        extend: bool,
    ) -> Result<Option<*mut u8>, OpenError> {
        Ok(self.memory()?.region(region, bytes, extend))
    }

    pub(crate) fn lock_slots(&self, slots: Range<usize>, exclusive: bool) -> Result<(), OpenError> {
        let memory = self.memory()?;
        Ok(memory.locks.borrow_mut().lock(self.id, slots, exclusive)?)
    }

    pub(crate) fn unlock_slots(&self, slots: Range<usize>) {
        if let Ok(memory) = self.memory() {
            memory.locks.borrow_mut().unlock(self.id, slots);
        }
    }

    /// Gives up the shared memory.
    pub(crate) fn unmap(&self) {
        let attached = self.memory.borrow_mut().take();
        if let Some(attached) = attached
            && self.check_alive().is_ok()
        {
            attached.detach();
        }
    }

    /// Closes the file, as its owner asked.
    pub(crate) fn close(&self) {
        if self.check_alive().is_err() {
            return;
        }
        if self.options.delete_on_close
            && let Some(path) = &self.path
        {
            // A name that is gone already is as good.
            let _ = self.life.volume.disk().unlink(path);
        }
        self.life.remove(self.id);
        self.release();
    }

    /// Gives back to the host what the open held. Mapped memory stays readable for frames of a
    /// dead process that are still on a stack.
    pub(crate) fn release(&self) {
        if self.closed.replace(true) {
            return;
        }
        if let Some(attached) = &*self.memory.borrow() {
            attached.detach();
        }
        let volume = &self.life.volume;
        volume.with_locks(self.file, |locks| locks.unlock(self.id, Level::None));
        volume.disk().close(self.file);
    }
}
