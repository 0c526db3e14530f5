//! Unix sockets: not simulated. The types are there for crates that name them.

use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use real_tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::unsimulated::Never;

#[track_caller]
fn refuse(name: &str) -> ! {
    crate::unsimulated::refuse(name, "the simulated network carries TCP only");
}

/// The address of a Unix socket.
#[derive(Clone, Debug)]
pub struct SocketAddr {
    never: Never,
}

impl SocketAddr {
    /// Whether the address has no name.
    pub fn is_unnamed(&self) -> bool {
        match self.never {}
    }

    /// The path, if it has one.
    pub fn as_pathname(&self) -> Option<&Path> {
        match self.never {}
    }
}

/// Who is at the other end of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    never: Never,
}

impl UCred {
    /// The user.
    pub fn uid(&self) -> u32 {
        match self.never {}
    }

    /// The group.
    pub fn gid(&self) -> u32 {
        match self.never {}
    }

    /// The process.
    pub fn pid(&self) -> Option<i32> {
        match self.never {}
    }
}

/// A Unix stream; there is no value of this type.
#[derive(Debug)]
pub struct UnixStream {
    never: Never,
}

impl UnixStream {
    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    pub async fn connect<P: AsRef<Path>>(_path: P) -> io::Result<Self> {
        refuse("tokio::net::UnixStream");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn pair() -> io::Result<(Self, Self)> {
        refuse("tokio::net::UnixStream");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn from_std(_stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        refuse("tokio::net::UnixStream");
    }

    /// The address of this end.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.never {}
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// None.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.never {}
    }

    /// Who is at the other end.
    ///
    /// # Errors
    /// None.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        match self.never {}
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// None.
    pub fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        match self.never {}
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.never {}
    }
}

impl AsyncWrite for UnixStream {
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

/// A Unix listener; there is no value of this type.
#[derive(Debug)]
pub struct UnixListener {
    never: Never,
}

impl UnixListener {
    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(_path: P) -> io::Result<Self> {
        refuse("tokio::net::UnixListener");
    }

    /// The next connection.
    ///
    /// # Errors
    /// None.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        match self.never {}
    }

    /// Polls for the next connection.
    pub fn poll_accept(&self, _cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        match self.never {}
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// None.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self.never {}
    }
}

/// A Unix datagram socket; there is no value of this type.
#[derive(Debug)]
pub struct UnixDatagram {
    never: Never,
}

impl UnixDatagram {
    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(_path: P) -> io::Result<Self> {
        refuse("tokio::net::UnixDatagram");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn unbound() -> io::Result<Self> {
        refuse("tokio::net::UnixDatagram");
    }

    /// Sends to the peer.
    ///
    /// # Errors
    /// None.
    pub async fn send(&self, _buf: &[u8]) -> io::Result<usize> {
        match self.never {}
    }

    /// Receives.
    ///
    /// # Errors
    /// None.
    pub async fn recv(&self, _buf: &mut [u8]) -> io::Result<usize> {
        match self.never {}
    }
}

/// A Unix socket that is not connected yet; there is no value of this type.
#[derive(Debug)]
pub struct UnixSocket {
    never: Never,
}

impl UnixSocket {
    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn new_stream() -> io::Result<Self> {
        refuse("tokio::net::UnixSocket");
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always.
    #[track_caller]
    pub fn new_datagram() -> io::Result<Self> {
        refuse("tokio::net::UnixSocket");
    }

    /// Connects.
    ///
    /// # Errors
    /// None.
    pub async fn connect(self, _path: impl AsRef<Path>) -> io::Result<UnixStream> {
        match self.never {}
    }
}
