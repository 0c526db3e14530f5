//! The network: ordered, reliable connections that carry messages, as TCP carries bytes.
//!
//! Each message takes a latency drawn from the seed; those of one connection and direction arrive
//! in order. Handles hold ids only: the state of a connection belongs to the kernels of the two
//! hosts, so it outlives a killed process just long enough to tell the peer.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::connect::{Connecting, connect_step};
use crate::host::{self, HostId};
use crate::link::{Links, Place};
use crate::listener::ListenerState;
use crate::process::ProcessId;
use crate::random::Stream;
use crate::socket::{End, arrive};
use crate::world::{self, World};

pub use crate::connect::connect;
pub use crate::connection::Connection;
pub use crate::listener::{Listener, listen};

/// What travels over connections.
pub type Message = Box<dyn Any>;

/// The ports that the system hands out by itself, as on Linux.
const EPHEMERAL_PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

#[derive(Default)]
pub(crate) struct Network {
    pub(crate) links: Links,
    pub(crate) ends: BTreeMap<u64, End>,
    pub(crate) listeners: BTreeMap<SocketAddr, ListenerState>,
    pub(crate) connecting: BTreeMap<u64, Connecting>,
    pub(crate) last_id: u64,
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

pub(crate) fn current_place(world: &World) -> Place {
    let process = world.executor.current_process();
    (process, world.processes.borrow().get(process).host)
}

pub(crate) fn free_port(world: &World, process: ProcessId) -> u16 {
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

pub(crate) fn latency(world: &World, from: Place, to: Place) -> u64 {
    let range = world.network.borrow().links.latency_ns(from, to);
    world.random.borrow_mut().range(Stream::Network, range)
}

pub(crate) fn is_up(world: &World, host: HostId) -> bool {
    world.hosts.borrow().get(host).up
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
