//! The network: ordered, reliable connections that carry messages, as TCP carries bytes.
//!
//! Each message takes a latency drawn from the seed; those of one connection and direction arrive
//! in order. Handles hold ids only: the state of a connection belongs to the kernels of the two
//! hosts, so it outlives a killed process just long enough to tell the peer.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::task::{Context, Poll, Waker};

use crate::descriptor::{
    CloseReason, Descriptor, DescriptorId, register_descriptor, release_descriptor,
};
use crate::host::{self, HostId};
use crate::link::{Links, Place};
use crate::process::ProcessId;
use crate::random::Stream;
use crate::world::{self, World};

/// What travels over connections.
pub type Message = Box<dyn Any>;

/// The first port that the system hands out by itself, as on Linux.
const EPHEMERAL_PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// What travels on the wire.
enum Frame {
    Data(Message, usize),
    /// The sender will send no more.
    Fin,
    /// There is no such connection (any more).
    Reset,
    /// The receiver has taken so many bytes.
    Credit(usize),
}

/// One end of a connection.
struct End {
    owner: Place,
    local: SocketAddr,
    peer: SocketAddr,
    other: u64,
    /// On the way to this end, with their times of arrival.
    wire: VecDeque<(u64, Frame)>,
    arrives_last_ns: u64,
    timer_set: bool,
    /// Arrived, not received yet.
    inbox: VecDeque<(Message, usize)>,
    fin_arrived: bool,
    /// The connection broke; reported once, then it is as if it had ended.
    broken: Option<ErrorKind>,
    broke: bool,
    /// This end sends no more.
    write_shut: bool,
    /// Nobody holds this end any more.
    closed: bool,
    /// Bytes sent that the peer has not taken.
    outstanding: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    descriptor: Option<DescriptorId>,
}

struct ListenerState {
    owner: Place,
    backlog: VecDeque<u64>,
    acceptor: Option<Waker>,
}

/// A connection being made.
struct Connecting {
    from: Place,
    local: SocketAddr,
    to: SocketAddr,
    result: Option<Result<(), ErrorKind>>,
    /// The answer is under way.
    answered: Option<Result<(), ErrorKind>>,
    answered_by: Option<Place>,
    waiting: Option<Waker>,
    timer_set: bool,
    descriptor: DescriptorId,
}

#[derive(Default)]
pub(crate) struct Network {
    pub(crate) links: Links,
    ends: BTreeMap<u64, End>,
    listeners: BTreeMap<SocketAddr, ListenerState>,
    connecting: BTreeMap<u64, Connecting>,
    last_id: u64,
}

