//! The methods of an open file that SQLite calls (`sqlite3_io_methods`), on a simulated disk.
//!
//! None of them suspends: SQLite's own frames and mutexes are on the stack. Time passes between
//! statements, see `sqlite_step`.
#![expect(unsafe_code, reason = "SQLite calls these with raw pointers")]

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::rc::Rc;

use crate::disk::DiskError;
use crate::disk_file::SECTOR_BYTES;
use crate::disk_locks::{Level, SLOTS};
use crate::disk_open::{OpenError, OpenFile};
use crate::sqlite_ffi::{self as ffi, File, IoMethods};

/// SQLite reads version 2 up to the methods of the WAL index; there is no memory-mapped I/O.
static METHODS: IoMethods = IoMethods {
    version: 2,
    close,
    read,
    write,
    truncate,
    sync,
    file_size,
    lock,
    unlock,
    check_reserved_lock,
    file_control,
    sector_size,
    device_characteristics,
    shm_map,
    shm_lock,
    shm_barrier,
    shm_unmap,
};

/// Makes `file` a handle of `open`; its xClose drops it.
///
/// # Safety
/// `file` is valid for a write of a [`File`].
pub(crate) unsafe fn install(file: *mut File, open: Rc<OpenFile>) {
    let handle = File {
        methods: &METHODS,
        open: Rc::into_raw(open).cast(),
    };
    // SAFETY: promised by the caller.
    unsafe { file.write(handle) };
}

/// Marks `file` as not open: SQLite will not call its xClose.
///
/// # Safety
/// `file` is valid for a write of a [`File`].
pub(crate) unsafe fn install_none(file: *mut File) {
    let handle = File {
        methods: std::ptr::null(),
        open: std::ptr::null(),
    };
    // SAFETY: promised by the caller.
    unsafe { file.write(handle) };
}

/// # Safety
/// `file` was filled by [`install`] and not closed since, for as long as the result is used.
unsafe fn open_of<'a>(file: *mut File) -> &'a OpenFile {
    // SAFETY: `install` put an Rc's pointer there, and only `close` gives it back.
    unsafe { &*(*file).open.cast::<OpenFile>() }
}

/// SQLite's code for a failure, where EIO is `otherwise`.
fn code(error: OpenError, otherwise: c_int) -> c_int {
    match error {
        OpenError::Busy => ffi::BUSY,
        OpenError::Disk(DiskError::NoSpace) => ffi::FULL,
        OpenError::Disk(DiskError::NotFound | DiskError::Io(_) | DiskError::Crashed)
        | OpenError::Dead => otherwise,
    }
}

fn status(result: Result<(), OpenError>, otherwise: c_int) -> c_int {
    match result {
        Ok(()) => ffi::OK,
        Err(error) => code(error, otherwise),
    }
}

unsafe extern "C" fn close(file: *mut File) -> c_int {
    // SAFETY: SQLite closes an open file once; the pointer came from `Rc::into_raw`.
    let open = unsafe { Rc::from_raw((*file).open.cast::<OpenFile>()) };
    open.close();
    // SAFETY: SQLite owns the memory behind `file`, which it still holds.
    unsafe { install_none(file) };
    ffi::OK
}

unsafe extern "C" fn read(file: *mut File, buffer: *mut c_void, bytes: c_int, at: i64) -> c_int {
    // SAFETY: SQLite passes an open file and a buffer of `bytes` bytes.
    let (open, buffer) = unsafe {
        let buffer = std::slice::from_raw_parts_mut(buffer.cast::<u8>(), bytes as usize);
        (open_of(file), buffer)
    };
    match open.read(at as u64, buffer) {
        Ok(count) if count == buffer.len() => ffi::OK,
        Ok(count) => {
            // SQLite relies on zeros past the end of the file.
            buffer[count..].fill(0);
            ffi::IOERR_SHORT_READ
        }
        Err(error) => code(error, ffi::IOERR_READ),
    }
}

