//! One end of a connection as the kernel of its host keeps it: what is on the wire towards it, what
//! has arrived, how it ends.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::task::Waker;

use crate::descriptor::{CloseReason, DescriptorId};
use crate::link::Place;
use crate::network::{Message, Network, is_up};
use crate::packet_loss;
use crate::random::Stream;
use crate::world::{self, World};

/// What travels on the wire.
pub(crate) enum Frame {
    Data(Message, usize),
    /// The sender will send no more.
    Fin,
    /// There is no such connection (any more).
    Reset,
    /// The receiver has taken so many bytes.
    Credit(usize),
}

/// One end of a connection.
pub(crate) struct End {
    pub(crate) owner: Place,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) other: u64,
    /// On the way to this end, with their times of arrival.
    pub(crate) wire: VecDeque<(u64, Frame)>,
    pub(crate) arrives_last_ns: u64,
    pub(crate) timer_set: bool,
    /// How often the first frame on the wire was lost and is sent again.
    pub(crate) resent: u32,
    /// Arrived, not received yet.
    pub(crate) inbox: VecDeque<(Message, usize)>,
    pub(crate) fin_arrived: bool,
    /// The connection broke; reported once, then it is as if it had ended.
    pub(crate) broken: Option<ErrorKind>,
    pub(crate) broke: bool,
    /// This end sends no more.
    pub(crate) write_shut: bool,
    /// Nobody holds this end any more.
    pub(crate) closed: bool,
    /// Bytes sent that the peer has not taken.
    pub(crate) outstanding: usize,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
    pub(crate) descriptor: Option<DescriptorId>,
}

impl End {
    pub(crate) fn new(owner: Place, local: SocketAddr, peer: SocketAddr, other: u64) -> Self {
        Self {
            owner,
            local,
            peer,
            other,
            wire: VecDeque::new(),
            arrives_last_ns: 0,
            timer_set: false,
            resent: 0,
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
        }
    }
}

impl Network {
    /// Puts a frame on the wire towards the end `to`. Gives the time for which a timer is needed.
    fn transmit(&mut self, to: u64, at: u64, frame: Frame) -> Option<u64> {
        let end = self.ends.get_mut(&to)?;
        end.arrives_last_ns = end.arrives_last_ns.max(at);
        end.wire.push_back((end.arrives_last_ns, frame));
        (!std::mem::replace(&mut end.timer_set, true)).then_some(end.arrives_last_ns)
    }
}

/// Sends a frame from one end to its other one.
pub(crate) fn transmit(world: &World, from: u64, frame: Frame) {
    let mut network = world.network.borrow_mut();
    let Some(end) = network.ends.get(&from) else {
        return;
    };
    let other = end.other;
    let Some(peer) = network.ends.get(&other) else {
        return;
    };
    let places = (end.owner, peer.owner);
    let range = network.links.latency_ns(places.0, places.1);
    let delay = world.random.borrow_mut().range(Stream::Network, range);
    let at = world.now_ns() + delay;
    let is_lost = matches!(frame, Frame::Data(..)) && network.links.take_loss(places.0, places.1);
    let (frame, lost, broken) = if is_lost {
        let broken = network.transmit(from, at, Frame::Reset);
        (Frame::Reset, Some(frame), broken)
    } else {
        (frame, None, None)
    };
    let timer = network.transmit(other, at, frame);
    drop(network);
    // Dropped after the borrow has ended: a message's destructor may run anything.
    drop(lost);
    for (at, end) in [(timer, other), (broken, from)] {
        if let Some(at) = at {
            world.set_call(at, arrive, end);
        }
    }
}

/// What is due on the wire towards `id` arrives, unless something is in the way.
pub(crate) fn arrive(id: u64) {
    let (wakers, reply, given_up) = world::with(|world| {
        let mut wakers = Vec::new();
        let mut reply = false;
        let mut given_up = VecDeque::new();
        let mut network = world.network.borrow_mut();
        let network = &mut *network;
        let Some(end) = network.ends.get(&id) else {
            return (wakers, reply, given_up);
        };
        let place_of_peer = network.ends.get(&end.other).map(|peer| peer.owner);
        let blocked = !is_up(world, end.owner.1)
            || place_of_peer.is_some_and(|peer| network.links.is_cut(peer, end.owner));
        let Some(end) = network.ends.get_mut(&id) else {
            return (wakers, reply, given_up);
        };
        end.timer_set = false;
        if blocked {
            return (wakers, reply, given_up);
        }
        while end
            .wire
            .front()
            .is_some_and(|(at, _)| *at <= world.now_ns())
        {
            let loss = place_of_peer.and_then(|peer| network.links.loss(peer, end.owner));
            let gave_up = packet_loss::resend_after_ns(end.resent).is_none();
            if gave_up || packet_loss::loses(loss, world) {
                if !end.send_again(world.now_ns()) {
                    given_up = std::mem::take(&mut end.wire);
                    let sender = end.other;
                    if let Some(sender) = network.ends.get_mut(&sender) {
                        sender.break_off(ErrorKind::TimedOut);
                        wakers.extend(sender.reader.take());
                        wakers.extend(sender.writer.take());
                    }
                    return (wakers, reply, given_up);
                }
                break;
            }
            end.resent = 0;
            let Some((_, frame)) = end.wire.pop_front() else {
                break;
            };
            reply |= end.take(frame, &mut wakers);
        }
        if let Some((at, _)) = end.wire.front() {
            end.timer_set = true;
            world.set_call(*at, arrive, id);
        }
        (wakers, reply, given_up)
    });
    // Dropped after the borrow has ended: a message's destructor may run anything.
    drop(given_up);
    wakers.into_iter().for_each(Waker::wake);
    if reply {
        world::with(|world| transmit(world, id, Frame::Reset));
    }
    world::with(|world| world.network.borrow_mut().reap(id));
}

impl End {
    /// The first frame on the wire towards this end was lost: it comes again later, and what was sent
    /// after it no sooner. False where its sender gives up.
    fn send_again(&mut self, now_ns: u64) -> bool {
        let Some(pause_ns) = packet_loss::resend_after_ns(self.resent) else {
            return false;
        };
        self.resent += 1;
        let at = now_ns + pause_ns;
        for (arrives, _) in &mut self.wire {
            *arrives = at.max(*arrives);
        }
        self.arrives_last_ns = self.arrives_last_ns.max(at);
        true
    }

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
pub(crate) fn close_end(id: u64, how: CloseReason) {
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
