//! Making a connection: the request travels, is answered or held back, and the answer travels.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use crate::connection::{Connection, register_end};
use crate::descriptor::{CloseReason, DescriptorId};
use crate::host::{self, HostId};
use crate::link::Place;
use crate::network::{Network, current_place, free_port, is_up, latency};
use crate::packet_loss;
use crate::socket::{End, close_end};
use crate::world::{self, World};

/// A connection being made.
pub(crate) struct Connecting {
    pub(crate) from: Place,
    pub(crate) local: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) result: Option<Result<(), ErrorKind>>,
    /// The answer is under way.
    pub(crate) answered: Option<Result<(), ErrorKind>>,
    pub(crate) answered_by: Option<Place>,
    pub(crate) waiting: Option<Waker>,
    pub(crate) timer_set: bool,
    /// How often the request or its answer was lost and is sent again.
    pub(crate) resent: u32,
    pub(crate) descriptor: DescriptorId,
}

/// Connects to a listening process: by its own address, its host's, or (on the same host)
/// a loopback address. Waits for ever where nothing answers: a timeout is the caller's.
///
/// # Errors
///
/// `ConnectionRefused` where nobody listens there, `HostUnreachable` where there is no such host.
pub async fn connect(to: SocketAddr) -> io::Result<Connection> {
    let attempt = Attempt::start(to);
    poll_fn(|context| attempt.poll(context)).await
}