unsafe extern "C" fn write(file: *mut File, data: *const c_void, bytes: c_int, at: i64) -> c_int {
    // SAFETY: SQLite passes an open file and `bytes` readable bytes.
    let (open, data) = unsafe {
        let data = std::slice::from_raw_parts(data.cast::<u8>(), bytes as usize);
        (open_of(file), data)
    };
    status(open.write(at as u64, data), ffi::IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut File, bytes: i64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let open = unsafe { open_of(file) };
    status(open.truncate(bytes as u64), ffi::IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut File, _flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let open = unsafe { open_of(file) };
    status(open.sync(), ffi::IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut File, bytes: *mut i64) -> c_int {
    // SAFETY: SQLite passes an open file.
    match unsafe { open_of(file) }.len() {
        Ok(len) => {
            // SAFETY: SQLite passes a place for the result.
            unsafe { bytes.write(len as i64) };
            ffi::OK
        }
        Err(error) => code(error, ffi::IOERR_FSTAT),
    }
}

fn level(lock: c_int) -> Level {
    match lock {
        ffi::LOCK_SHARED => Level::Shared,
        ffi::LOCK_RESERVED => Level::Reserved,
        ffi::LOCK_PENDING => Level::Pending,
        ffi::LOCK_EXCLUSIVE => Level::Exclusive,
        _ => Level::None,
    }
}

unsafe extern "C" fn lock(file: *mut File, wanted: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let open = unsafe { open_of(file) };
    status(open.lock(level(wanted)), ffi::IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut File, wanted: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    unsafe { open_of(file) }.unlock(level(wanted));
    ffi::OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut File, reserved: *mut c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    match unsafe { open_of(file) }.is_reserved() {
        Ok(is_reserved) => {
            // SAFETY: SQLite passes a place for the result.
            unsafe { reserved.write(c_int::from(is_reserved)) };
            ffi::OK
        }
        Err(error) => code(error, ffi::IOERR_CHECKRESERVEDLOCK),
    }
}

unsafe extern "C" fn file_control(file: *mut File, what: c_int, argument: *mut c_void) -> c_int {
    if what != ffi::FCNTL_HAS_MOVED {
        return ffi::NOTFOUND;
    }
    // SAFETY: SQLite passes an open file.
    match unsafe { open_of(file) }.has_moved() {
        Ok(moved) => {
            // SAFETY: the argument of SQLITE_FCNTL_HAS_MOVED is a pointer to an int.
            unsafe { argument.cast::<c_int>().write(c_int::from(moved)) };
            ffi::OK
        }
        Err(error) => code(error, ffi::IOERR_FSTAT),
    }
}

unsafe extern "C" fn sector_size(_file: *mut File) -> c_int {
    SECTOR_BYTES as c_int
}

/// No promise at all: a write may be torn, an append may grow the file before its data are there,
/// writes reach the medium in any order.
unsafe extern "C" fn device_characteristics(_file: *mut File) -> c_int {
    0
}

unsafe extern "C" fn shm_map(
    file: *mut File,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    address: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite passes an open file.
    let open = unsafe { open_of(file) };
    match open.map(region as usize, bytes as usize, extend != 0) {
        Ok(mapped) => {
            let mapped = mapped.map_or(std::ptr::null_mut(), <*mut u8>::cast);
            // SAFETY: SQLite passes a place for the result.
            unsafe { address.write(mapped) };
            ffi::OK
        }
        Err(error) => code(error, ffi::IOERR_SHMMAP),
    }
}

fn slots(first: c_int, count: c_int) -> Option<Range<usize>> {
    let first = usize::try_from(first).ok()?;
    let end = first + usize::try_from(count).ok()?;
    (end <= SLOTS).then_some(first..end)
}

unsafe extern "C" fn shm_lock(file: *mut File, first: c_int, count: c_int, flags: c_int) -> c_int {
    let Some(slots) = slots(first, count) else {
        return ffi::IOERR_SHMLOCK;
    };
    // SAFETY: SQLite passes an open file.
    let open = unsafe { open_of(file) };
    if flags & ffi::SHM_UNLOCK != 0 {
        open.unlock_slots(slots);
        return ffi::OK;
    }
    let exclusive = flags & ffi::SHM_EXCLUSIVE != 0;
    status(open.lock_slots(slots, exclusive), ffi::IOERR_SHMLOCK)
}

/// Every process of the world runs on one thread: there is nothing to order.
unsafe extern "C" fn shm_barrier(_file: *mut File) {
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut File, _delete: c_int) -> c_int {
    // SAFETY: SQLite passes an open file, and doesn't touch mapped regions any more.
    unsafe { open_of(file) }.unmap();
    ffi::OK
}
