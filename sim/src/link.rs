//! Faults on links: cuts and delays between hosts or processes; for lost packets, see
//! [`crate::packet_loss`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use crate::host::HostId;
use crate::network;
use crate::packet_loss::Loss;
use crate::process::ProcessId;
use crate::time::nanos;
use crate::world;

/// One end of a link that a fault names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// Every process of a host.
    Host(HostId),
    /// One process.
    Process(ProcessId),
}

impl From<HostId> for Endpoint {
    fn from(host: HostId) -> Self {
        Self::Host(host)
    }
}

impl From<ProcessId> for Endpoint {
    fn from(process: ProcessId) -> Self {
        Self::Process(process)
    }
}

/// Latency between two hosts, in nanoseconds: a quiet data centre.
const LATENCY_NS: Range<u64> = 200_000..1_000_000;
/// Latency between two processes of one host, in nanoseconds.
const LOOPBACK_NS: Range<u64> = 20_000..100_000;

/// A process, and the host it runs on.
pub(crate) type Place = (ProcessId, HostId);

#[derive(Debug)]
pub(crate) struct Links {
    /// Latency between hosts where no rule says otherwise, in nanoseconds.
    usual: Range<u64>,
    cuts: BTreeSet<(Endpoint, Endpoint)>,
    delays: BTreeMap<(Endpoint, Endpoint), Range<u64>>,
    losses: BTreeSet<(Endpoint, Endpoint)>,
    pub(crate) lossy: BTreeMap<(Endpoint, Endpoint), Loss>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            usual: LATENCY_NS,
            cuts: BTreeSet::new(),
            delays: BTreeMap::new(),
            losses: BTreeSet::new(),
            lossy: BTreeMap::new(),
        }
    }
}

/// The rules that concern messages from one place to another, the most particular first.
fn rules(from: Place, to: Place) -> [(Endpoint, Endpoint); 4] {
    let (from_process, from_host) = (Endpoint::Process(from.0), Endpoint::Host(from.1));
    let (to_process, to_host) = (Endpoint::Process(to.0), Endpoint::Host(to.1));
    [
        (from_process, to_process),
        (from_process, to_host),
        (from_host, to_process),
        (from_host, to_host),
    ]
}

impl Links {
    pub(crate) fn is_cut(&self, from: Place, to: Place) -> bool {
        !self.cuts.is_empty() && rules(from, to).iter().any(|rule| self.cuts.contains(rule))
    }

    /// Whether this message is the one to be lost.
    pub(crate) fn take_loss(&mut self, from: Place, to: Place) -> bool {
        !self.losses.is_empty() && rules(from, to).iter().any(|rule| self.losses.remove(rule))
    }

    /// The share of packets that is lost between these places.
    pub(crate) fn loss(&mut self, from: Place, to: Place) -> Option<&mut Loss> {
        if self.lossy.is_empty() {
            return None;
        }
        let found = rules(from, to)
            .into_iter()
            .find(|rule| self.lossy.contains_key(rule))?;
        self.lossy.get_mut(&found)
    }

    /// The range from which the latency of a message is drawn, in nanoseconds.
    pub(crate) fn latency_ns(&self, from: Place, to: Place) -> Range<u64> {
        let usual = if from.1 == to.1 {
            LOOPBACK_NS
        } else {
            self.usual.clone()
        };
        if self.delays.is_empty() {
            return usual;
        }
        rules(from, to)
            .iter()
            .find_map(|rule| self.delays.get(rule).cloned())
            .unwrap_or(usual)
    }
}

/// Cuts the link from `a` to `b`, in that direction only. What is sent over it, or is on its way,
/// is held back until the link heals: TCP sends it again.
#[track_caller]
pub fn cut(a: impl Into<Endpoint>, b: impl Into<Endpoint>) {
    let rule = (a.into(), b.into());
    world::with(|world| world.network.borrow_mut().links.cuts.insert(rule));
}

/// Undoes [`cut`].
#[track_caller]
pub fn heal(a: impl Into<Endpoint>, b: impl Into<Endpoint>) {
    let rule = (a.into(), b.into());
    let was_cut = world::with(|world| world.network.borrow_mut().links.cuts.remove(&rule));
    if was_cut {
        network::resend_held();
    }
}

/// Heals every cut, takes every delay away, loses nothing any more.
#[track_caller]
pub fn heal_all() {
    world::with(|world| {
        let links = &mut world.network.borrow_mut().links;
        links.cuts.clear();
        links.delays.clear();
        links.losses.clear();
        links.lossy.clear();
    });
    network::resend_held();
}

/// Draws the latency between any two hosts from `range` from now on, where no [`set_delay`] says
/// otherwise. 0.2 ms to 1 ms at the start.
#[track_caller]
pub fn set_latency(range: Range<Duration>) {
    let range = nanos(range.start)..nanos(range.end);
    world::with(|world| world.network.borrow_mut().links.usual = range);
}

/// Draws the latency of messages from `a` to `b` from `range` from now on. A rule for processes
/// wins over one for hosts.
#[track_caller]
pub fn set_delay(a: impl Into<Endpoint>, b: impl Into<Endpoint>, range: Range<Duration>) {
    let rule = (a.into(), b.into());
    let range = nanos(range.start)..nanos(range.end);
    world::with(|world| world.network.borrow_mut().links.delays.insert(rule, range));
}

/// Undoes [`set_delay`].
#[track_caller]
pub fn clear_delay(a: impl Into<Endpoint>, b: impl Into<Endpoint>) {
    let rule = (a.into(), b.into());
    world::with(|world| world.network.borrow_mut().links.delays.remove(&rule));
}

/// Loses the next message from `a` to `b`: it never arrives, and both ends find their connection
/// broken. If it is the answer to a request, its outcome stays unknown to who asked.
#[track_caller]
pub fn lose_next(a: impl Into<Endpoint>, b: impl Into<Endpoint>) {
    let rule = (a.into(), b.into());
    world::with(|world| world.network.borrow_mut().links.losses.insert(rule));
}

/// Undoes [`lose_next`]. Whether a message was lost by it.
#[track_caller]
pub fn lose_no_more(a: impl Into<Endpoint>, b: impl Into<Endpoint>) -> bool {
    let rule = (a.into(), b.into());
    world::with(|world| !world.network.borrow_mut().links.losses.remove(&rule))
}
