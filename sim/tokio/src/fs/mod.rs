//! Files: not simulated. Everything that would touch one panics with its own name; what it was
//! meant for usually has a simulated counterpart (SQLite's file system, an object store).

mod dir;
mod file;
mod functions;
mod open_options;

pub use dir::{DirBuilder, DirEntry, ReadDir};
pub use file::File;
pub use functions::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_dir, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink,
    symlink_metadata, try_exists, write,
};
pub use open_options::OpenOptions;

#[track_caller]
fn refuse(name: &str) -> ! {
    crate::unsimulated::refuse(
        name,
        "a simulated process has no files of its own; keep this out of the code under test",
    );
}
