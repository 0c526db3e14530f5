//! One file per subcommand.

pub(crate) mod compare;
pub(crate) mod determinism;
pub(crate) mod doctor;
pub(crate) mod list;
pub(crate) mod merge;
pub(crate) mod ramp;
pub(crate) mod real;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod shrink;
pub(crate) mod test;
