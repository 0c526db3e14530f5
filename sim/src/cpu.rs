//! What work costs: simulated time that a process needs for each piece of it.
//!
//! Code takes no simulated time by itself. A slow or shared CPU is a cost per record, spent where
//! the client hands the record over; of a broker, a cost per request, spent before it is handled.
//! A pipeline that gathers records and works on them as a batch has a cost per batch instead, spent
//! where the batch's sink transaction is about to be committed, while it holds the sink's lock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::process::{self, ProcessId};
use crate::{task, time, world};

#[derive(Default)]
struct Costs(RefCell<BTreeMap<ProcessId, Cost>>);

#[derive(Default)]
struct BatchCosts(RefCell<BTreeMap<ProcessId, BatchCost>>);

/// What a process has in hand, and what working on it costs.
#[derive(Debug, Clone, Copy)]
struct BatchCost {
    a_record: Duration,
    a_batch: Duration,
    records: u32,
}

#[derive(Debug, Clone, Copy)]
struct Cost {
    a_piece: Duration,
    pieces: u64,
}

/// Lets each record cost the process so much time, from now on; a broker's, each request.
#[track_caller]
pub fn set_cost(process: ProcessId, a_piece: Duration) {
    let cost = Cost { a_piece, pieces: 0 };
    let costs = world::extension::<Costs>();
    costs.0.borrow_mut().insert(process, cost);
}

/// Work costs the process nothing any more. How many pieces did since [`set_cost`].
#[track_caller]
pub fn clear_cost(process: ProcessId) -> u64 {
    let costs = world::extension::<Costs>();
    let cost = costs.0.borrow_mut().remove(&process);
    cost.map_or(0, |cost| cost.pieces)
}

/// Lets each batch cost the process so much, and so much more for each of its records, from now on.
#[track_caller]
pub fn set_batch_cost(process: ProcessId, a_record: Duration, a_batch: Duration) {
    let cost = BatchCost {
        a_record,
        a_batch,
        records: 0,
    };
    let costs = world::extension::<BatchCosts>();
    costs.0.borrow_mut().insert(process, cost);
}

/// Spends what the records cost the current process that it was handed since it was called last.
/// To be called when the process is about to commit a transaction of its sink.
pub fn spend_on_batch() {
    let costs = world::extension::<BatchCosts>();
    let cost = costs
        .0
        .borrow_mut()
        .get_mut(&process::current())
        .map_or(Duration::ZERO, BatchCost::take);
    if !cost.is_zero() {
        task::block_on(time::sleep(cost));
    }
}

impl BatchCost {
    /// What the records in hand cost; nothing where there are none. Then none are in hand.
    fn take(&mut self) -> Duration {
        match std::mem::take(&mut self.records) {
            0 => Duration::ZERO,
            records => self.a_batch + self.a_record * records,
        }
    }
}

/// Spends what one record costs the current process. To be called by a client when it has handed
/// a record to the application.
pub fn spend_on_record() {
    if !task::may_block() {
        return;
    }
    let batches = world::extension::<BatchCosts>();
    if let Some(batch) = batches.0.borrow_mut().get_mut(&process::current()) {
        batch.records += 1;
    }
    if let Some(cost) = take_piece() {
        task::block_on(time::sleep(cost));
    }
}

/// Spends what one request costs the current process, a broker.
pub(crate) async fn spend_on_request() {
    if let Some(cost) = take_piece() {
        time::sleep(cost).await;
    }
}

/// What the piece that is at hand costs the current process.
fn take_piece() -> Option<Duration> {
    let costs = world::extension::<Costs>();
    let mut costs = costs.0.borrow_mut();
    if costs.is_empty() {
        return None;
    }
    let cost = costs.get_mut(&process::current())?;
    cost.pieces += 1;
    Some(cost.a_piece)
}