/// The address of a process or host by name; addresses in digits and "localhost" resolve too.
#[track_caller]
pub fn resolve(name: &str) -> Option<IpAddr> {
    if name == "localhost" {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    if let Ok(address) = name.parse() {
        return Some(address);
    }
    world::with(|world| {
        let processes = world.processes.borrow();
        let process = processes
            .iter()
            .find_map(|(_, process)| (&*process.name == name).then_some(process.ip));
        process.or_else(|| world.hosts.borrow().find(name).map(host::host_ip))
    })
}

fn current_place(world: &World) -> Place {
    let process = world.executor.current_process();
    (process, world.processes.borrow().get(process).host)
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

fn free_port(world: &World, process: ProcessId) -> u16 {
    let mut processes = world.processes.borrow_mut();
    let process = processes.get_mut(process);
    let next = process.last_port.wrapping_add(1);
    process.last_port = if EPHEMERAL_PORTS.contains(&next) {
        next
    } else {
        *EPHEMERAL_PORTS.start()
    };
    process.last_port
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
            let descriptor = register_descriptor(Box::new(EndDescriptor(id)));
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

/// One end of a connection. Dropping it closes it.
pub struct Connection {
    id: u64,
    local: SocketAddr,
    peer: SocketAddr,
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
        let descriptor = register_descriptor(Box::new(EndDescriptor(id)));
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

fn latency(world: &World, from: Place, to: Place) -> u64 {
    let range = world.network.borrow().links.latency_ns(from, to);
    world.random.borrow_mut().range(Stream::Network, range)
}

fn is_up(world: &World, host: HostId) -> bool {
    world.hosts.borrow().get(host).up
}

/// The request to connect arrives, or its answer does.
fn connect_step(id: u64) {
    let woken = world::with(|world| {
        let mut network = world.network.borrow_mut();
        let state = network.connecting.get_mut(&id)?;
        state.timer_set = false;
        let (from, local, to) = (state.from, state.local, state.to);
        if let (Some(answer), Some(by)) = (state.answered, state.answered_by) {
            if network.links.is_cut(by, from) {
                return None;
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
    /// Makes both ends of a connection. The client's end has the id of the attempt.
    fn establish(&mut self, id: u64, listener: SocketAddr, client: SocketAddr) -> Option<Waker> {
        self.last_id += 1;
        let server_id = self.last_id;
        let from = self.connecting.get(&id)?.from;
        let accepting = self.listeners.get_mut(&listener)?;
        let end = |owner, local, peer, other| End {
            owner,
            local,
            peer,
            other,
            wire: VecDeque::new(),
            arrives_last_ns: 0,
            timer_set: false,
            inbox: VecDeque::new(),
            fin_arrived: false,
            broken: None,
            broke: false,
            write_shut: false,
            closed: false,
            outstanding: 0,
            reader: None,
            writer: None,
            descriptor: None,
        };
        self.ends.insert(id, end(from, client, listener, server_id));
        self.ends
            .insert(server_id, end(accepting.owner, listener, client, id));
        accepting.backlog.push_back(server_id);
        accepting.acceptor.take()
    }

    /// Puts a frame on the wire towards the end `to`. Gives the time for which a timer is needed.
    fn transmit(&mut self, to: u64, at: u64, frame: Frame) -> Option<u64> {
        let end = self.ends.get_mut(&to)?;
        end.arrives_last_ns = end.arrives_last_ns.max(at);
        end.wire.push_back((end.arrives_last_ns, frame));
        (!std::mem::replace(&mut end.timer_set, true)).then_some(end.arrives_last_ns)
    }
}

/// Sends a frame from one end to its other one.
fn transmit(world: &World, from: u64, frame: Frame) {
    let mut network = world.network.borrow_mut();
    let Some(end) = network.ends.get(&from) else {
        return;
    };
    let other = end.other;
    let Some(peer) = network.ends.get(&other) else {
        return;
    };
    let range = network.links.latency_ns(end.owner, peer.owner);
    let delay = world.random.borrow_mut().range(Stream::Network, range);
    let timer = network.transmit(other, world.now_ns() + delay, frame);
    drop(network);
    if let Some(at) = timer {
        world.set_call(at, arrive, other);
    }
}

/// What is due on the wire towards `id` arrives, unless something is in the way.
fn arrive(id: u64) {
    let (wakers, reply) = world::with(|world| {
        let mut wakers = Vec::new();
        let mut reply = false;
        let mut network = world.network.borrow_mut();
        let network = &mut *network;
        let Some(end) = network.ends.get(&id) else {
            return (wakers, reply);
        };
        let place_of_peer = network.ends.get(&end.other).map(|peer| peer.owner);
        let blocked = !is_up(world, end.owner.1)
            || place_of_peer.is_some_and(|peer| network.links.is_cut(peer, end.owner));
        let Some(end) = network.ends.get_mut(&id) else {
            return (wakers, reply);
        };
        end.timer_set = false;
        if blocked {
            return (wakers, reply);
        }
        while end
            .wire
            .front()
            .is_some_and(|(at, _)| *at <= world.now_ns())
        {
            let Some((_, frame)) = end.wire.pop_front() else {
                break;
            };
            reply |= end.take(frame, &mut wakers);
        }
        if let Some((at, _)) = end.wire.front() {
            end.timer_set = true;
            world.set_call(*at, arrive, id);
        }
        (wakers, reply)
    });
    wakers.into_iter().for_each(Waker::wake);
    if reply {
        world::with(|world| transmit(world, id, Frame::Reset));
    }
    world::with(|world| world.network.borrow_mut().reap(id));
}

impl End {
    /// Takes a frame that arrived; true where the answer is a reset.
    fn take(&mut self, frame: Frame, wakers: &mut Vec<Waker>) -> bool {
        match frame {
            Frame::Data(..) if self.closed => return true,
            Frame::Data(message, bytes) => {
                if !self.broke {
                    self.inbox.push_back((message, bytes));
                }
            }
            Frame::Fin => self.fin_arrived = true,
            Frame::Reset => self.break_off(ErrorKind::ConnectionReset),
            Frame::Credit(bytes) => {
                self.outstanding = self.outstanding.saturating_sub(bytes);
                wakers.extend(self.writer.take());
                return false;
            }
        }
        wakers.extend(self.reader.take());
        if self.broke {
            wakers.extend(self.writer.take());
        }
        false
    }

    fn break_off(&mut self, error: ErrorKind) {
        if !self.broke {
            self.broke = true;
            self.broken = Some(error);
        }
    }
}

impl Network {
    /// Removes a connection of which nobody holds an end, and of which no frame is on the way.
    fn reap(&mut self, id: u64) {
        let Some(end) = self.ends.get(&id) else {
            return;
        };
        let over = |end: &End| end.closed && end.wire.is_empty();
        let other = end.other;
        if over(end) && self.ends.get(&other).is_none_or(over) {
            self.ends.remove(&id);
            self.ends.remove(&other);
        }
    }
}

/// Closes one end: the peer gets the end, or a reset where data was left unread here.
fn close_end(id: u64, how: CloseReason) {
    let farewell = world::try_with(|world| {
        let mut network = world.network.borrow_mut();
        if let Some(attempt) = network.connecting.remove(&id) {
            // Nobody waits for it any more; its waker must not be dropped inside the borrow.
            std::mem::forget(attempt.waiting);
        }
        let end = network.ends.get_mut(&id)?;
        if std::mem::replace(&mut end.closed, true) {
            return None;
        }
        let unread = !end.inbox.is_empty();
        let inbox = std::mem::take(&mut end.inbox);
        let wakers = (end.reader.take(), end.writer.take());
        if how == CloseReason::Exited {
            drop(network);
            drop((inbox, wakers));
        } else {
            std::mem::forget((inbox, wakers));
        }
        Some(if unread { Frame::Reset } else { Frame::Fin })
    });
    let Some(Some(frame)) = farewell else { return };
    if how != CloseReason::PowerLoss {
        world::with(|world| {
            let skip = {
                let mut network = world.network.borrow_mut();
                let Some(end) = network.ends.get_mut(&id) else {
                    return;
                };
                end.broke
                    || (std::mem::replace(&mut end.write_shut, true) && matches!(frame, Frame::Fin))
            };
            if !skip {
                transmit(world, id, frame);
            }
        });
    }
    world::with(|world| world.network.borrow_mut().reap(id));
}

/// The kernel of a host is gone, and with it what it still had to send again.
pub(crate) fn host_lost_power(host: HostId) {
    world::with(|world| {
        let now = world.now_ns();
        let mut network = world.network.borrow_mut();
        let network = &mut *network;
        let senders: BTreeMap<u64, Place> = network
            .ends
            .iter()
            .map(|(id, end)| (*id, end.owner))
            .collect();
        for end in network.ends.values_mut() {
            let sender = senders.get(&end.other);
            if sender.is_some_and(|(_, sender)| *sender == host) && !end.timer_set {
                end.wire.retain(|(at, _)| *at > now);
            }
        }
    });
}

/// Sends again what a cut, or a host without power, held back.
pub(crate) fn resend_held() {
    world::with(|world| {
        let held: Vec<(u64, Place, Place)> = {
            let network = world.network.borrow();
            let held = network.ends.iter().filter_map(|(id, end)| {
                let from = network
                    .ends
                    .get(&end.other)
                    .map_or(end.owner, |peer| peer.owner);
                (!end.timer_set && !end.wire.is_empty()).then_some((*id, from, end.owner))
            });
            held.collect()
        };
        for (id, from, to) in held {
            let at = world.now_ns() + latency(world, from, to);
            let mut network = world.network.borrow_mut();
            if let Some(end) = network.ends.get_mut(&id) {
                for (arrives, _) in &mut end.wire {
                    *arrives = at.max(*arrives);
                }
                end.arrives_last_ns = end.arrives_last_ns.max(at);
                end.timer_set = true;
                drop(network);
                world.set_call(at, arrive, id);
            }
        }
        let attempts: Vec<u64> = {
            let mut network = world.network.borrow_mut();
            let held = network.connecting.iter_mut().filter_map(|(id, attempt)| {
                let held = attempt.result.is_none() && !attempt.timer_set;
                attempt.timer_set |= held;
                held.then_some(*id)
            });
            held.collect()
        };
        for id in attempts {
            world.set_call(world.now_ns(), connect_step, id);
        }
    });
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
