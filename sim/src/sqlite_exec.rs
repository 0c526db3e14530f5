//! `sqlite3_exec` over the wrapped step: SQLite's own calls its step inside the library, where no
//! time could pass between statements.
#![expect(unsafe_code, reason = "stands in for a function of C")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use crate::sqlite_ffi::{self as ffi, Connection, ExecCallback, Statement};
use crate::sqlite_step::{__wrap_sqlite3_finalize, __wrap_sqlite3_prepare_v2, __wrap_sqlite3_step};

/// Stands in for `sqlite3_exec`: runs every statement of `sql`, calls `callback` for each row with
/// the row as text, and stops at the first failure or when the callback returns other than 0.
/// `message` receives the error's text, to be freed with `sqlite3_free`.
///
/// # Safety
/// As `sqlite3_exec`.
#[cfg_attr(whitewater_sqlite, unsafe(no_mangle))]
pub unsafe extern "C" fn __wrap_sqlite3_exec(
    connection: *mut Connection,
    sql: *const c_char,
    callback: ExecCallback,
    argument: *mut c_void,
    message: *mut *mut c_char,
) -> c_int {
    if !message.is_null() {
        // SAFETY: the caller passes null or a place for the text.
        unsafe { message.write(ptr::null_mut()) };
    }
    if connection.is_null() {
        return ffi::MISUSE;
    }
    let mut rest = if sql.is_null() { c"".as_ptr() } else { sql };
    let mut status = ffi::OK;
    // SAFETY: `rest` points into the caller's text, which ends with a zero.
    while status == ffi::OK && unsafe { *rest } != 0 {
        let mut statement = ptr::null_mut();
        let mut tail = ptr::null();
        // SAFETY: the connection is the caller's, the text as above, the results are our own.
        status =
            unsafe { __wrap_sqlite3_prepare_v2(connection, rest, -1, &mut statement, &mut tail) };
        if status != ffi::OK {
            break;
        }
        rest = tail;
        // A comment or blanks alone make no statement.
        if !statement.is_null() {
            // SAFETY: the statement was just prepared, and nobody else has it.
            status = unsafe { run(statement, callback, argument) };
        }
    }
    if status != ffi::OK && !message.is_null() {
        // SAFETY: as above.
        unsafe { message.write(error_text(connection, status)) };
    }
    status
}

/// Steps through one statement and finalizes it.
///
/// # Safety
/// `statement` is prepared; `callback` takes `argument`.
unsafe fn run(statement: *mut Statement, callback: ExecCallback, argument: *mut c_void) -> c_int {
    loop {
        // SAFETY: promised by the caller.
        if unsafe { __wrap_sqlite3_step(statement) } != ffi::ROW {
            // SAFETY: promised by the caller. It returns what the last step failed with.
            return unsafe { __wrap_sqlite3_finalize(statement) };
        }
        let Some(callback) = callback else {
            continue;
        };
        // SAFETY: the statement stands on a row.
        let (names, mut values) = unsafe { row(statement) };
        let mut names = names;
        // SAFETY: promised by the caller; both arrays have that many entries and a null after.
        let stop = unsafe {
            let columns = ffi::sqlite3_column_count(statement);
            callback(argument, columns, values.as_mut_ptr(), names.as_mut_ptr())
        };
        if stop != 0 {
            // SAFETY: promised by the caller.
            unsafe { __wrap_sqlite3_finalize(statement) };
            return ffi::ABORT;
        }
    }
}

type Texts = Vec<*mut c_char>;

/// Column names and values, each followed by a null pointer.
///
/// # Safety
/// `statement` stands on a row.
unsafe fn row(statement: *mut Statement) -> (Texts, Texts) {
    // SAFETY: promised by the caller.
    let columns = unsafe { ffi::sqlite3_column_count(statement) };
    let end = std::iter::once(ptr::null_mut());
    // SAFETY: promised by the caller.
    let name = |column| unsafe { ffi::sqlite3_column_name(statement, column).cast_mut() };
    // SAFETY: promised by the caller.
    let value = |column| unsafe {
        ffi::sqlite3_column_text(statement, column)
            .cast_mut()
            .cast()
    };
    (
        (0..columns).map(name).chain(end.clone()).collect(),
        (0..columns).map(value).chain(end).collect(),
    )
}

/// The error's text in memory of SQLite's.
///
/// # Safety
/// `connection` is open.
unsafe fn error_text(connection: *mut Connection, status: c_int) -> *mut c_char {
    let text = if status == ffi::ABORT {
        c"query aborted"
    } else {
        // SAFETY: promised by the caller; nothing is called on the connection before the copy.
        unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(connection)) }
    };
    let bytes = text.to_bytes_with_nul();
    // SAFETY: the copy fits into what was allocated, where it was.
    unsafe {
        let copy = ffi::sqlite3_malloc(bytes.len() as c_int).cast::<u8>();
        if !copy.is_null() {
            copy.copy_from(bytes.as_ptr(), bytes.len());
        }
        copy.cast()
    }
}
