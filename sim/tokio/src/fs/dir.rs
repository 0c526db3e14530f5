//! Directories: not simulated.

use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use super::refuse;
use crate::unsimulated::Never;

/// The entries of a directory; there is no value of this type.
#[derive(Debug)]
pub struct ReadDir {
    never: Never,
}

impl ReadDir {
    /// The next entry.
    ///
    /// # Errors
    /// None.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        match self.never {}
    }

    /// Polls for the next entry.
    pub fn poll_next_entry(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        match self.never {}
    }
}

/// An entry of a directory; there is no value of this type.
#[derive(Debug)]
pub struct DirEntry {
    never: Never,
}

impl DirEntry {
    /// The entry's path.
    pub fn path(&self) -> PathBuf {
        match self.never {}
    }

    /// The entry's name.
    pub fn file_name(&self) -> OsString {
        match self.never {}
    }

    /// The entry's metadata.
    ///
    /// # Errors
    /// None.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        match self.never {}
    }

    /// The entry's type.
    ///
    /// # Errors
    /// None.
    pub async fn file_type(&self) -> io::Result<FileType> {
        match self.never {}
    }
}

/// Makes directories: not simulated.
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
}

impl DirBuilder {
    /// A builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether missing parents are made too.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn create(&self, _path: impl AsRef<Path>) -> io::Result<()> {
        refuse("tokio::fs::DirBuilder::create");
    }
}
