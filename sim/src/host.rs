//! Hosts: machines with an address, a disk, a wall clock, and power.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::descriptor::CloseReason;
use crate::process::{self, ExitStatus, ProcessId};
use crate::wall_clock::WallClock;
use crate::world::{self, World};
use crate::{network, trace};

/// Identifies a host of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

/// The host of the harness.
pub const HARNESS_HOST: HostId = HostId(0);

pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) up: bool,
    clock: WallClock,
    processes: u8,
}

#[derive(Default)]
pub(crate) struct Hosts {
    hosts: Vec<Host>,
    on_power_loss: Vec<fn(HostId)>,
}

impl Hosts {
    pub(crate) fn with_harness() -> Self {
        let mut hosts = Self::default();
        hosts.create("harness");
        hosts.hosts[0].processes = 1;
        hosts
    }

    fn create(&mut self, name: &str) -> HostId {
        assert!(
            self.find(name).is_none(),
            "there is a host named {name} already"
        );
        let id = HostId(u32::try_from(self.hosts.len()).expect("at most 255 hosts"));
        assert!(
            id.0 < 255,
            "a world has at most 255 hosts: 10.0.<host>.0/24 each"
        );
        self.hosts.push(Host {
            name: name.into(),
            up: true,
            clock: WallClock::default(),
            processes: 0,
        });
        id
    }

    pub(crate) fn get(&self, id: HostId) -> &Host {
        &self.hosts[id.0 as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }

    pub(crate) fn find(&self, name: &str) -> Option<HostId> {
        (0..)
            .zip(&self.hosts)
            .find_map(|(id, host)| (&*host.name == name).then_some(HostId(id)))
    }

    pub(crate) fn clock(&self, id: HostId) -> &WallClock {
        &self.get(id).clock
    }

    pub(crate) fn clock_mut(&mut self, id: HostId) -> &mut WallClock {
        &mut self.hosts[id.0 as usize].clock
    }

    /// The address of the next process on the host: 10.0.\<host\>.2 and up.
    pub(crate) fn next_process_ip(&mut self, id: HostId) -> IpAddr {
        let host = &mut self.hosts[id.0 as usize];
        host.processes = host
            .processes
            .checked_add(1)
            .filter(|n| *n < 250)
            .expect("a host has at most 249 processes: 10.0.<host>.2 and up");
        address(id, host.processes + 1)
    }
}

fn address(host: HostId, number: u8) -> IpAddr {
    let host = u8::try_from(host.0).expect("a world has at most 255 hosts");
    IpAddr::V4(Ipv4Addr::new(10, 0, host, number))
}

pub(crate) fn current_of(world: &World) -> HostId {
    let process = world.executor.current_process();
    world.processes.borrow().get(process).host
}

/// Adds a host, up, with the address 10.0.\<n\>.1 and a right clock.
///
/// # Panics
///
/// Where the name is taken, or for the 256th host.
#[track_caller]
pub fn create_host(name: &str) -> HostId {
    world::with(|world| world.hosts.borrow_mut().create(name))
}

/// The host of the current process.
#[track_caller]
pub fn current_host() -> HostId {
    world::with(current_of)
}

/// The host's name.
#[track_caller]
pub fn host_name(host: HostId) -> String {
    world::with(|world| world.hosts.borrow().get(host).name.to_string())
}

/// The host's address.
pub fn host_ip(host: HostId) -> IpAddr {
    address(host, 1)
}

/// Whether the host has power.
#[track_caller]
pub fn is_up(host: HostId) -> bool {
    world::with(|world| world.hosts.borrow().get(host).up)
}

/// Calls `lose` with every host that loses power from now on, after its processes are gone: the
/// disk drops what was not synced.
#[track_caller]
pub fn on_power_loss(lose: fn(HostId)) {
    world::with(|world| {
        let mut hosts = world.hosts.borrow_mut();
        if !hosts.on_power_loss.contains(&lose) {
            hosts.on_power_loss.push(lose);
        }
    });
}

/// Takes a host's power away: its processes are gone and tell nobody, then the disk loses or tears
/// what was not synced. Nothing where the host is down already.
///
/// # Panics
///
/// For the host of the harness.
#[track_caller]
pub fn power_loss(host: HostId) {
    assert_ne!(host, HARNESS_HOST, "no fault hits the harness");
    let was_up = world::with(|world| {
        let mut hosts = world.hosts.borrow_mut();
        std::mem::replace(&mut hosts.hosts[host.0 as usize].up, false)
    });
    if !was_up {
        return;
    }
    let (running, lose) = world::with(|world| {
        (
            world.processes.borrow().running_on(host),
            world.hosts.borrow().on_power_loss.clone(),
        )
    });
    for process in running {
        world::with(|world| {
            trace::record(
                world,
                process,
                "process",
                vec![("phase", "power_loss".into())],
            );
        });
        process::end(process, ExitStatus::Killed, CloseReason::PowerLoss);
    }
    network::host_lost_power(host);
    for lose in lose {
        lose(host);
    }
    process::vanish_if_ended();
}

/// Gives a host its power back. Its processes stay as they are: start them. Nothing where the
/// host is up.
#[track_caller]
pub fn boot(host: HostId) {
    let was_up = world::with(|world| {
        let mut hosts = world.hosts.borrow_mut();
        std::mem::replace(&mut hosts.hosts[host.0 as usize].up, true)
    });
    if !was_up {
        network::resend_held();
    }
}

/// The processes of the host that run.
#[track_caller]
pub fn running_processes(host: HostId) -> Vec<ProcessId> {
    world::with(|world| world.processes.borrow().running_on(host))
}
