//! What work costs: simulated time that a process needs for each record it is given.
//!
//! Code takes no simulated time by itself. A slow or shared CPU is a cost per record, spent where
//! the client hands the record over.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::process::{self, ProcessId};
use crate::{task, time, world};

#[derive(Default)]
struct Costs(RefCell<BTreeMap<ProcessId, Cost>>);

#[derive(Debug, Clone, Copy)]
struct Cost {
    a_record: Duration,
    records: u64,
}

/// Lets each record cost the process so much time, from now on.
#[track_caller]
pub fn set_cost(process: ProcessId, a_record: Duration) {
    let cost = Cost {
        a_record,
        records: 0,
    };
    let costs = world::extension::<Costs>();
    costs.0.borrow_mut().insert(process, cost);
}

/// Records cost the process nothing any more. How many did since [`set_cost`].
#[track_caller]
pub fn clear_cost(process: ProcessId) -> u64 {
    let costs = world::extension::<Costs>();
    let cost = costs.0.borrow_mut().remove(&process);
    cost.map_or(0, |cost| cost.records)
}

/// Spends what one record costs the current process. To be called by a client when it has handed
/// a record to the application.
pub fn spend_on_record() {
    let costs = world::extension::<Costs>();
    if costs.0.borrow().is_empty() || !task::may_block() {
        return;
    }
    let a_record = {
        let mut costs = costs.0.borrow_mut();
        let Some(cost) = costs.get_mut(&process::current()) else {
            return;
        };
        cost.records += 1;
        cost.a_record
    };
    task::block_on(time::sleep(a_record));
}
