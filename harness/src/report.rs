//! What people read: lines for scenarios, failures and the summary. Pure rendering; no report
//! computes a verdict.

pub mod failure;
pub mod number;
pub mod replay;
pub mod shrunk;
pub mod side_by_side;
pub mod status;
pub mod style;
pub mod summary;
pub mod tally;
