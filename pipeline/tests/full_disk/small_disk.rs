//! A small disk of its own, so that it can be full while the machine's is not.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The unit in which a tmpfs gives out room.
const PAGE: usize = 4096;

/// A tmpfs. Dropping it unmounts it.
pub(crate) struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one; `None` where nobody may mount.
    pub(crate) fn mount(mib: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={mib}m,mode=0777");
        let mounted = as_root("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self { folder })
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets a neighbour take all the room that is left.
    pub(crate) fn fill(&self) {
        let mut neighbour = File::create(self.path().join("neighbour")).unwrap();
        loop {
            match neighbour.write_all(&[0; PAGE]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{}: {error}", self.path().display()),
            }
        }
    }

    /// Removes what the neighbour wrote.
    pub(crate) fn free(&self) {
        fs::remove_file(self.path().join("neighbour")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: who still holds a file of it must not keep the mount for ever.
        let _ = as_root("umount").arg("-l").arg(self.path()).status();
    }
}

fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}