/// An attempt to connect; dropping it gives it up.
struct Attempt {
    id: u64,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Attempt {
    fn start(to: SocketAddr) -> Self {
        let id = world::with(|world| {
            let mut network = world.network.borrow_mut();
            network.last_id += 1;
            network.last_id
        });
        let descriptor = register_end(id);
        world::with(|world| {
            let from = current_place(world);
            let port = free_port(world, from.0);
            let local = SocketAddr::new(world.processes.borrow().get(from.0).ip, port);
            let state = Connecting {
                from,
                local,
                to,
                result: None,
                answered: None,
                answered_by: None,
                waiting: None,
                timer_set: true,
                resent: 0,
                descriptor,
            };
            world.network.borrow_mut().connecting.insert(id, state);
            let target = destination(world, from, to);
            let delay = latency(world, from, target.map_or(from, |(_, place)| place));
            world.set_call(world.now_ns() + delay, connect_step, id);
            Self {
                id,
                local,
                peer: to,
            }
        })
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        world::with(|world| {
            let mut network = world.network.borrow_mut();
            let Some(state) = network.connecting.get_mut(&self.id) else {
                return Poll::Ready(Err(ErrorKind::NotConnected.into()));
            };
            let Some(result) = state.result else {
                state.waiting = Some(context.waker().clone());
                return Poll::Pending;
            };
            let descriptor = state.descriptor;
            network.connecting.remove(&self.id);
            if let (Ok(()), Some(end)) = (result, network.ends.get_mut(&self.id)) {
                end.descriptor = Some(descriptor);
                return Poll::Ready(Ok(Connection {
                    id: self.id,
                    local: self.local,
                    peer: self.peer,
                }));
            }
            drop(network);
            world.processes.borrow_mut().release(descriptor);
            let error = result.err().unwrap_or(ErrorKind::ConnectionReset);
            Poll::Ready(Err(error.into()))
        })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let given_up = world::try_with(|world| {
            let mut network = world.network.borrow_mut();
            let state = network.connecting.remove(&self.id)?;
            drop(network);
            world.processes.borrow_mut().release(state.descriptor);
            Some(())
        });
        if given_up.flatten().is_some() {
            close_end(self.id, CloseReason::Exited);
        }
    }
}

/// Where a connection to `to` goes: the address of the listener, and its place; where nobody
/// listens, the place that refuses.
fn destination(world: &World, from: Place, to: SocketAddr) -> Option<(Option<SocketAddr>, Place)> {
    let processes = world.processes.borrow();
    let network = world.network.borrow();
    let exact = processes.iter().find(|(_, process)| process.ip == to.ip());
    if let Some((id, process)) = exact {
        let listener = network.listeners.contains_key(&to).then_some(to);
        return Some((listener, (id, process.host)));
    }
    let host = if to.ip().is_loopback() {
        from.1
    } else {
        let hosts = world.hosts.borrow();
        (0..)
            .map(HostId)
            .take(hosts.len())
            .find(|id| host::host_ip(*id) == to.ip())?
    };
    let listener = network
        .listeners
        .iter()
        .find(|(local, listener)| local.port() == to.port() && listener.owner.1 == host);
    match listener {
        Some((local, listener)) => Some((Some(*local), listener.owner)),
        // The host's kernel refuses; no process has to run for that.
        None => Some((None, (from.0, host))),
    }
}

/// The request to connect arrives, or its answer does.
pub(crate) fn connect_step(id: u64) {
    let woken = world::with(|world| {
        let mut network = world.network.borrow_mut();
        let state = network.connecting.get_mut(&id)?;
        state.timer_set = false;
        let (from, local, to) = (state.from, state.local, state.to);
        if packet_loss::connect_again_after_ns(state.resent).is_none() {
            return network.connect_again(id, world);
        }
        if let (Some(answer), Some(by)) = (state.answered, state.answered_by) {
            if network.links.is_cut(by, from) {
                return None;
            }
            if packet_loss::loses(network.links.loss(by, from), world) {
                return network.connect_again(id, world);
            }
            let state = network.connecting.get_mut(&id)?;
            state.result = Some(answer);
            return state.waiting.take();
        }
        drop(network);
        let Some((listener, target)) = destination(world, from, to) else {
            let mut network = world.network.borrow_mut();
            let state = network.connecting.get_mut(&id)?;
            state.result = Some(Err(ErrorKind::HostUnreachable));
            return state.waiting.take();
        };
        if world.network.borrow().links.is_cut(from, target) || !is_up(world, target.1) {
            return None;
        }
        let mut network = world.network.borrow_mut();
        if packet_loss::loses(network.links.loss(from, target), world) {
            return network.connect_again(id, world);
        }
        drop(network);
        let delay = latency(world, target, from);
        let mut network = world.network.borrow_mut();
        let answer = match listener {
            Some(_) => Ok(()),
            None => Err(ErrorKind::ConnectionRefused),
        };
        let state = network.connecting.get_mut(&id)?;
        state.answered = Some(answer);
        state.answered_by = Some(target);
        state.timer_set = true;
        let woken = listener.and_then(|listener| network.establish(id, listener, local));
        drop(network);
        world.set_call(world.now_ns() + delay, connect_step, id);
        woken
    });
    if let Some(waker) = woken {
        waker.wake();
    }
}

impl Network {
    /// The request to connect was lost, or its answer: it is sent again later, or given up.
    fn connect_again(&mut self, id: u64, world: &World) -> Option<Waker> {
        let state = self.connecting.get_mut(&id)?;
        let Some(pause_ns) = packet_loss::connect_again_after_ns(state.resent) else {
            state.result = Some(Err(ErrorKind::TimedOut));
            return state.waiting.take();
        };
        state.resent += 1;
        state.timer_set = true;
        world.set_call(world.now_ns() + pause_ns, connect_step, id);
        None
    }

    /// Makes both ends of a connection. The client's end has the id of the attempt.
    fn establish(&mut self, id: u64, listener: SocketAddr, client: SocketAddr) -> Option<Waker> {
        self.last_id += 1;
        let server_id = self.last_id;
        let from = self.connecting.get(&id)?.from;
        let accepting = self.listeners.get_mut(&listener)?;
        self.ends
            .insert(id, End::new(from, client, listener, server_id));
        self.ends
            .insert(server_id, End::new(accepting.owner, listener, client, id));
        accepting.backlog.push_back(server_id);
        accepting.acceptor.take()
    }
}
