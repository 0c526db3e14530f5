//! Records when a write transaction of SQLite was committed: trace event `sink_commit`.
#![expect(unsafe_code, reason = "asks SQLite about a connection")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_int};

use crate::disk_mount::Mount;
use crate::sqlite_ffi::{self as ffi, Connection, Statement};
use crate::{trace, world};

thread_local! {
    /// By connection: the rows changed (`sqlite3_total_changes`) up to the last transaction's end.
    static REPORTED: RefCell<BTreeMap<*mut Connection, i32>> = const { RefCell::new(BTreeMap::new()) };
}

/// A connection's state before a step.
pub(crate) struct Before {
    in_transaction: bool,
    reported: i32,
}

/// # Safety
/// `connection` is null or open.
pub(crate) unsafe fn before(connection: *mut Connection) -> Before {
    if connection.is_null() {
        return Before {
            in_transaction: false,
            reported: 0,
        };
    }
    // SAFETY: promised by the caller.
    let (autocommit, total) = unsafe {
        (
            ffi::sqlite3_get_autocommit(connection) != 0,
            ffi::sqlite3_total_changes(connection),
        )
    };
    let reported = REPORTED.with_borrow_mut(|reported| {
        let known = reported.entry(connection).or_insert(total);
        // Another connection at the same address starts to count again.
        *known = total.min(*known);
        *known
    });
    Before {
        in_transaction: !autocommit,
        reported,
    }
}

/// Looks at a connection after a step that returned `status`.
///
/// # Safety
/// `connection` and `statement` are null, or open.
pub(crate) unsafe fn after(
    connection: *mut Connection,
    statement: *mut Statement,
    status: c_int,
    before: &Before,
) {
    // SAFETY: promised by the caller.
    if connection.is_null() || unsafe { ffi::sqlite3_get_autocommit(connection) } == 0 {
        return;
    }
    if status == ffi::ROW {
        // An autocommit statement that returns rows commits when it is done.
        return;
    }
    // SAFETY: promised by the caller.
    let total = unsafe { ffi::sqlite3_total_changes(connection) };
    REPORTED.with_borrow_mut(|reported| reported.insert(connection, total));
    let rows = total - before.reported;
    // SAFETY: promised by the caller.
    let rolled_back = status != ffi::DONE || unsafe { is_rollback(statement) };
    if rows > 0 && !(before.in_transaction && rolled_back) {
        // SAFETY: promised by the caller.
        record(unsafe { path(connection) }, rows);
    }
}

/// Forgets a connection that is about to be closed.
pub(crate) fn forget(connection: *mut Connection) {
    REPORTED.with_borrow_mut(|reported| reported.remove(&connection));
}

fn record(path: String, rows: i32) {
    if world::in_world() && !Mount::is_entered() {
        let fields = [("path", path.into()), ("rows", i64::from(rows).into())];
        trace::event("sink_commit", &fields);
    }
}

/// # Safety
/// `connection` is open.
unsafe fn path(connection: *mut Connection) -> String {
    // SAFETY: promised by the caller; the name stays valid while the connection is open.
    unsafe {
        let name = ffi::sqlite3_db_filename(connection, c"main".as_ptr());
        if name.is_null() {
            return String::new();
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}

/// Whether the statement, which has not run yet, ends an open transaction for good.
///
/// # Safety
/// `connection` and `statement` are null, or open.
pub(crate) unsafe fn is_commit(connection: *mut Connection, statement: *mut Statement) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        !connection.is_null()
            && ffi::sqlite3_get_autocommit(connection) == 0
            && begins_with_any(statement, &[b"commit", b"end"])
    }
}

/// # Safety
/// `statement` is null or prepared.
unsafe fn is_rollback(statement: *mut Statement) -> bool {
    // SAFETY: promised by the caller.
    unsafe { begins_with_any(statement, &[b"rollback"]) }
}

/// Whether the first word of the statement's text is one of the keywords.
///
/// # Safety
/// `statement` is null or prepared.
unsafe fn begins_with_any(statement: *mut Statement, keywords: &[&[u8]]) -> bool {
    // SAFETY: promised by the caller; the text lives as long as the statement.
    let sql = unsafe {
        let sql = ffi::sqlite3_sql(statement);
        if sql.is_null() {
            return false;
        }
        CStr::from_ptr(sql).to_bytes()
    };
    keywords
        .iter()
        .any(|keyword| starts_with_keyword(sql, keyword))
}

/// Whether the first word of `sql`, after blanks and comments, is `keyword`.
fn starts_with_keyword(mut sql: &[u8], keyword: &[u8]) -> bool {
    loop {
        sql = sql.trim_ascii_start();
        let comment = if sql.starts_with(b"--") {
            sql.iter()
                .position(|byte| *byte == b'\n')
                .map(|end| end + 1)
        } else if sql.starts_with(b"/*") {
            sql.windows(2)
                .skip(2)
                .position(|pair| pair == b"*/")
                .map(|end| end + 4)
        } else {
            break;
        };
        let Some(end) = comment else {
            return false;
        };
        sql = &sql[end..];
    }
    let word = sql
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    sql[..word].eq_ignore_ascii_case(keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_word() {
        for sql in [
            "ROLLBACK",
            " \n rollback;",
            "-- a\n /* b */ Rollback",
            "/**/rollback",
        ] {
            assert!(starts_with_keyword(sql.as_bytes(), b"rollback"), "{sql}");
        }
        for sql in [
            "COMMIT",
            "rollbacks",
            "-- rollback",
            "/* rollback",
            "",
            "'rollback'",
        ] {
            assert!(!starts_with_keyword(sql.as_bytes(), b"rollback"), "{sql}");
        }
    }
}
