//! What a process holds of its host's kernel, and loses when it ends: sockets, file locks.

use std::time::Duration;

use crate::process::ProcessId;
use crate::world;

/// Why a descriptor is closed without its owner having asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The process ended by itself.
    Exited,
    /// The process was killed; its host goes on.
    Killed,
    /// The host lost power: nobody is left to tell anyone.
    PowerLoss,
}

/// Something that dies with its process. No destructor of a killed process runs, so what others
/// must notice happens here.
pub trait Descriptor {
    /// Called once, when the process ends, in order of registration.
    fn close(&mut self, how: CloseReason);
}

/// Identifies an entry in a process's descriptor table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DescriptorId {
    pub(crate) process: ProcessId,
    pub(crate) number: u64,
}

/// Enters `descriptor` into the table of the current process.
#[track_caller]
pub fn register_descriptor(descriptor: Box<dyn Descriptor>) -> DescriptorId {
    world::with(|world| {
        let process = world.executor.current_process();
        let now_ns = world.now_ns();
        let mut processes = world.processes.borrow_mut();
        processes.register(process, descriptor, now_ns)
    })
}

/// How many descriptors a process had open, at a moment when it had more than ever before in this
/// life: sockets, locks and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorPeak {
    /// Counts the starts of the process, from 1.
    pub incarnation: u64,
    /// Monotonic simulated time.
    pub at: Duration,
    /// How many.
    pub open: usize,
}

/// Every peak of all lives of a process, in order: one that opens and closes soon has no more of
/// them, one that forgets to close goes on making them.
#[track_caller]
pub fn descriptor_peaks(process: ProcessId) -> Vec<DescriptorPeak> {
    world::with(|world| world.processes.borrow().get(process).peaks.clone())
}

/// Notes how many files a process has open on its host's disk.
pub(crate) fn count_files(process: ProcessId, files: usize) {
    // A disk can outlive its world, and a process that ends gives everything back at once.
    world::try_with(|world| {
        if let Ok(mut processes) = world.processes.try_borrow_mut() {
            processes.count_files(process, files, world.now_ns());
        }
    });
}

/// Takes a descriptor out of its table without closing it (its owner has closed it itself).
/// `None` where it is gone already, or no world is running any more.
pub fn release_descriptor(id: DescriptorId) -> Option<Box<dyn Descriptor>> {
    world::try_with(|world| world.processes.borrow_mut().release(id)).flatten()
}
