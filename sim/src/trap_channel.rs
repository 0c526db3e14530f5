//! How a child's record of an escape gets to its parent: a file in memory that both have open.
#![expect(unsafe_code, reason = "makes a file in memory")]

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};

use crate::trap_record::EscapeRecord;

/// Made by the parent before it forks.
#[derive(Debug)]
pub struct EscapeChannel(File);

impl EscapeChannel {
    /// An empty channel.
    ///
    /// # Errors
    /// Where no descriptor is left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a name that ends with a zero; the descriptor is new, and ours alone.
        unsafe {
            match libc::memfd_create(c"escape".as_ptr(), libc::MFD_CLOEXEC) {
                -1 => Err(io::Error::last_os_error()),
                descriptor => Ok(Self(File::from_raw_fd(descriptor))),
            }
        }
    }

    /// The child's end, for [`crate::trap::TrapOptions::descriptor`].
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// What the child wrote before it ended; `None` where nothing escaped.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn read(mut self) -> io::Result<Option<EscapeRecord>> {
        self.0.rewind()?;
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(EscapeRecord::parse(&bytes))
    }
}
