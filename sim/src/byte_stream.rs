//! Streams of bytes over a connection, with a bounded number of bytes under way.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use crate::network::{self, Connection};

/// As many bytes may be sent without having been read by the peer: about what Linux's default
/// socket buffers hold.
const WINDOW_BYTES: usize = 256 << 10;
/// A write sends at most this much in one message.
const CHUNK_BYTES: usize = 64 << 10;

/// A stream of bytes. Both ends of its connection have to be one.
#[derive(Debug)]
pub struct ByteStream {
    connection: Connection,
    read: VecDeque<Bytes>,
}

impl ByteStream {
    /// Makes a stream of a connection.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            read: VecDeque::new(),
        }
    }

    /// Connects to a listener; see [`network::connect`].
    pub async fn connect(to: SocketAddr) -> io::Result<Self> {
        Ok(Self::new(network::connect(to).await?))
    }

    /// Reads what has arrived into `buffer`: how many bytes, 0 for the end (or an empty buffer).
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match self.poll_fill(context)? {
            Poll::Pending => Poll::Pending,
            Poll::Ready(false) => Poll::Ready(Ok(0)),
            Poll::Ready(true) => {
                let bytes = self.copy_to(buffer);
                self.connection.acknowledge(bytes);
                Poll::Ready(Ok(bytes))
            }
        }
    }

    /// As [`ByteStream::poll_read`], but leaves the bytes to be read again.
    pub fn poll_peek(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(match self.poll_fill(context)? {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(false) => Ok(0),
            Poll::Ready(true) => {
                let first = &self.read[0];
                let bytes = first.len().min(buffer.len());
                buffer[..bytes].copy_from_slice(&first[..bytes]);
                Ok(bytes)
            }
        })
    }

    /// Waits until there is something to read (true) or the stream has ended (false).
    pub fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.read.is_empty() {
            match self.connection.poll_receive(context)? {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(false)),
                Poll::Ready(Some(message)) => match message.downcast::<Bytes>() {
                    Ok(bytes) if bytes.is_empty() => {}
                    Ok(bytes) => self.read.push_back(*bytes),
                    Err(_) => return Poll::Ready(Err(ErrorKind::InvalidData.into())),
                },
            }
        }
        Poll::Ready(Ok(true))
    }

    fn copy_to(&mut self, buffer: &mut [u8]) -> usize {
        let Some(first) = self.read.front_mut() else {
            return 0;
        };
        let bytes = first.len().min(buffer.len());
        first.copy_to_slice(&mut buffer[..bytes]);
        if first.is_empty() {
            self.read.pop_front();
        }
        bytes
    }

    /// Sends the start of `buffer`: how many bytes. Waits while too many are under way.
    ///
    /// # Errors
    ///
    /// `BrokenPipe` or `ConnectionReset` where the stream was shut down or broke.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.connection
            .poll_window(WINDOW_BYTES, context)
            .map(|room| {
                let bytes = buffer.len().min(room).min(CHUNK_BYTES);
                let chunk = Bytes::copy_from_slice(&buffer[..bytes]);
                self.connection.send(Box::new(chunk), bytes)?;
                Ok(bytes)
            })
    }

    /// Whether [`ByteStream::poll_write`] would take something now.
    pub fn poll_write_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.connection
            .poll_window(WINDOW_BYTES, context)
            .map(|_| ())
    }

    /// Ends the stream towards the peer; reading goes on.
    pub fn shutdown(&mut self) {
        self.connection.shutdown_write();
    }

    /// The address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        self.connection.local_addr()
    }

    /// The address of the other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.connection.peer_addr()
    }
}
