//! Transactions as producers and readers see them.

mod coordinating;
mod offsets;
mod producer;
mod reading;
mod state_machine;
