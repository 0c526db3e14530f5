//! `init`: the small workspace beside a crate that brings it into the simulator.

mod crate_under_test;
mod write;

pub(crate) use write::init;
