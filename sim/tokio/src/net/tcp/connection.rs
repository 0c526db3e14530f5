//! One end of a connection, shared by the halves of a stream.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use whitewater_sim::byte_stream::ByteStream;

use super::options::Options;
use crate::io::{Interest, ReadBuf, Ready};
use crate::net::wakers::Wakers;
use crate::task::coop;

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    state: Mutex<State>,
    readers: Wakers,
    writers: Wakers,
    local: SocketAddr,
    peer: SocketAddr,
}

#[derive(Debug)]
struct State {
    stream: ByteStream,
    options: Options,
    write_shut: bool,
}

impl Connection {
    pub(crate) fn new(stream: ByteStream, options: Options) -> Arc<Self> {
        Arc::new(Self {
            local: stream.local_addr(),
            peer: stream.peer_addr(),
            state: Mutex::new(State {
                stream,
                options,
                write_shut: false,
            }),
            readers: Wakers::new(),
            writers: Wakers::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) fn options<R>(&self, f: impl FnOnce(&mut Options) -> R) -> R {
        f(&mut self.state().options)
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let budget = ready!(coop::poll_proceed(cx));
        let waker = self.readers.join(cx);
        let read = ready!(read_with(waker, &mut self.state().stream, buf));
        budget.made_progress();
        Poll::Ready(read)
    }

    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut cx = Context::from_waker(self.readers.join(cx));
        let buffer = buf.initialize_unfilled();
        let peeked = ready!(self.state().stream.poll_peek(&mut cx, buffer))?;
        buf.advance(peeked);
        Poll::Ready(Ok(peeked))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut cx = Context::from_waker(self.writers.join(cx));
        let written = ready!(self.state().stream.poll_write(&mut cx, buf));
        budget.made_progress();
        Poll::Ready(written)
    }

    /// Ends the stream towards the peer.
    pub(crate) fn shutdown_write(&self) {
        let mut state = self.state();
        state.write_shut = true;
        state.stream.shutdown();
    }

    /// Ready once one of the events of `interest` holds.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, interest: Interest) -> Poll<Ready> {
        let mut ready = Ready::EMPTY;
        let mut state = self.state();
        if interest.is_readable() {
            let mut cx = Context::from_waker(self.readers.join(cx));
            ready |= match state.stream.poll_fill(&mut cx) {
                Poll::Pending => Ready::EMPTY,
                Poll::Ready(Ok(true)) => Ready::READABLE,
                Poll::Ready(Ok(false)) => Ready::READABLE | Ready::READ_CLOSED,
                Poll::Ready(Err(_)) => Ready::READABLE | Ready::READ_CLOSED | Ready::ERROR,
            };
        }
        if interest.is_writable() {
            let mut cx = Context::from_waker(self.writers.join(cx));
            ready |= match state.stream.poll_write_ready(&mut cx) {
                Poll::Pending => Ready::EMPTY,
                Poll::Ready(()) if state.write_shut => Ready::WRITABLE | Ready::WRITE_CLOSED,
                Poll::Ready(()) => Ready::WRITABLE,
            };
        }
        let ready = ready & interest.mask();
        if ready.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(ready)
        }
    }

    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let ready = poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            let ready = ready!(self.poll_ready(cx, interest));
            budget.made_progress();
            Poll::Ready(ready)
        });
        Ok(ready.await)
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        let read = read_with(Waker::noop(), &mut self.state().stream, &mut buf);
        at_once(read)?;
        Ok(buf.filled().len())
    }

    pub(crate) fn try_read_vectored(&self, bufs: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        let mut total = 0;
        for buf in bufs.iter_mut().filter(|buf| !buf.is_empty()) {
            match self.try_read(buf) {
                Ok(read) => {
                    total += read;
                    if read < buf.len() {
                        break;
                    }
                }
                Err(_) if total > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        let mut cx = Context::from_waker(Waker::noop());
        at_once(self.state().stream.poll_write(&mut cx, buf))
    }

    pub(crate) fn try_write_vectored(&self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(&gather(bufs))
    }

    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        let mut cx = Context::from_waker(Waker::noop());
        match self.poll_ready(&mut cx, interest) {
            Poll::Ready(_) => f(),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Reads whatever has arrived, as one system call would.
fn read_with(
    waker: &Waker,
    stream: &mut ByteStream,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let mut cx = Context::from_waker(waker);
    let read = ready!(stream.poll_read(&mut cx, buf.initialize_unfilled()))?;
    buf.advance(read);
    Poll::Ready(Ok(()))
}

fn at_once<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// One message for a vectored write: on a stream of bytes it makes no difference.
pub(crate) fn gather(bufs: &[io::IoSlice<'_>]) -> Vec<u8> {
    bufs.iter().flat_map(|buf| buf.iter().copied()).collect()
}
