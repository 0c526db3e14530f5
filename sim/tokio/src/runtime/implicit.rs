//! The runtime that every simulated process has: its main runs inside it, as a `#[tokio::main]`
//! function does, and it ends with the process.

use std::cell::RefCell;
use std::collections::BTreeMap;

use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::world;

use super::{Builder, Handle};

/// Each process's runtime, and the incarnation it belongs to.
#[derive(Default)]
struct Implicit {
    runtimes: RefCell<BTreeMap<ProcessId, (u64, Handle)>>,
}

/// The current process's runtime; `None` outside a simulated world.
pub(crate) fn current() -> Option<Handle> {
    if !world::in_world() {
        return None;
    }
    let implicit = world::extension::<Implicit>();
    let process = process::current();
    let incarnation = process::incarnation(process);
    let mut runtimes = implicit.runtimes.borrow_mut();
    match runtimes.get(&process) {
        Some((started, handle)) if *started == incarnation => Some(handle.clone()),
        _ => {
            let handle = Builder::new_multi_thread().enable_all().build_handle();
            runtimes.insert(process, (incarnation, handle.clone()));
            Some(handle)
        }
    }
}
