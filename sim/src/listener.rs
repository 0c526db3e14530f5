//! Listening sockets.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use crate::connection::{Connection, register_end};
use crate::descriptor::{
    CloseReason, Descriptor, DescriptorId, register_descriptor, release_descriptor,
};
use crate::link::Place;
use crate::network::{current_place, free_port};
use crate::socket::close_end;
use crate::world;

pub(crate) struct ListenerState {
    pub(crate) owner: Place,
    pub(crate) backlog: VecDeque<u64>,
    pub(crate) acceptor: Option<Waker>,
}

/// Accepts connections to one port of the process that made it. Dropping it closes it.
#[derive(Debug)]
pub struct Listener {
    local: SocketAddr,
    descriptor: DescriptorId,
}

struct ListenerDescriptor(SocketAddr);

impl Descriptor for ListenerDescriptor {
    fn close(&mut self, how: CloseReason) {
        close_listener(self.0, how);
    }
}

/// Listens on a port of the current process's address; port 0 means any free one.
///
/// # Errors
///
/// `AddrInUse` where the process listens there already.
#[track_caller]
pub fn listen(port: u16) -> io::Result<Listener> {
    let local = world::with(|world| {
        let owner = current_place(world);
        let ip = world.processes.borrow().get(owner.0).ip;
        let port = if port == 0 {
            free_port(world, owner.0)
        } else {
            port
        };
        let local = SocketAddr::new(ip, port);
        let mut network = world.network.borrow_mut();
        if network.listeners.contains_key(&local) {
            return Err(ErrorKind::AddrInUse);
        }
        let state = ListenerState {
            owner,
            backlog: VecDeque::new(),
            acceptor: None,
        };
        network.listeners.insert(local, state);
        Ok(local)
    })?;
    let descriptor = register_descriptor(Box::new(ListenerDescriptor(local)));
    Ok(Listener { local, descriptor })
}

impl Listener {
    /// Its address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next connection, with the peer's address.
    ///
    /// # Errors
    ///
    /// `NotConnected` where the listener is closed.
    pub async fn accept(&self) -> io::Result<(Connection, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// As [`Listener::accept`]; the last task that polled is woken.
    pub fn poll_accept(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Connection, SocketAddr)>> {
        let accepted = world::with(|world| {
            let mut network = world.network.borrow_mut();
            let Some(listener) = network.listeners.get_mut(&self.local) else {
                return Poll::Ready(None);
            };
            match listener.backlog.pop_front() {
                Some(id) => Poll::Ready(Some(id)),
                None => {
                    listener.acceptor = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        accepted.map(|id| {
            let id = id.ok_or(ErrorKind::NotConnected)?;
            let descriptor = register_end(id);
            let connection = world::with(|world| {
                let mut network = world.network.borrow_mut();
                let end = network.ends.get_mut(&id)?;
                end.descriptor = Some(descriptor);
                end.owner = current_place(world);
                Some(Connection {
                    id,
                    local: end.local,
                    peer: end.peer,
                })
            });
            let connection = connection.ok_or(ErrorKind::ConnectionAborted)?;
            let peer = connection.peer;
            Ok((connection, peer))
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if release_descriptor(self.descriptor).is_some() {
            close_listener(self.local, CloseReason::Exited);
        }
    }
}

fn close_listener(local: SocketAddr, how: CloseReason) {
    let listener = world::with(|world| world.network.borrow_mut().listeners.remove(&local));
    let Some(listener) = listener else { return };
    for id in listener.backlog {
        close_end(id, how);
    }
    if let Some(waker) = listener.acceptor.filter(|_| how == CloseReason::Exited) {
        waker.wake();
    }
}
