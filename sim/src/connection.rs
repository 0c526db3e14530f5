//! Connections, as the processes at their ends hold them.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use crate::descriptor::{
    CloseReason, Descriptor, DescriptorId, register_descriptor, release_descriptor,
};
use crate::network::Message;
use crate::socket::{Frame, close_end, transmit};
use crate::world;

/// One end of a connection. Dropping it closes it.
pub struct Connection {
    pub(crate) id: u64,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Connection({} -> {})", self.local, self.peer)
    }
}

struct EndDescriptor(u64);

impl Descriptor for EndDescriptor {
    fn close(&mut self, how: CloseReason) {
        close_end(self.0, how);
    }
}

/// Enters one end of a connection into the table of the current process.
pub(crate) fn register_end(id: u64) -> DescriptorId {
    register_descriptor(Box::new(EndDescriptor(id)))
}

impl Connection {
    /// Sends a message that counts as `bytes`. It is on its way at once; nothing limits how many
    /// are (see [`crate::byte_stream`] for a stream that does).
    ///
    /// # Errors
    ///
    /// `BrokenPipe` where this end was closed for sending or the connection is known to be broken.
    pub fn send(&self, message: Message, bytes: usize) -> io::Result<()> {
        world::with(|world| {
            let mut network = world.network.borrow_mut();
            let end = network
                .ends
                .get_mut(&self.id)
                .filter(|end| !end.closed && !end.write_shut)
                .ok_or(ErrorKind::BrokenPipe)?;
            if end.broke {
                return Err(end.broken.take().unwrap_or(ErrorKind::BrokenPipe).into());
            }
            end.outstanding += bytes;
            drop(network);
            transmit(world, self.id, Frame::Data(message, bytes));
            Ok(())
        })
    }

    /// The next message; `None` once the peer has closed its end and all was received.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` once where the connection broke, after what had arrived before.
    pub async fn receive(&self) -> io::Result<Option<Message>> {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// As [`Connection::receive`]; the last task that polled is woken.
    pub fn poll_receive(&self, context: &mut Context<'_>) -> Poll<io::Result<Option<Message>>> {
        world::with(|world| {
            let mut network = world.network.borrow_mut();
            let end = network
                .ends
                .get_mut(&self.id)
                .filter(|end| !end.closed)
                .ok_or(ErrorKind::NotConnected)?;
            if let Some((message, _)) = end.inbox.pop_front() {
                return Poll::Ready(Ok(Some(message)));
            }
            if let Some(error) = end.broken.take() {
                return Poll::Ready(Err(error.into()));
            }
            if end.fin_arrived || end.broke {
                return Poll::Ready(Ok(None));
            }
            end.reader = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Ready once fewer than `limit` bytes are sent but not acknowledged by
    /// [`Connection::acknowledge`] of the peer, or the connection broke.
    pub(crate) fn poll_window(&self, limit: usize, context: &mut Context<'_>) -> Poll<usize> {
        world::with(|world| {
            let mut network = world.network.borrow_mut();
            match network.ends.get_mut(&self.id) {
                Some(end) if !end.broke && !end.closed && end.outstanding >= limit => {
                    end.writer = Some(context.waker().clone());
                    Poll::Pending
                }
                Some(end) => Poll::Ready(limit.saturating_sub(end.outstanding).max(1)),
                None => Poll::Ready(limit),
            }
        })
    }

    /// Tells the peer that `bytes` were taken.
    pub(crate) fn acknowledge(&self, bytes: usize) {
        world::with(|world| transmit(world, self.id, Frame::Credit(bytes)));
    }

    /// Says that nothing more will be sent; receiving goes on.
    pub fn shutdown_write(&self) {
        let first = world::with(|world| {
            let mut network = world.network.borrow_mut();
            let end = network.ends.get_mut(&self.id)?;
            (!end.closed && !end.broke && !std::mem::replace(&mut end.write_shut, true))
                .then_some(())
        });
        if first.is_some() {
            world::with(|world| transmit(world, self.id, Frame::Fin));
        }
    }

    /// Closes this end, as dropping it does: what was sent still arrives, then the peer sees the
    /// end (a reset where messages were left unread here).
    pub fn close(&self) {
        let descriptor = world::try_with(|world| {
            let mut network = world.network.borrow_mut();
            network.ends.get_mut(&self.id)?.descriptor.take()
        });
        if let Some(Some(descriptor)) = descriptor {
            release_descriptor(descriptor);
            close_end(self.id, CloseReason::Exited);
        }
    }

    /// The address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The address of the other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}
