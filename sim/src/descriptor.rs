//! What a process holds of its host's kernel, and loses when it ends: sockets, file locks.

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
        world.processes.borrow_mut().register(process, descriptor)
    })
}

/// Takes a descriptor out of its table without closing it (its owner has closed it itself).
/// `None` where it is gone already, or no world is running any more.
pub fn release_descriptor(id: DescriptorId) -> Option<Box<dyn Descriptor>> {
    world::try_with(|world| world.processes.borrow_mut().release(id)).flatten()
}
