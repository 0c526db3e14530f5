//! A pipeline that reads one topic and writes another, each result and the offset of its record in one
//! Kafka transaction: every trade's notional value, exactly once.

mod notional;
mod transactions;
pub mod under_test;
mod worker;
