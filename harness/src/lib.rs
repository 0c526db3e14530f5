//! Scenarios, plans, oracle and checkers: proves a Kafka data pipeline right before production does.

pub mod pipeline_under_test;
