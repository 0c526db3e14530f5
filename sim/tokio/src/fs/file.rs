//! An open file: not simulated.

use std::fs::{Metadata, Permissions};
use std::io::{self, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use real_tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::{OpenOptions, refuse};
use crate::unsimulated::Never;

/// An open file; there is no value of this type.
#[derive(Debug)]
pub struct File {
    never: Never,
}

impl File {
    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn open(_path: impl AsRef<Path>) -> io::Result<Self> {
        refuse("tokio::fs::File::open");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn create(_path: impl AsRef<Path>) -> io::Result<Self> {
        refuse("tokio::fs::File::create");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn create_new<P: AsRef<Path>>(_path: P) -> io::Result<Self> {
        refuse("tokio::fs::File::create_new");
    }

    /// Options with none set.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Not simulated.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn from_std(_std: std::fs::File) -> Self {
        refuse("tokio::fs::File::from_std");
    }

    /// Forces everything to disk.
    ///
    /// # Errors
    /// None.
    pub async fn sync_all(&self) -> io::Result<()> {
        match self.never {}
    }

    /// Forces the contents to disk.
    ///
    /// # Errors
    /// None.
    pub async fn sync_data(&self) -> io::Result<()> {
        match self.never {}
    }

    /// Truncates or extends.
    ///
    /// # Errors
    /// None.
    pub async fn set_len(&self, _size: u64) -> io::Result<()> {
        match self.never {}
    }

    /// The file's metadata.
    ///
    /// # Errors
    /// None.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        match self.never {}
    }

    /// Another handle of the file.
    ///
    /// # Errors
    /// None.
    pub async fn try_clone(&self) -> io::Result<Self> {
        match self.never {}
    }

    /// std's file.
    pub async fn into_std(self) -> std::fs::File {
        match self.never {}
    }

    /// std's file, unless an operation is under way.
    ///
    /// # Errors
    /// None.
    pub fn try_into_std(self) -> Result<std::fs::File, Self> {
        match self.never {}
    }

    /// Changes the permissions.
    ///
    /// # Errors
    /// None.
    pub async fn set_permissions(&self, _perm: Permissions) -> io::Result<()> {
        match self.never {}
    }

    /// Limits the buffer.
    pub fn set_max_buf_size(&mut self, _max_buf_size: usize) {
        match self.never {}
    }

    /// The limit of the buffer.
    pub fn max_buf_size(&self) -> usize {
        match self.never {}
    }
}

impl AsyncRead for File {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.never {}
    }
}

impl AsyncSeek for File {
    fn start_seek(self: Pin<&mut Self>, _position: SeekFrom) -> io::Result<()> {
        match self.never {}
    }

    fn poll_complete(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match self.never {}
    }
}

impl AsyncWrite for File {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.never {}
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.never {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.never {}
    }
}
