//! Whose disk a call touches: the current process's host's, or one that was named explicitly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use rand::RngCore;

use crate::descriptor::{CloseReason, Descriptor, count_files, register_descriptor};
use crate::disk_locks::OpenId;
use crate::disk_open::OpenFile;
use crate::disk_volume::Volume;
use crate::host::{self, HostId};
use crate::process::{self, ProcessId};
use crate::random::{self, Stream};
use crate::{time, world};

/// What a host's disk holds unless set otherwise: 16 GiB.
pub const DEFAULT_CAPACITY_BYTES: u64 = 16 << 30;

/// The wall clock of code that runs on a mounted disk outside a world: 2026-01-01T00:00:00Z.
const WALL_MS_OUTSIDE: i64 = 1_767_225_600_000;

#[derive(Default)]
struct Disks {
    volumes: RefCell<BTreeMap<HostId, Volume>>,
}

/// The disk of a host of the current world.
///
/// It outlives the world: keep it to read results after the run.
#[track_caller]
pub fn volume_of(host: HostId) -> Volume {
    host::on_power_loss(lose_power);
    let disks = world::extension::<Disks>();
    let mut volumes = disks.volumes.borrow_mut();
    volumes
        .entry(host)
        .or_insert_with(|| Volume::new(DEFAULT_CAPACITY_BYTES))
        .clone()
}

fn lose_power(host: HostId) {
    volume_of(host).lose_power(&mut DiskStream);
}

/// The world's random stream for disks.
struct DiskStream;

impl RngCore for DiskStream {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        random::draw(Stream::Disk)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// A disk as one life of a process sees it.
#[derive(Debug, Clone)]
pub struct Mount(pub(crate) Rc<Life>);

/// What a process holds of a disk between its start and its end.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) volume: Volume,
    alive: Cell<bool>,
    /// The process whose life it is; none outside of a world.
    owner: Option<ProcessId>,
    opens: RefCell<BTreeMap<OpenId, Weak<OpenFile>>>,
}

impl Life {
    fn new(volume: Volume, owner: Option<ProcessId>) -> Rc<Self> {
        Rc::new(Self {
            volume,
            owner,
            alive: Cell::new(true),
            opens: RefCell::default(),
        })
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive.get()
    }

    pub(crate) fn add(&self, id: OpenId, open: &Rc<OpenFile>) {
        self.opens.borrow_mut().insert(id, Rc::downgrade(open));
        self.count();
    }

    pub(crate) fn remove(&self, id: OpenId) {
        self.opens.borrow_mut().remove(&id);
        self.count();
    }

    fn count(&self) {
        // What a dead process's frames still drop is not the next life's.
        if let (Some(owner), true) = (self.owner, self.is_alive()) {
            count_files(owner, self.opens.borrow().len());
        }
    }

    /// Closes everything it has open, as the kernel does for a dead process; nothing that its code
    /// still does reaches the disk.
    fn end(&self) {
        self.alive.set(false);
        for open in self.opens.take().into_values() {
            if let Some(open) = open.upgrade() {
                open.release();
            }
        }
    }
}

/// Ends a life with its process.
struct LifeDescriptor(Rc<Life>);

impl Descriptor for LifeDescriptor {
    fn close(&mut self, _how: CloseReason) {
        self.0.end();
    }
}

#[derive(Default)]
struct Lives {
    /// By process and incarnation.
    lives: RefCell<BTreeMap<(ProcessId, u64), Rc<Life>>>,
}

thread_local! {
    static MOUNTED: RefCell<Vec<Mount>> = const { RefCell::new(Vec::new()) };
}

impl Mount {
    /// A process of its own on the disk.
    #[must_use]
    pub fn new(volume: &Volume) -> Self {
        Self(Life::new(volume.clone(), None))
    }

    /// What a call made now acts on: the innermost mount that was entered, else the disk of the
    /// current process's host; `None` outside of both.
    pub(crate) fn current() -> Option<Self> {
        let entered = MOUNTED.with_borrow(|mounted| mounted.last().cloned());
        entered.or_else(Self::of_current_process)
    }

    fn of_current_process() -> Option<Self> {
        if !world::in_world() {
            return None;
        }
        let process = process::current();
        let key = (process, process::incarnation(process));
        let lives = world::extension::<Lives>();
        if let Some(life) = lives.lives.borrow().get(&key) {
            return Some(Self(life.clone()));
        }
        let life = Life::new(volume_of(process::host_of(process)), Some(process));
        register_descriptor(Box::new(LifeDescriptor(life.clone())));
        lives.lives.borrow_mut().insert(key, life.clone());
        Some(Self(life))
    }

    /// Calls `act` so that every file it names is on this disk, in or out of a world. Nothing in it
    /// takes simulated time, and a lock that is held is reported at once. It must not block.
    pub fn enter<T>(&self, act: impl FnOnce() -> T) -> T {
        MOUNTED.with_borrow_mut(|mounted| mounted.push(self.clone()));
        let _leave = Leave;
        act()
    }

    /// Whether code runs inside [`Mount::enter`].
    pub(crate) fn is_entered() -> bool {
        MOUNTED.with_borrow(|mounted| !mounted.is_empty())
    }

    /// Ends this life of the process: what it still tries to do to the disk does not happen, and
    /// its locks are free.
    pub fn kill(&self) {
        self.0.end();
    }

    /// The disk.
    #[must_use]
    pub fn volume(&self) -> &Volume {
        &self.0.volume
    }
}

struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        MOUNTED.with_borrow_mut(|mounted| mounted.pop());
    }
}

/// Calls `act` so that every file it names is on the disk of `host`: how the harness reads results
/// inside a run. As [`Mount::enter`].
#[track_caller]
pub fn on_host<T>(host: HostId, act: impl FnOnce() -> T) -> T {
    let mount = Mount::new(&volume_of(host));
    let result = mount.enter(act);
    mount.kill();
    result
}

/// The wall clock of whoever calls, in milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    if world::in_world() {
        time::wall_ms()
    } else {
        WALL_MS_OUTSIDE
    }
}
