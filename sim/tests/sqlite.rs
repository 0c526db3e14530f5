//! SQLite by way of an unchanged rusqlite, in a simulated build: statements take simulated time,
//! busy connections wait in it, faults act between statements and at writes.
//!
//! Needs `--cfg whitewater_sqlite` and the linker's `--wrap` for every function in
//! `whitewater_sim::sqlite_step::WRAPPED`.
#![cfg(whitewater_sqlite)]
#![expect(
    unsafe_code,
    reason = "calls sqlite3_exec, which rusqlite does not wrap"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what fails in a helper fails the test that called it"
)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use whitewater_sim::disk_fault::Crash;
use whitewater_sim::disk_mount::{self, Mount};
use whitewater_sim::host::{self, HostId};
use whitewater_sim::process::{self, ExitStatus, ProcessId};
use whitewater_sim::trace::{self, Event};
use whitewater_sim::world::{self, WorldConfig};
use whitewater_sim::{task, time};

const PATH: &str = "/data/sink.db";

fn run<T: 'static>(seed: u64, main: impl Future<Output = T> + 'static) -> T {
    let config = WorldConfig {
        seed,
        ..WorldConfig::default()
    };
    world::run(config, main).expect("the world ends")
}

fn open() -> Connection {
    let connection = Connection::open(PATH).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    connection
        .pragma_update(None, "synchronous", "FULL")
        .unwrap();
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS results (id INTEGER)")
        .unwrap();
    connection
}

fn insert(connection: &Connection, id: i64) -> rusqlite::Result<usize> {
    connection.execute("INSERT INTO results VALUES (?1)", [id])
}

fn ids() -> Vec<i64> {
    let connection = open();
    let mut statement = connection
        .prepare("SELECT id FROM results ORDER BY rowid")
        .unwrap();
    let ids = statement.query_map([], |row| row.get(0)).unwrap();
    ids.collect::<rusqlite::Result<_>>().unwrap()
}

/// A host with a process of each name.
fn processes<const N: usize>(names: [&str; N]) -> (HostId, [ProcessId; N]) {
    let host = host::create_host("alpha");
    (host, names.map(|name| process::create_process(host, name)))
}

async fn wait_for(process: ProcessId) {
    while process::is_running(process) {
        time::sleep(Duration::from_millis(1)).await;
    }
}

fn commits(events: &[Event]) -> Vec<(String, i64)> {
    events
        .iter()
        .filter(|event| event.kind == "sink_commit")
        .map(|event| {
            (
                event.text("path").unwrap().to_owned(),
                event.int("rows").unwrap(),
            )
        })
        .collect()
}

#[test]
fn statements_take_simulated_time() {
    // A statement that takes no simulated time went past the wrapper.
    run(1, async {
        let (_, [writer]) = processes(["writer"]);
        process::start(writer, || async {
            let connection = open();
            let before = time::now();
            insert(&connection, 1).unwrap();
            let write = time::now() - before;
            assert!(
                write > Duration::from_micros(300),
                "a synced write took {write:?}"
            );
            let before = time::now();
            connection
                .query_row("SELECT count(*) FROM results", [], |_| Ok(()))
                .unwrap();
            let read = time::now() - before;
            assert!(
                !read.is_zero() && read < Duration::from_micros(300),
                "{read:?}"
            );
        });
        wait_for(writer).await;
        assert_eq!(process::exit_status(writer), Some(ExitStatus::Ok));
    });
}

