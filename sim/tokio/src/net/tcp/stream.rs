//! A TCP stream.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes_crate::BufMut;
use real_tokio::io::{AsyncRead, AsyncWrite};
use whitewater_sim::byte_stream::ByteStream;

use super::connection::{Connection, gather};
use super::options::Options;
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::io::{Interest, ReadBuf, Ready};
use crate::net::addr::{ToSocketAddrs, resolve};
use crate::runtime::require_io;
use crate::unsimulated::refuse;

/// A TCP stream between two simulated processes. Socket options are kept and have no effect.
pub struct TcpStream {
    connection: Arc<Connection>,
}

impl TcpStream {
    /// Connects to the first of the addresses that accepts. As on a real network, an attempt over
    /// a cut takes as long as the caller lets it.
    ///
    /// # Errors
    /// The name does not resolve, nobody listens there, or there is no such host.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<Self> {
        let mut last = None;
        for addr in resolve(addr)? {
            match Self::connect_with(addr, Options::default()).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            let text = "could not resolve to any address";
            io::Error::new(io::ErrorKind::InvalidInput, text)
        }))
    }

    pub(crate) async fn connect_with(addr: SocketAddr, options: Options) -> io::Result<Self> {
        require_io();
        let stream = ByteStream::connect(addr).await?;
        Ok(Self::new(stream, options))
    }

    pub(crate) fn new(stream: ByteStream, options: Options) -> Self {
        Self {
            connection: Connection::new(stream, options),
        }
    }

    pub(crate) fn from_connection(connection: Arc<Connection>) -> Self {
        Self { connection }
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always: std's sockets are real.
    #[track_caller]
    pub fn from_std(_stream: std::net::TcpStream) -> io::Result<Self> {
        refuse(
            "tokio::net::TcpStream::from_std",
            "std's sockets are real ones",
        );
    }

    /// Not simulated.
    ///
    /// # Errors
    /// None.
    ///
    /// # Panics
    /// Always: std's sockets are real.
    #[track_caller]
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        refuse(
            "tokio::net::TcpStream::into_std",
            "std's sockets are real ones",
        );
    }

    /// The address of this end.
    ///
    /// # Errors
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connection.local_addr())
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// None here.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.connection.peer_addr())
    }

    /// Always `None`: errors are reported by reads and writes.
    ///
    /// # Errors
    /// None here.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }

    /// Reads without taking.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.connection.poll_peek(cx, buf)
    }

    /// Reads without taking.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        poll_fn(|cx| self.poll_peek(cx, &mut buf)).await
    }

    /// Waits for any event of `interest`.
    ///
    /// # Errors
    /// None here.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.connection.ready(interest).await
    }

    /// Waits until a read would return at once.
    ///
    /// # Errors
    /// None here.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(drop)
    }

    /// Polls for a read that would return at once.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.connection.poll_ready(cx, Interest::READABLE);
        ready.map(|_| Ok(()))
    }

    /// Waits until a write would return at once.
    ///
    /// # Errors
    /// None here.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(drop)
    }

    /// Polls for a write that would return at once.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.connection.poll_ready(cx, Interest::WRITABLE);
        ready.map(|_| Ok(()))
    }

    /// Reads what has arrived; 0 at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has; the connection broke.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.connection.try_read(buf)
    }

    /// As [`try_read`](Self::try_read), into several buffers.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        self.connection.try_read_vectored(bufs)
    }

    /// As [`try_read`](Self::try_read), into a growing buffer.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        read_buf(buf, |chunk| self.try_read(chunk))
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` if there is none; the connection broke.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.connection.try_write(buf)
    }

    /// As [`try_write`](Self::try_write), from several buffers.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.connection.try_write_vectored(bufs)
    }

    /// Calls `f` if the socket is ready.
    ///
    /// # Errors
    /// `WouldBlock` if it is not; what `f` returns.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.connection.try_io(interest, f)
    }

    /// Calls `f` whenever the socket is ready, until it no longer says `WouldBlock`.
    ///
    /// # Errors
    /// What `f` returns.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            self.ready(interest).await?;
            match f() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    crate::task::yield_now().await;
                }
                result => return result,
            }
        }
    }

    /// The option `TCP_NODELAY`.
    ///
    /// # Errors
    /// None here.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.connection.options(|options| options.nodelay))
    }

    /// Sets `TCP_NODELAY`, without effect.
    ///
    /// # Errors
    /// None here.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.connection.options(|options| options.nodelay = nodelay);
        Ok(())
    }

    /// The option `TCP_QUICKACK`.
    ///
    /// # Errors
    /// None here.
    pub fn quickack(&self) -> io::Result<bool> {
        Ok(self.connection.options(|options| options.quickack))
    }

    /// Sets `TCP_QUICKACK`, without effect.
    ///
    /// # Errors
    /// None here.
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.connection
            .options(|options| options.quickack = quickack);
        Ok(())
    }

    /// The option `SO_LINGER`.
    ///
    /// # Errors
    /// None here.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        Ok(self.connection.options(|options| options.linger))
    }

    /// Sets `SO_LINGER`, without effect.
    ///
    /// # Errors
    /// None here.
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        self.connection.options(|options| options.linger = dur);
        Ok(())
    }

    /// Sets `SO_LINGER` to zero, without effect.
    ///
    /// # Errors
    /// None here.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// The option `IP_TTL`.
    ///
    /// # Errors
    /// None here.
    pub fn ttl(&self) -> io::Result<u32> {
        Ok(self.connection.options(|options| options.ttl))
    }

    /// Sets `IP_TTL`, without effect.
    ///
    /// # Errors
    /// None here.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.connection.options(|options| options.ttl = ttl);
        Ok(())
    }

    /// Borrowed halves.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        super::split::split(self)
    }

    /// Owned halves. Dropping the write half ends the stream towards the peer.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        super::split_owned::split(self)
    }
}

/// Reads one chunk into a growing buffer.
pub(crate) fn read_buf<B: BufMut>(
    buf: &mut B,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    /// What one read takes at most.
    const CHUNK_BYTES: usize = 8 << 10;
    let mut chunk = vec![0; buf.remaining_mut().min(CHUNK_BYTES)];
    let length = read(&mut chunk)?;
    buf.put_slice(&chunk[..length]);
    Ok(length)
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.connection.poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.connection.poll_write(cx, &gather(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // As on a real socket: what was written is on its way.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.shutdown_write();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("addr", &self.connection.local_addr())
            .field("peer", &self.connection.peer_addr())
            .finish()
    }
}
