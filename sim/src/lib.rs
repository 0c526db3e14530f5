//! The simulated world: hosts, processes, network, disk, clock, escape trap, trace.
//!
//! One thread, one seed, one history. [`world::run`] runs a future as the process "harness";
//! everything else (hosts, processes, connections, timers) is made from inside it. All functions
//! act on the world of the calling thread, and panic with a sentence that says so where there is
//! none.
//!
//! - [`world`]: the run itself, its limits, how it fails
//! - [`task`]: tasks, plain ones and coroutines that may block; [`time`]: the clock and timers
//! - [`host`], [`process`], [`descriptor`]: machines, what runs on them, what dies with it
//! - [`network`], [`link`], [`packet_loss`], [`byte_stream`]: connections, faults on links, streams
//!   of bytes
//! - [`random`]: the seed's streams; [`trace`]: the one ordered stream of events and its hash
//! - [`isolation`]: a forked child per plan; `interpose`: libc's clock, randomness and threads
//!
//! In a normal build the world works as it is (its own tests are plain `cargo test`); only code
//! that asks libc for the time or for randomness needs a simulated build (`--cfg madsim`).

mod boot;
pub mod byte_stream;
mod connect;
mod connection;
mod coroutine;
pub mod cpu;
pub mod descriptor;
mod executor;
mod futex;
pub mod host;
pub mod inherited_socket;
#[cfg(madsim)]
mod interpose;
#[cfg(madsim)]
pub mod interpose_check;
#[cfg(target_os = "linux")]
pub mod isolation;
pub mod kafka;
mod kafka_events;
pub mod kafka_linkage;
pub mod link;
mod listener;
pub mod network;
pub mod packet_loss;
pub mod process;
pub mod random;
mod socket;
mod source_location;
pub mod task;
pub mod time;
mod timer;
pub mod trace;
mod waker;
pub mod wall_clock;
pub mod world;

pub mod disk;
pub mod disk_fault;
mod disk_file;
#[cfg_attr(
    not(any(test, whitewater_sqlite)),
    expect(dead_code, reason = "only SQLite locks files")
)]
mod disk_locks;
pub mod disk_loss;
#[cfg_attr(
    not(any(test, whitewater_sqlite)),
    expect(dead_code, reason = "only SQLite asks whose disk it is on")
)]
pub mod disk_mount;
#[cfg_attr(
    not(any(test, whitewater_sqlite)),
    expect(dead_code, reason = "only SQLite opens files")
)]
mod disk_open;
pub mod disk_volume;
#[cfg(any(test, whitewater_sqlite))]
mod sqlite_commit;
#[cfg(test)]
mod sqlite_crash_tests;
#[cfg(any(test, whitewater_sqlite))]
pub mod sqlite_exec;
#[cfg(any(test, whitewater_sqlite))]
pub mod sqlite_ffi;
#[cfg(any(test, whitewater_sqlite))]
mod sqlite_file;
#[cfg(any(test, whitewater_sqlite))]
pub mod sqlite_step;
#[cfg(any(test, whitewater_sqlite))]
pub mod sqlite_vfs;
#[cfg(madsim)]
pub mod symbol;
#[cfg(madsim)]
pub mod trap;
#[cfg(madsim)]
pub mod trap_channel;
#[cfg(madsim)]
mod trap_filter;
#[cfg(madsim)]
mod trap_handler;
#[cfg(madsim)]
mod trap_record;
#[cfg(madsim)]
mod trap_vdso;
