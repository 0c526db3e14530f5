//! The records of a load: from a generator or a file, with what is done to them on the way.

pub mod activity;
pub mod disorder;
pub mod file;
mod hot_key;
pub mod load;
mod malformed;
pub mod pace;
pub mod path;
pub mod record;
pub mod trades;
