//! What happens around a call of SQLite: simulated time passes, a busy connection waits, a crash
//! point is carried out, a commit is recorded.
//!
//! The linker puts these functions in the place of SQLite's (`-Wl,--wrap=NAME` for each of
//! [`WRAPPED`]). They suspend the calling coroutine only before and after SQLite's own frames.
//! In a task that can't block, and on a disk that was mounted explicitly, they wait for nothing.
#![expect(unsafe_code, reason = "these stand in for functions of C")]

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_uint};
use std::ops::Range;
use std::time::Duration;

use crate::cpu;
use crate::disk::DiskCounters;
use crate::disk_fault::Crash;
use crate::disk_mount::Mount;
use crate::host;
use crate::process::{self, HARNESS};
use crate::random::{self, Stream};
use crate::sqlite_commit;
use crate::sqlite_ffi::{self as ffi, Connection, Statement};
use crate::{sqlite_vfs, task, time, trace, world};

/// The functions of SQLite that have to be wrapped in a simulated build.
pub const WRAPPED: [&str; 8] = [
    "sqlite3_step",
    "sqlite3_exec",
    "sqlite3_reset",
    "sqlite3_finalize",
    "sqlite3_prepare_v2",
    "sqlite3_prepare_v3",
    "sqlite3_close",
    "sqlite3_close_v2",
];

/// Pauses between attempts in milliseconds; the last one repeats. As SQLite's own busy handler
/// (`sqliteDefaultBusyCallback` in main.c).
const BUSY_DELAYS_MS: [u64; 12] = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];

thread_local! {
    /// How many calls of SQLite are on the stack: more than one where SQL calls back into Rust.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Stands in for `sqlite3_step`.
///
/// # Safety
/// As `sqlite3_step`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_step(statement: *mut Statement) -> c_int {
    // SAFETY: promised by the caller; SQLite answers null with null and 0.
    let (connection, runs, columns) = unsafe {
        (
            ffi::sqlite3_db_handle(statement),
            ffi::sqlite3_stmt_busy(statement) != 0,
            ffi::sqlite3_column_count(statement),
        )
    };
    // SAFETY: promised by the caller.
    if may_wait() && unsafe { sqlite_commit::is_commit(connection, statement) } {
        cpu::spend_on_batch();
    }
    // A second attempt starts over: not for a statement that has given rows already.
    let repeatable = !runs || columns == 0;
    wait_while_busy(connection, repeatable, || {
        // SAFETY: promised by the caller.
        let before = unsafe { sqlite_commit::before(connection) };
        // SAFETY: promised by the caller.
        let status = unsafe { ffi::sqlite3_step(statement) };
        // SAFETY: promised by the caller.
        unsafe { sqlite_commit::after(connection, statement, status, &before) };
        status
    })
}

/// Stands in for `sqlite3_reset`. A statement that was left before its last row (`INSERT ...
/// RETURNING` read with one step) commits here.
///
/// # Safety
/// As `sqlite3_reset`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_reset(statement: *mut Statement) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { end_statement(statement, ffi::sqlite3_reset) }
}

/// Stands in for `sqlite3_finalize`, which resets first.
///
/// # Safety
/// As `sqlite3_finalize`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_finalize(statement: *mut Statement) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { end_statement(statement, ffi::sqlite3_finalize) }
}

/// # Safety
/// `statement` may be given to `end`.
unsafe fn end_statement(
    statement: *mut Statement,
    end: unsafe extern "C" fn(*mut Statement) -> c_int,
) -> c_int {
    // SAFETY: promised by the caller; SQLite answers null with null and 0.
    let (connection, runs) = unsafe {
        (
            ffi::sqlite3_db_handle(statement),
            ffi::sqlite3_stmt_busy(statement) != 0,
        )
    };
    if !runs {
        // SAFETY: promised by the caller.
        return unsafe { end(statement) };
    }
    take_time_for(|| {
        // SAFETY: the statement is prepared, so its connection is open.
        let before = unsafe { sqlite_commit::before(connection) };
        // SAFETY: promised by the caller.
        let status = unsafe { end(statement) };
        let ended = if status == ffi::OK { ffi::DONE } else { status };
        // SAFETY: as before; the statement may be gone, and is not asked for.
        unsafe { sqlite_commit::after(connection, std::ptr::null_mut(), ended, &before) };
        status
    })
}

/// Stands in for `sqlite3_prepare_v2`, which reads the schema and may find it locked.
///
/// # Safety
/// As `sqlite3_prepare_v2`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_prepare_v2(
    connection: *mut Connection,
    sql: *const c_char,
    bytes: c_int,
    statement: *mut *mut Statement,
    tail: *mut *const c_char,
) -> c_int {
    wait_while_busy(connection, true, || {
        // SAFETY: promised by the caller.
        unsafe { ffi::sqlite3_prepare_v2(connection, sql, bytes, statement, tail) }
    })
}

/// Stands in for `sqlite3_prepare_v3`.
///
/// # Safety
/// As `sqlite3_prepare_v3`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_prepare_v3(
    connection: *mut Connection,
    sql: *const c_char,
    bytes: c_int,
    flags: c_uint,
    statement: *mut *mut Statement,
    tail: *mut *const c_char,
) -> c_int {
    wait_while_busy(connection, true, || {
        // SAFETY: promised by the caller.
        unsafe { ffi::sqlite3_prepare_v3(connection, sql, bytes, flags, statement, tail) }
    })
}

