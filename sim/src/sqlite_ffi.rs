//! The part of SQLite's C interface that the simulator uses (sqlite3.h). Declared here instead of
//! taken from a crate, so that any version of SQLite that the code under test links will do.
#![expect(unsafe_code, reason = "declarations of SQLite's C interface")]

use std::ffi::{c_char, c_double, c_int, c_uint, c_void};

pub(crate) const OK: c_int = 0;
pub(crate) const ABORT: c_int = 4;
pub(crate) const BUSY: c_int = 5;
pub(crate) const NOTFOUND: c_int = 12;
pub(crate) const FULL: c_int = 13;
pub(crate) const CANTOPEN: c_int = 14;
pub(crate) const MISUSE: c_int = 21;
pub(crate) const ROW: c_int = 100;
pub(crate) const DONE: c_int = 101;

pub(crate) const IOERR: c_int = 10;
pub(crate) const IOERR_READ: c_int = IOERR | (1 << 8);
pub(crate) const IOERR_SHORT_READ: c_int = IOERR | (2 << 8);
pub(crate) const IOERR_WRITE: c_int = IOERR | (3 << 8);
pub(crate) const IOERR_FSYNC: c_int = IOERR | (4 << 8);
pub(crate) const IOERR_TRUNCATE: c_int = IOERR | (6 << 8);
pub(crate) const IOERR_FSTAT: c_int = IOERR | (7 << 8);
pub(crate) const IOERR_DELETE: c_int = IOERR | (10 << 8);
pub(crate) const IOERR_ACCESS: c_int = IOERR | (13 << 8);
pub(crate) const IOERR_CHECKRESERVEDLOCK: c_int = IOERR | (14 << 8);
pub(crate) const IOERR_LOCK: c_int = IOERR | (15 << 8);
pub(crate) const IOERR_SHMLOCK: c_int = IOERR | (20 << 8);
pub(crate) const IOERR_SHMMAP: c_int = IOERR | (21 << 8);
pub(crate) const IOERR_DELETE_NOENT: c_int = IOERR | (23 << 8);
pub(crate) const BUSY_SNAPSHOT: c_int = BUSY | (2 << 8);

pub(crate) const OPEN_CREATE: c_int = 0x4;
pub(crate) const OPEN_DELETEONCLOSE: c_int = 0x8;
pub(crate) const OPEN_EXCLUSIVE: c_int = 0x10;
pub(crate) const OPEN_MAIN_JOURNAL: c_int = 0x800;
pub(crate) const OPEN_SUPER_JOURNAL: c_int = 0x4000;
pub(crate) const OPEN_WAL: c_int = 0x80000;

pub(crate) const LOCK_SHARED: c_int = 1;
pub(crate) const LOCK_RESERVED: c_int = 2;
pub(crate) const LOCK_PENDING: c_int = 3;
pub(crate) const LOCK_EXCLUSIVE: c_int = 4;

pub(crate) const SHM_UNLOCK: c_int = 1;
pub(crate) const SHM_EXCLUSIVE: c_int = 8;

pub(crate) const FCNTL_HAS_MOVED: c_int = 20;

/// `sqlite3`: a connection.
#[repr(C)]
pub struct Connection {
    _opaque: [u8; 0],
}

/// `sqlite3_stmt`: a prepared statement.
#[repr(C)]
pub struct Statement {
    _opaque: [u8; 0],
}

/// `sqlite3_file`, of which SQLite reads the first field and the VFS owns the rest.
#[repr(C)]
pub(crate) struct File {
    pub(crate) methods: *const IoMethods,
    pub(crate) open: *const c_void,
}

/// `sqlite3_io_methods`, version 2.
#[repr(C)]
pub(crate) struct IoMethods {
    pub(crate) version: c_int,
    pub(crate) close: unsafe extern "C" fn(*mut File) -> c_int,
    pub(crate) read: unsafe extern "C" fn(*mut File, *mut c_void, c_int, i64) -> c_int,
    pub(crate) write: unsafe extern "C" fn(*mut File, *const c_void, c_int, i64) -> c_int,
    pub(crate) truncate: unsafe extern "C" fn(*mut File, i64) -> c_int,
    pub(crate) sync: unsafe extern "C" fn(*mut File, c_int) -> c_int,
    pub(crate) file_size: unsafe extern "C" fn(*mut File, *mut i64) -> c_int,
    pub(crate) lock: unsafe extern "C" fn(*mut File, c_int) -> c_int,
    pub(crate) unlock: unsafe extern "C" fn(*mut File, c_int) -> c_int,
    pub(crate) check_reserved_lock: unsafe extern "C" fn(*mut File, *mut c_int) -> c_int,
    pub(crate) file_control: unsafe extern "C" fn(*mut File, c_int, *mut c_void) -> c_int,
    pub(crate) sector_size: unsafe extern "C" fn(*mut File) -> c_int,
    pub(crate) device_characteristics: unsafe extern "C" fn(*mut File) -> c_int,
    pub(crate) shm_map:
        unsafe extern "C" fn(*mut File, c_int, c_int, c_int, *mut *mut c_void) -> c_int,
    pub(crate) shm_lock: unsafe extern "C" fn(*mut File, c_int, c_int, c_int) -> c_int,
    pub(crate) shm_barrier: unsafe extern "C" fn(*mut File),
    pub(crate) shm_unmap: unsafe extern "C" fn(*mut File, c_int) -> c_int,
}

