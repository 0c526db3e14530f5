//! The proof that a full disk, the sink's or the broker's, loses nothing and goes unnoticed by nobody.

mod alerts;
mod course;
mod small_disk;

pub(crate) use course::prove_full_disks;
pub(crate) use small_disk::SmallDisk;
