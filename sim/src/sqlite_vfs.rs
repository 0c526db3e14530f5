//! SQLite on simulated disks: the VFS that every connection of a simulated build uses.
//!
//! A path is a file on the disk of the host whose process asks (see [`crate::disk_mount`]). Files,
//! locks and the shared memory of the WAL index are shared by all processes of a host, and given
//! back when a process ends. Whatever a dead process still tries fails and changes nothing.
#![expect(unsafe_code, reason = "SQLite calls these with raw pointers")]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_double, c_int, c_void};
use std::sync::Once;
use std::time::Duration;

use rand::RngCore;

use crate::disk::{self, DiskError};
use crate::disk_mount::{self, Mount};
use crate::disk_open::{OpenError, OpenFile, OpenOptions};
use crate::random::{self, Stream, generator};
use crate::sqlite_ffi::{self as ffi, File, Symbol, Vfs};
use crate::{sqlite_file, world};

/// The name under which SQLite lists the VFS.
const NAME: &CStr = c"whitewater";

/// Longest path in bytes, as PATH_MAX on Linux.
const PATH_BYTES_MAX: c_int = 4096;

/// Milliseconds from noon of 24 November 4714 BC (Gregorian), where Julian days start, to 1970.
const JULIAN_MS_OF_1970: i64 = 210_866_760_000_000;

const MS_PER_DAY: f64 = 86_400_000.0;

thread_local! {
    static SLEPT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// What SQLite's random generator is seeded from.
    static ENTROPY: Cell<u64> = const { Cell::new(0) };
}

/// Makes this the default VFS of the process, and forgets what SQLite's random generator drew
/// before: the next world gets its own. To be called at the start of every run, before a database
/// is opened.
pub fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SQLite keeps and links the struct for as long as it lives.
        let vfs = Box::leak(Box::new(vfs()));
        // SAFETY: `vfs` is a valid sqlite3_vfs that is never freed.
        let status = unsafe { ffi::sqlite3_vfs_register(vfs, 1) };
        assert_eq!(status, ffi::OK, "sqlite refused the simulated disk");
    });
    // Drawn here: when SQLite asks must not change what the disk draws.
    ENTROPY.set(if world::in_world() {
        random::draw(Stream::Disk)
    } else {
        0
    });
    // SAFETY: with no buffer this resets the generator, see sqlite3.h.
    unsafe { ffi::sqlite3_randomness(0, std::ptr::null_mut()) };
}

/// How long SQLite asked to sleep since the last call: its busy handler waits so.
pub(crate) fn take_slept() -> Duration {
    SLEPT.take()
}

fn vfs() -> Vfs {
    Vfs {
        version: 2,
        file_bytes: size_of::<File>() as c_int,
        path_bytes_max: PATH_BYTES_MAX,
        next: std::ptr::null_mut(),
        name: NAME.as_ptr(),
        data: std::ptr::null_mut(),
        open,
        delete,
        access,
        full_pathname,
        dl_open,
        dl_error,
        dl_sym,
        dl_close,
        randomness,
        sleep,
        current_time,
        last_error,
        current_time_ms,
    }
}

/// # Safety
/// `path` is null or points to a string that lives as long as the result is used.
unsafe fn text<'a>(path: *const c_char) -> Option<&'a str> {
    if path.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(path) }.to_str().ok()
}

unsafe extern "C" fn open(
    _vfs: *mut Vfs,
    path: *const c_char,
    file: *mut File,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes room for `file_bytes`, and reads it even when the open fails.
    unsafe { sqlite_file::install_none(file) };
    // SAFETY: SQLite passes null or a path that it keeps until the file is closed.
    let name = unsafe { text(path) };
    let (Some(mount), true) = (Mount::current(), path.is_null() || name.is_some()) else {
        return ffi::CANTOPEN;
    };
    let journal = ffi::OPEN_MAIN_JOURNAL | ffi::OPEN_SUPER_JOURNAL | ffi::OPEN_WAL;
    let options = OpenOptions {
        create: flags & ffi::OPEN_CREATE != 0,
        exclusive: flags & ffi::OPEN_EXCLUSIVE != 0,
        delete_on_close: flags & ffi::OPEN_DELETEONCLOSE != 0,
        // As os_unix.c does: a journal that lost its name would not be found after a crash.
        sync_directory: flags & ffi::OPEN_CREATE != 0 && flags & journal != 0,
    };
    match OpenFile::open(&mount, name, options) {
        Ok(open) => {
            // SAFETY: as above; `flags_out` is null or a place for an int.
            unsafe {
                sqlite_file::install(file, open);
                if !flags_out.is_null() {
                    flags_out.write(flags);
                }
            }
            ffi::OK
        }
        Err(OpenError::Disk(DiskError::NoSpace)) => ffi::FULL,
        Err(_) => ffi::CANTOPEN,
    }
}

