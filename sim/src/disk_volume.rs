//! The disk of a host together with what its kernel keeps about open files: who has them open,
//! file locks, memory that processes share.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::{Rc, Weak};
use std::time::Duration;

use rand::RngCore;

use crate::disk::{Disk, FileId};
use crate::disk_locks::{FileLocks, OpenId, SlotLocks};
use crate::disk_loss::LossMode;

/// How long operations of a disk take; drawn uniformly from each range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLatency {
    /// For a database statement itself.
    pub statement: Range<Duration>,
    /// On top, for each write.
    pub write: Range<Duration>,
    /// On top, for each sync.
    pub sync: Range<Duration>,
}

impl Default for DiskLatency {
    /// A server's SSD.
    fn default() -> Self {
        let micros = Duration::from_micros;
        Self {
            statement: micros(10)..micros(60),
            write: micros(4)..micros(20),
            sync: micros(300)..micros(2_000),
        }
    }
}

/// A handle on one host's disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct Volume(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    disk: RefCell<Disk>,
    latency: RefCell<DiskLatency>,
    next_open: Cell<u64>,
    locks: RefCell<BTreeMap<FileId, FileLocks>>,
    memory: RefCell<BTreeMap<FileId, Rc<SharedMemory>>>,
}

impl Volume {
    /// An empty disk that holds `capacity_bytes`.
    #[must_use]
    pub fn new(capacity_bytes: u64) -> Self {
        Self(Rc::new(Shared {
            disk: RefCell::new(Disk::new(capacity_bytes)),
            latency: RefCell::default(),
            next_open: Cell::new(1),
            locks: RefCell::default(),
            memory: RefCell::default(),
        }))
    }

    /// The files. Don't hold it over an await or another call to the volume.
    #[must_use]
    pub fn disk(&self) -> RefMut<'_, Disk> {
        self.0.disk.borrow_mut()
    }

    /// How long operations take.
    #[must_use]
    pub fn latency(&self) -> DiskLatency {
        self.0.latency.borrow().clone()
    }

    /// Changes how long operations take from now on: a slow disk, or slow syncs.
    pub fn set_latency(&self, latency: DiskLatency) {
        *self.0.latency.borrow_mut() = latency;
    }

    /// The disk loses power, see [`Disk::lose_power`]; locks and shared memory are gone. End the
    /// host's processes first: files they have open are not theirs any more.
    pub fn lose_power(&self, rng: &mut dyn RngCore) -> LossMode {
        self.0.locks.borrow_mut().clear();
        self.0.memory.borrow_mut().clear();
        self.disk().lose_power(rng)
    }

    pub(crate) fn next_open(&self) -> OpenId {
        let next = self.0.next_open.get();
        self.0.next_open.set(next + 1);
        OpenId(next)
    }

    /// Does `act` with the locks on a file.
    pub(crate) fn with_locks<T>(&self, file: FileId, act: impl FnOnce(&mut FileLocks) -> T) -> T {
        let mut locks = self.0.locks.borrow_mut();
        let of_file = locks.entry(file).or_default();
        let result = act(of_file);
        if of_file.is_empty() {
            locks.remove(&file);
        }
        result
    }

    /// The memory that every open of a database shares; made, empty, for the first one.
    pub(crate) fn attach(&self, file: FileId, open: OpenId) -> AttachedMemory {
        let mut memories = self.0.memory.borrow_mut();
        let memory = memories.entry(file).or_default().clone();
        memory.attached.set(memory.attached.get() + 1);
        AttachedMemory {
            volume: Rc::downgrade(&self.0),
            file,
            open,
            memory,
        }
    }
}

/// Memory shared by the processes of a host that have one database open: regions of a WAL index
/// and the locks on its slots.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    attached: Cell<usize>,
    regions: RefCell<Vec<Box<[Cell<u64>]>>>,
    pub(crate) locks: RefCell<SlotLocks>,
}

impl SharedMemory {
    /// The address of a region, which stays as long as the memory does. Missing regions are made,
    /// zeroed, where `extend` says so.
    pub(crate) fn region(&self, index: usize, bytes: usize, extend: bool) -> Option<*mut u8> {
        let mut regions = self.regions.borrow_mut();
        while extend && regions.len() <= index {
            regions.push((0..bytes.div_ceil(8)).map(|_| Cell::new(0)).collect());
        }
        regions
            .get(index)
            .map(|region| region.as_ptr().cast_mut().cast())
    }
}

/// One open's share of a [`SharedMemory`]. The pages stay mapped until it is dropped; a process
/// that was killed is detached before.
#[derive(Debug)]
pub(crate) struct AttachedMemory {
    volume: Weak<Shared>,
    file: FileId,
    open: OpenId,
    pub(crate) memory: Rc<SharedMemory>,
}

impl AttachedMemory {
    /// Gives up the locks and the share. The last one out takes the memory off the host: who
    /// comes next finds it empty and recovers it from the log.
    pub(crate) fn detach(&self) {
        let whole = 0..crate::disk_locks::SLOTS;
        self.memory.locks.borrow_mut().unlock(self.open, whole);
        let attached = self.memory.attached.get().saturating_sub(1);
        self.memory.attached.set(attached);
        if attached > 0 {
            return;
        }
        if let Some(volume) = self.volume.upgrade() {
            let mut memories = volume.memory.borrow_mut();
            // After a power loss the entry may be a younger one.
            if memories
                .get(&self.file)
                .is_some_and(|memory| Rc::ptr_eq(memory, &self.memory))
            {
                memories.remove(&self.file);
            }
        }
    }
}