#[test]
fn commits_are_recorded_with_their_rows() {
    let events = run(1, async {
        let (_, [writer]) = processes(["writer"]);
        process::start(writer, || async {
            let mut connection = open();
            insert(&connection, 1).unwrap();
            let transaction = connection.transaction().unwrap();
            insert(&transaction, 2).unwrap();
            insert(&transaction, 3).unwrap();
            transaction.commit().unwrap();
            let transaction = connection.transaction().unwrap();
            insert(&transaction, 4).unwrap();
            transaction.rollback().unwrap();
            connection
                .execute_batch("BEGIN; INSERT INTO results VALUES (5); -- last\n COMMIT;")
                .unwrap();
            let returned: i64 = connection
                .query_row("INSERT INTO results VALUES (6) RETURNING id", [], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!(returned, 6);
        });
        wait_for(writer).await;
        assert_eq!(process::exit_status(writer), Some(ExitStatus::Ok));
        trace::take()
    });
    let expected = [1, 2, 1, 1].map(|rows| (PATH.to_owned(), rows));
    assert_eq!(commits(&events), expected);
}

/// How long a second writer waits, and what it gets, while the first holds the lock for `held`.
fn contend(held: Duration, timeout: Duration) -> (Duration, Result<(), ErrorCode>) {
    run(1, async move {
        let (_, [first, second]) = processes(["first", "second"]);
        process::start(first, move || async move {
            let connection = open();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            task::block_on(time::sleep(held));
            connection.execute_batch("COMMIT").unwrap();
        });
        time::sleep(Duration::from_millis(100)).await;
        let seen = Rc::new(RefCell::new(None));
        let tell = seen.clone();
        process::start(second, move || async move {
            let connection = Connection::open(PATH).unwrap();
            connection.busy_timeout(timeout).unwrap();
            let before = time::now();
            let result = connection.execute_batch("BEGIN IMMEDIATE");
            let code = result.map_err(|error| error.sqlite_error_code().unwrap());
            *tell.borrow_mut() = Some((time::now() - before, code));
        });
        wait_for(second).await;
        seen.take().expect("the second writer told")
    })
}

#[test]
fn a_busy_connection_waits_in_simulated_time() {
    let (waited, result) = contend(Duration::from_secs(2), Duration::from_secs(5));
    assert_eq!(result, Ok(()));
    assert!((1_800..2_200).contains(&waited.as_millis()), "{waited:?}");
}

#[test]
fn the_wait_ends_with_the_timeout() {
    let (waited, result) = contend(Duration::from_secs(60), Duration::from_secs(5));
    assert_eq!(result, Err(ErrorCode::DatabaseBusy));
    assert!((5_000..5_100).contains(&waited.as_millis()), "{waited:?}");
    let (waited, result) = contend(Duration::from_secs(60), Duration::ZERO);
    assert_eq!(result, Err(ErrorCode::DatabaseBusy));
    assert!(waited < Duration::from_millis(10), "{waited:?}");
}

#[test]
fn contending_writers_all_get_their_turn() {
    // What SQLite asked to sleep was once forgotten where another process called SQLite before the
    // first one's time had passed: it then saw "database is locked" at once.
    for seed in 1..=20 {
        run(seed, async {
            let (_, writers) = processes(["writer-1", "writer-2", "writer-3"]);
            for writer in writers {
                process::start(writer, || async {
                    let mut connection = open();
                    connection.busy_timeout(Duration::from_secs(5)).unwrap();
                    for id in 0..20 {
                        let transaction = connection
                            .transaction_with_behavior(TransactionBehavior::Immediate)
                            .unwrap();
                        insert(&transaction, id).unwrap();
                        transaction.commit().unwrap();
                    }
                });
            }
            for writer in writers {
                wait_for(writer).await;
                assert_eq!(process::exit_status(writer), Some(ExitStatus::Ok));
            }
        });
    }
}

#[test]
fn a_stale_snapshot_is_busy_at_once() {
    run(1, async {
        let (_, [worker]) = processes(["worker"]);
        process::start(worker, || async {
            let [reader, writer] = [open(), open()];
            reader
                .execute_batch("BEGIN; SELECT count(*) FROM results")
                .unwrap();
            insert(&writer, 1).unwrap();
            let before = time::now();
            let error = insert(&reader, 2).unwrap_err();
            let extended = error.sqlite_error().map(|error| error.extended_code);
            assert_eq!(extended, Some(rusqlite::ffi::SQLITE_BUSY_SNAPSHOT));
            assert!(time::now() - before < Duration::from_millis(1));
        });
        wait_for(worker).await;
        assert_eq!(process::exit_status(worker), Some(ExitStatus::Ok));
    });
}

#[test]
fn a_kill_frees_the_lock_and_undoes_the_transaction() {
    run(1, async {
        let (host, [first, second]) = processes(["first", "second"]);
        process::start(first, || async {
            let connection = open();
            insert(&connection, 1).unwrap();
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            insert(&connection, 2).unwrap();
            task::block_on(time::sleep(Duration::from_secs(60)));
        });
        time::sleep(Duration::from_secs(1)).await;
        process::kill(first);
        process::start(second, || async {
            let connection = open();
            let before = time::now();
            insert(&connection, 3).unwrap();
            assert!(time::now() - before < Duration::from_millis(100));
        });
        wait_for(second).await;
        assert_eq!(process::exit_status(second), Some(ExitStatus::Ok));
        assert_eq!(disk_mount::on_host(host, ids), [1, 3]);
    });
}

/// Runs a writer until the crash point, again and again; which ids were acknowledged, which are
/// there, and the trace's hash.
fn crash(seed: u64, crash: Crash) -> (Vec<i64>, Vec<i64>, u128) {
    let (acknowledged, volume, hash) = run(seed, async move {
        let (host, [writer]) = processes(["writer"]);
        let volume = disk_mount::volume_of(host);
        let acknowledged = Rc::new(RefCell::new(Vec::new()));
        for round in 0..3 {
            volume
                .disk()
                .crash_after(20 + (seed * 7 + round * 13) % 60, crash);
            let tell = acknowledged.clone();
            process::start(writer, move || async move {
                let connection = open();
                connection
                    .pragma_update(None, "wal_autocheckpoint", 5)
                    .unwrap();
                for id in 0_i64.. {
                    let id = id + 1_000 * round as i64;
                    insert(&connection, id).unwrap();
                    tell.borrow_mut().push(id);
                }
            });
            wait_for(writer).await;
            assert_eq!(process::exit_status(writer), Some(ExitStatus::Killed));
            assert_eq!(host::is_up(host), crash == Crash::Kill);
            host::boot(host);
        }
        (acknowledged.take(), volume, trace::hash())
    });
    // Results can be read after the run, too.
    let found = Mount::new(&volume).enter(ids);
    (acknowledged, found, hash)
}

#[test]
fn what_was_acknowledged_survives_a_crash_at_any_write() {
    let mut total = 0;
    for seed in 1..=40 {
        for kind in [Crash::Kill, Crash::PowerLoss] {
            let (acknowledged, found, _) = crash(seed, kind);
            total += acknowledged.len();
            let in_doubt: Vec<&i64> = found
                .iter()
                .filter(|id| !acknowledged.contains(id))
                .collect();
            assert!(in_doubt.len() <= 3, "seed {seed}, {kind:?}: {in_doubt:?}");
            for id in &acknowledged {
                let times = found.iter().filter(|found| *found == id).count();
                assert_eq!(times, 1, "seed {seed}, {kind:?}: id {id}");
            }
        }
    }
    assert!(total > 300, "{total} rows were acknowledged");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 1..=5 {
        assert_eq!(crash(seed, Crash::PowerLoss), crash(seed, Crash::PowerLoss));
    }
}

#[test]
fn sqlite_exec_keeps_its_contract() {
    use std::ffi::{CStr, c_char, c_int, c_void};

    unsafe extern "C" fn collect(
        rows: *mut c_void,
        columns: c_int,
        values: *mut *mut c_char,
        names: *mut *mut c_char,
    ) -> c_int {
        // SAFETY: sqlite3_exec passes arrays of `columns` texts, some of them null.
        let text = |texts: *mut *mut c_char, column: c_int| unsafe {
            let text = *texts.offset(column as isize);
            if text.is_null() {
                return "NULL".to_owned();
            }
            CStr::from_ptr(text).to_str().unwrap().to_owned()
        };
        // SAFETY: sqlite3_exec passes on what it was given below.
        let rows = unsafe { &mut *rows.cast::<Vec<String>>() };
        rows.extend((0..columns).map(|c| format!("{}={}", text(names, c), text(values, c))));
        c_int::from(rows.len() >= 4)
    }

    run(1, async {
        let (_, [worker]) = processes(["worker"]);
        process::start(worker, || async {
            let connection = Connection::open(PATH).unwrap();
            // SAFETY: the connection is open, `collect` takes these rows, the message is SQLite's.
            let exec = |sql: &CStr, rows: &mut Vec<String>| unsafe {
                let mut message = std::ptr::null_mut();
                let status = rusqlite::ffi::sqlite3_exec(
                    connection.handle(),
                    sql.as_ptr(),
                    Some(collect),
                    std::ptr::from_mut(rows).cast(),
                    &raw mut message,
                );
                let text = (!message.is_null())
                    .then(|| CStr::from_ptr(message).to_str().unwrap().to_owned());
                rusqlite::ffi::sqlite3_free(message.cast());
                (status, text)
            };
            let mut rows = Vec::new();
            let script = c"CREATE TABLE t (a, b); -- two\n INSERT INTO t VALUES (1, NULL);
                SELECT * FROM t; /* end */ ";
            assert_eq!(exec(script, &mut rows), (rusqlite::ffi::SQLITE_OK, None));
            assert_eq!(rows, ["a=1", "b=NULL"]);
            let (status, text) = exec(c"SELECT 1; SELECT * FROM missing", &mut rows);
            assert_eq!(status, rusqlite::ffi::SQLITE_ERROR);
            assert_eq!(text.as_deref(), Some("no such table: missing"));
            let (status, text) = exec(c"SELECT 2; SELECT 3", &mut rows);
            assert_eq!(status, rusqlite::ffi::SQLITE_ABORT);
            assert_eq!(text.as_deref(), Some("query aborted"));
            assert_eq!(rows, ["a=1", "b=NULL", "1=1", "2=2"]);
        });
        wait_for(worker).await;
        assert_eq!(process::exit_status(worker), Some(ExitStatus::Ok));
    });
}

#[test]
fn a_full_disk_refuses_and_the_process_goes_on() {
    run(1, async {
        let (host, [writer]) = processes(["writer"]);
        let volume = disk_mount::volume_of(host);
        process::start(writer, move || async move {
            let connection = open();
            let used = volume.disk().used_bytes();
            volume.disk().set_capacity_bytes(used);
            let error = insert(&connection, 1).unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
            volume.disk().set_capacity_bytes(1 << 30);
            insert(&connection, 2).unwrap();
        });
        wait_for(writer).await;
        assert_eq!(process::exit_status(writer), Some(ExitStatus::Ok));
        assert_eq!(disk_mount::on_host(host, ids), [2]);
    });
}