unsafe extern "C" fn delete(_vfs: *mut Vfs, path: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite passes a path.
    let (Some(path), Some(mount)) = (unsafe { text(path) }, Mount::current()) else {
        return ffi::IOERR_DELETE;
    };
    if !mount.0.is_alive() {
        return ffi::IOERR_DELETE;
    }
    let mut disk = mount.volume().disk();
    let deleted = disk.unlink(path).and_then(|()| match sync_directory {
        0 => Ok(()),
        _ => disk.sync_directory(disk::parent(path)),
    });
    match deleted {
        Ok(()) => ffi::OK,
        Err(DiskError::NotFound) => ffi::IOERR_DELETE_NOENT,
        Err(_) => ffi::IOERR_DELETE,
    }
}

unsafe extern "C" fn access(
    _vfs: *mut Vfs,
    path: *const c_char,
    _flags: c_int,
    result: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes a path.
    let (Some(path), Some(mount)) = (unsafe { text(path) }, Mount::current()) else {
        return ffi::IOERR_ACCESS;
    };
    let disk = mount.volume().disk();
    // As os_unix.c: a journal without content does not exist.
    let exists = match disk.find(path) {
        Some(file) => disk.len(file).is_ok_and(|bytes| bytes > 0),
        None => false,
    };
    // SAFETY: SQLite passes a place for the result.
    unsafe { result.write(c_int::from(exists)) };
    ffi::OK
}

/// Resolves `.` and `..`, relative to `/`: a simulated process has no other working directory.
fn absolute(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut Vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a path.
    let Some(path) = (unsafe { text(path) }) else {
        return ffi::CANTOPEN;
    };
    let full = absolute(path);
    if full.len() >= room as usize {
        return ffi::CANTOPEN;
    }
    // SAFETY: SQLite passes `room` bytes, more than the path and its end take.
    unsafe {
        out.cast::<u8>().copy_from(full.as_ptr(), full.len());
        out.add(full.len()).write(0);
    }
    ffi::OK
}

unsafe extern "C" fn dl_open(_vfs: *mut Vfs, _path: *const c_char) -> *mut c_void {
    std::ptr::null_mut()
}

unsafe extern "C" fn dl_error(_vfs: *mut Vfs, room: c_int, message: *mut c_char) {
    let text = b"a simulated host has no shared libraries\0";
    if room as usize >= text.len() {
        // SAFETY: SQLite passes `room` bytes.
        unsafe { message.cast::<u8>().copy_from(text.as_ptr(), text.len()) };
    }
}

unsafe extern "C" fn dl_sym(_vfs: *mut Vfs, _library: *mut c_void, _name: *const c_char) -> Symbol {
    None
}

unsafe extern "C" fn dl_close(_vfs: *mut Vfs, _library: *mut c_void) {}

/// A function of the seed. SQLite asks once and seeds its own generator, which all its connections
/// share.
unsafe extern "C" fn randomness(_vfs: *mut Vfs, bytes: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite passes room for `bytes` bytes.
    let buffer = unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), bytes as usize) };
    generator(ENTROPY.get(), 0).fill_bytes(buffer);
    bytes
}

/// Returns at once: a sleep in here would stop the world. What was asked for is waited for outside.
unsafe extern "C" fn sleep(_vfs: *mut Vfs, microseconds: c_int) -> c_int {
    let slept = Duration::from_micros(u64::try_from(microseconds).unwrap_or(0));
    SLEPT.set(SLEPT.get() + slept);
    microseconds
}

unsafe extern "C" fn current_time_ms(_vfs: *mut Vfs, julian_ms: *mut i64) -> c_int {
    // SAFETY: SQLite passes a place for the result.
    unsafe { julian_ms.write(JULIAN_MS_OF_1970 + disk_mount::wall_ms()) };
    ffi::OK
}

unsafe extern "C" fn current_time(_vfs: *mut Vfs, julian_days: *mut c_double) -> c_int {
    let julian_ms = JULIAN_MS_OF_1970 + disk_mount::wall_ms();
    // SAFETY: SQLite passes a place for the result.
    unsafe { julian_days.write(julian_ms as f64 / MS_PER_DAY) };
    ffi::OK
}

unsafe extern "C" fn last_error(_vfs: *mut Vfs, _room: c_int, _message: *mut c_char) -> c_int {
    ffi::OK
}