/// A function whose type SQLite casts (`void (*)(void)`).
pub(crate) type Symbol = Option<unsafe extern "C" fn()>;

/// `sqlite3_vfs`, version 2.
#[repr(C)]
pub(crate) struct Vfs {
    pub(crate) version: c_int,
    pub(crate) file_bytes: c_int,
    pub(crate) path_bytes_max: c_int,
    pub(crate) next: *mut Vfs,
    pub(crate) name: *const c_char,
    pub(crate) data: *mut c_void,
    pub(crate) open:
        unsafe extern "C" fn(*mut Vfs, *const c_char, *mut File, c_int, *mut c_int) -> c_int,
    pub(crate) delete: unsafe extern "C" fn(*mut Vfs, *const c_char, c_int) -> c_int,
    pub(crate) access: unsafe extern "C" fn(*mut Vfs, *const c_char, c_int, *mut c_int) -> c_int,
    pub(crate) full_pathname:
        unsafe extern "C" fn(*mut Vfs, *const c_char, c_int, *mut c_char) -> c_int,
    pub(crate) dl_open: unsafe extern "C" fn(*mut Vfs, *const c_char) -> *mut c_void,
    pub(crate) dl_error: unsafe extern "C" fn(*mut Vfs, c_int, *mut c_char),
    pub(crate) dl_sym: unsafe extern "C" fn(*mut Vfs, *mut c_void, *const c_char) -> Symbol,
    pub(crate) dl_close: unsafe extern "C" fn(*mut Vfs, *mut c_void),
    pub(crate) randomness: unsafe extern "C" fn(*mut Vfs, c_int, *mut c_char) -> c_int,
    pub(crate) sleep: unsafe extern "C" fn(*mut Vfs, c_int) -> c_int,
    pub(crate) current_time: unsafe extern "C" fn(*mut Vfs, *mut c_double) -> c_int,
    pub(crate) last_error: unsafe extern "C" fn(*mut Vfs, c_int, *mut c_char) -> c_int,
    pub(crate) current_time_ms: unsafe extern "C" fn(*mut Vfs, *mut i64) -> c_int,
}

/// The callback of `sqlite3_exec`.
pub type ExecCallback =
    Option<unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int>;

unsafe extern "C" {
    pub(crate) fn sqlite3_vfs_register(vfs: *mut Vfs, make_default: c_int) -> c_int;
    pub(crate) fn sqlite3_randomness(bytes: c_int, buffer: *mut c_void);
    pub(crate) fn sqlite3_db_handle(statement: *mut Statement) -> *mut Connection;
    pub(crate) fn sqlite3_db_filename(
        connection: *mut Connection,
        database: *const c_char,
    ) -> *const c_char;
    pub(crate) fn sqlite3_get_autocommit(connection: *mut Connection) -> c_int;
    pub(crate) fn sqlite3_total_changes(connection: *mut Connection) -> c_int;
    pub(crate) fn sqlite3_extended_errcode(connection: *mut Connection) -> c_int;
    pub(crate) fn sqlite3_errmsg(connection: *mut Connection) -> *const c_char;
    pub(crate) fn sqlite3_sql(statement: *mut Statement) -> *const c_char;
    pub(crate) fn sqlite3_stmt_busy(statement: *mut Statement) -> c_int;
    pub(crate) fn sqlite3_column_count(statement: *mut Statement) -> c_int;
    pub(crate) fn sqlite3_column_name(statement: *mut Statement, column: c_int) -> *const c_char;
    pub(crate) fn sqlite3_column_text(statement: *mut Statement, column: c_int) -> *const u8;
    pub(crate) fn sqlite3_malloc(bytes: c_int) -> *mut c_void;
}

// With `-Wl,--wrap=NAME` the linker sends every call of NAME to `__wrap_NAME`, and calls of
// `__real_NAME` to SQLite. Tests of a normal build are linked without it.
unsafe extern "C" {
    #[cfg_attr(whitewater_sqlite, link_name = "__real_sqlite3_step")]
    pub(crate) fn sqlite3_step(statement: *mut Statement) -> c_int;
    #[cfg_attr(whitewater_sqlite, link_name = "__real_sqlite3_reset")]
    pub(crate) fn sqlite3_reset(statement: *mut Statement) -> c_int;
    #[cfg_attr(whitewater_sqlite, link_name = "__real_sqlite3_finalize")]
    pub(crate) fn sqlite3_finalize(statement: *mut Statement) -> c_int;
    #[cfg_attr(whitewater_sqlite, link_name = "__real_sqlite3_close")]
    pub(crate) fn sqlite3_close(connection: *mut Connection) -> c_int;
    #[cfg_attr(whitewater_sqlite, link_name = "__real_sqlite3_close_v2")]
    pub(crate) fn sqlite3_close_v2(connection: *mut Connection) -> c_int;
    #[cfg_attr(whitewater_sqlite, link_name = "__real_sqlite3_prepare_v2")]
    pub(crate) fn sqlite3_prepare_v2(
        connection: *mut Connection,
        sql: *const c_char,
        bytes: c_int,
        statement: *mut *mut Statement,
        tail: *mut *const c_char,
    ) -> c_int;
    #[cfg_attr(whitewater_sqlite, link_name = "__real_sqlite3_prepare_v3")]
    pub(crate) fn sqlite3_prepare_v3(
        connection: *mut Connection,
        sql: *const c_char,
        bytes: c_int,
        flags: c_uint,
        statement: *mut *mut Statement,
        tail: *mut *const c_char,
    ) -> c_int;
}