/// Stands in for `sqlite3_close`, which may write a checkpoint.
///
/// # Safety
/// As `sqlite3_close`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_close(connection: *mut Connection) -> c_int {
    close(connection, || {
        // SAFETY: promised by the caller.
        unsafe { ffi::sqlite3_close(connection) }
    })
}

/// Stands in for `sqlite3_close_v2`.
///
/// # Safety
/// As `sqlite3_close_v2`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_close_v2(connection: *mut Connection) -> c_int {
    close(connection, || {
        // SAFETY: promised by the caller.
        unsafe { ffi::sqlite3_close_v2(connection) }
    })
}

fn close(connection: *mut Connection, close: impl FnOnce() -> c_int) -> c_int {
    let status = take_time_for(close);
    if status == ffi::OK {
        sqlite_commit::forget(connection);
    }
    status
}

/// Calls SQLite, again and again while it is busy, for as long as its busy handler would sleep.
///
/// SQLite decides whether waiting makes sense (it does not where two connections would wait for
/// each other) and for how long: its busy handler asked the VFS to sleep, which returned at once.
fn wait_while_busy(
    connection: *mut Connection,
    repeatable: bool,
    mut call: impl FnMut() -> c_int,
) -> c_int {
    let mut deadline = None;
    let mut waited = Duration::ZERO;
    for attempt in 0.. {
        let mut patience = Duration::ZERO;
        let status = take_time_for(|| {
            sqlite_vfs::take_slept();
            let status = call();
            // Before time passes: another process may call SQLite meanwhile.
            patience = sqlite_vfs::take_slept();
            status
        });
        if !repeatable || patience.is_zero() || !is_busy(status, connection) || !may_wait() {
            return after_wait(waited, status);
        }
        let now = time::now();
        let deadline = *deadline.get_or_insert(now.saturating_add(patience));
        let delay_ms = BUSY_DELAYS_MS
            .get(attempt)
            .or(BUSY_DELAYS_MS.last())
            .copied()
            .unwrap_or(1);
        let delay = Duration::from_millis(delay_ms).min(deadline.saturating_sub(now));
        if delay.is_zero() {
            return after_wait(waited, status);
        }
        task::block_on(time::sleep(delay));
        waited += delay;
    }
    unreachable!("the loop ends with its return")
}

/// Notes how long the process waited for another one's lock: trace event `sink_wait`.
fn after_wait(waited: Duration, status: c_int) -> c_int {
    if !waited.is_zero() {
        let waited_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        trace::event("sink_wait", &[("waited_us", waited_us.into())]);
    }
    status
}

fn is_busy(status: c_int, connection: *mut Connection) -> bool {
    // SAFETY: the connection is open: a call on it just returned.
    let extended = unsafe { ffi::sqlite3_extended_errcode(connection) };
    status & 0xFF == ffi::BUSY && extended != ffi::BUSY_SNAPSHOT
}

/// Whether the caller is code under test that can be suspended, with no frame of SQLite's below.
fn may_wait() -> bool {
    DEPTH.get() == 0 && world::in_world() && !Mount::is_entered() && task::may_block()
}

/// Calls SQLite; then carries out a crash that was due, and waits as long as the disk took.
fn take_time_for(call: impl FnOnce() -> c_int) -> c_int {
    let before = counters();
    DEPTH.set(DEPTH.get() + 1);
    let status = call();
    DEPTH.set(DEPTH.get() - 1);
    if DEPTH.get() > 0 || !world::in_world() || Mount::is_entered() {
        return status;
    }
    carry_out_crash();
    if task::may_block() && status != ffi::ROW {
        task::block_on(time::sleep(latency(before, counters())));
    }
    status
}

fn counters() -> DiskCounters {
    Mount::current().map_or_else(DiskCounters::default, |mount| {
        mount.volume().disk().counters()
    })
}

/// A process that dies here does not return: its coroutine is never resumed.
fn carry_out_crash() {
    let Some(mount) = Mount::current() else {
        return;
    };
    let process = process::current();
    let due = mount.volume().disk().crash_due();
    match due {
        None => {}
        // Whoever reads results is not what the fault was meant for.
        Some(_) if process == HARNESS => {}
        Some(Crash::Kill) => {
            mount.volume().disk().clear_crash();
            process::kill(process);
        }
        Some(Crash::PowerLoss) => host::power_loss(process::host_of(process)),
    }
}

fn latency(before: DiskCounters, after: DiskCounters) -> Duration {
    let Some(mount) = Mount::current() else {
        return Duration::ZERO;
    };
    let latency = mount.volume().latency();
    let several =
        |range: &Range<Duration>, count: u64| -> Duration { (0..count).map(|_| draw(range)).sum() };
    draw(&latency.statement)
        + several(&latency.write, after.writes - before.writes)
        + several(&latency.sync, after.syncs - before.syncs)
}

fn draw(range: &Range<Duration>) -> Duration {
    let width = range.end.saturating_sub(range.start);
    let nanos = random::below_in(Stream::Disk, width.as_nanos() as u64);
    range.start + Duration::from_nanos(nanos)
}
