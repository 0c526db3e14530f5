//! Two processes write transactions to one database; kills and power losses hit them at random
//! writes. What was acknowledged must be there exactly once, what was not must be there whole or
//! not at all.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::disk_fault::Crash;
use crate::disk_mount::Mount;
use crate::disk_volume::Volume;
use crate::sqlite_vfs;

const PATH: &str = "/data/sink.db";
const ROWS_PER_TRANSACTION: i64 = 3;
const WRITERS: usize = 2;
const ROUNDS: usize = 4;
const STATEMENTS_PER_ROUND_MAX: usize = 120;

#[derive(Debug, Clone, Copy)]
struct Pragmas {
    journal_mode: &'static str,
    synchronous: &'static str,
}

/// What a run saw that must not be; and, so that a test can tell it tested something, how much
/// happened.
#[derive(Debug, Default)]
struct Outcome {
    violations: Vec<String>,
    acknowledged: usize,
    kills: usize,
    power_losses: usize,
}

/// One process that writes.
struct Writer {
    mount: Mount,
    connection: Option<Connection>,
    /// The open transaction and the rows it has so far.
    open: Option<(i64, i64)>,
}

struct Run {
    volume: Volume,
    rng: ChaCha8Rng,
    pragmas: Pragmas,
    writers: Vec<Writer>,
    next_transaction: i64,
    acknowledged: BTreeSet<i64>,
    /// Their commit failed: nobody knows.
    in_doubt: BTreeSet<i64>,
    outcome: Outcome,
}

impl Run {
    fn new(seed: u64, pragmas: Pragmas) -> Self {
        sqlite_vfs::register();
        let volume = Volume::new(64 << 20);
        Self {
            writers: (0..WRITERS).map(|_| Writer::new(&volume)).collect(),
            volume,
            rng: ChaCha8Rng::seed_from_u64(seed),
            pragmas,
            next_transaction: 1,
            acknowledged: BTreeSet::new(),
            in_doubt: BTreeSet::new(),
            outcome: Outcome::default(),
        }
    }

    fn run(mut self) -> Outcome {
        for _ in 0..ROUNDS {
            let crash = match self.rng.random_range(0..3) {
                0 => Crash::Kill,
                _ => Crash::PowerLoss,
            };
            let changes = self.rng.random_range(0..80);
            self.volume.disk().crash_after(changes, crash);
            for _ in 0..self.rng.random_range(1..STATEMENTS_PER_ROUND_MAX) {
                let index = self.rng.random_range(0..WRITERS);
                self.step(index);
                let due = self.volume.disk().crash_due();
                if let Some(crash) = due {
                    self.crash(index, crash);
                }
            }
            // The crash comes between two statements where none met its point.
            self.crash(0, crash);
            self.check();
        }
        self.outcome.acknowledged = self.acknowledged.len();
        self.outcome
    }

    /// Lets a writer do its next statement.
    fn step(&mut self, index: usize) {
        let pragmas = self.pragmas;
        let writer = &mut self.writers[index];
        if writer.connection.is_none() {
            writer.connection = writer.mount.enter(|| open(pragmas)).ok();
            return;
        }
        match writer.open {
            None => {
                if writer.execute("BEGIN IMMEDIATE").is_ok() {
                    writer.open = Some((self.next_transaction, 0));
                    self.next_transaction += 1;
                }
            }
            Some((transaction, rows)) if rows < ROWS_PER_TRANSACTION => {
                let insert = format!(
                    "INSERT INTO results VALUES ({transaction}, {rows}, hex(zeroblob(300)))"
                );
                match writer.execute(&insert) {
                    Ok(()) => writer.open = Some((transaction, rows + 1)),
                    Err(_) => writer.roll_back(),
                }
            }
            Some((transaction, _)) => match writer.execute("COMMIT") {
                Ok(()) => {
                    writer.open = None;
                    self.acknowledged.insert(transaction);
                }
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
                Err(_) => {
                    self.in_doubt.insert(transaction);
                    writer.roll_back();
                }
            },
        }
    }

    fn crash(&mut self, index: usize, crash: Crash) {
        self.volume.disk().clear_crash();
        match crash {
            Crash::Kill => {
                self.outcome.kills += 1;
                self.end(index);
            }
            Crash::PowerLoss => {
                self.outcome.power_losses += 1;
                for index in 0..WRITERS {
                    self.end(index);
                }
                self.volume.lose_power(&mut self.rng);
            }
        }
    }

    fn end(&mut self, index: usize) {
        let volume = self.volume.clone();
        let old = std::mem::replace(&mut self.writers[index], Writer::new(&volume));
        old.mount.kill();
        // A kill runs no destructor; but should one run late, it must not touch the files that
        // its successor sees.
        if self.rng.random() {
            old.mount.enter(|| drop(old.connection));
        } else {
            std::mem::forget(old.connection);
        }
    }

    /// Recovers the database in a process of its own and compares.
    fn check(&mut self) {
        let reader = Mount::new(&self.volume);
        let found = reader.enter(|| read(self.pragmas));
        reader.kill();
        let rows = match found {
            Ok(rows) => rows,
            Err(error) => {
                self.outcome.violations.push(error);
                return;
            }
        };
        for (transaction, rows) in &rows {
            if *rows != ROWS_PER_TRANSACTION {
                let text = format!("transaction {transaction} has {rows} rows");
                self.outcome.violations.push(text);
            }
            let known = self.acknowledged.contains(transaction);
            if !known && !self.in_doubt.contains(transaction) {
                let text = format!("transaction {transaction} was never committed");
                self.outcome.violations.push(text);
            }
        }
        for transaction in &self.acknowledged {
            if !rows.contains_key(transaction) {
                let text = format!("transaction {transaction} was acknowledged and is lost");
                self.outcome.violations.push(text);
            }
        }
        // What is there now has to stay, and what is not has to stay away.
        for transaction in std::mem::take(&mut self.in_doubt) {
            if rows.contains_key(&transaction) {
                self.acknowledged.insert(transaction);
            }
        }
    }
}

impl Writer {
    fn new(volume: &Volume) -> Self {
        Self {
            mount: Mount::new(volume),
            connection: None,
            open: None,
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        let connection = self.connection.as_ref().expect("opened by the step before");
        self.mount.enter(|| connection.execute_batch(sql))
    }

    fn roll_back(&mut self) {
        let _ = self.execute("ROLLBACK");
        self.open = None;
    }
}

fn open(pragmas: Pragmas) -> rusqlite::Result<Connection> {
    let connection = Connection::open(PATH)?;
    connection.pragma_update(None, "journal_mode", pragmas.journal_mode)?;
    connection.pragma_update(None, "synchronous", pragmas.synchronous)?;
    // Often, so that crashes meet checkpoints.
    connection.pragma_update(None, "wal_autocheckpoint", 8)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS results (txn INTEGER, row INTEGER, payload TEXT)",
    )?;
    Ok(connection)
}

/// Rows by transaction.
fn read(pragmas: Pragmas) -> Result<BTreeMap<i64, i64>, String> {
    let read = || -> rusqlite::Result<(String, BTreeMap<i64, i64>)> {
        let connection = open(pragmas)?;
        let integrity = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        let mut statement = connection.prepare("SELECT txn, count(*) FROM results GROUP BY txn")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((integrity, rows.collect::<rusqlite::Result<_>>()?))
    };
    match read() {
        Ok((integrity, rows)) if integrity == "ok" => Ok(rows),
        Ok((integrity, _)) => Err(format!("integrity check: {integrity}")),
        Err(error) => Err(format!("reading after the crash: {error}")),
    }
}

fn sweep(seeds: std::ops::Range<u64>, pragmas: Pragmas) -> (Outcome, BTreeMap<u64, Vec<String>>) {
    let mut sum = Outcome::default();
    let mut failed = BTreeMap::new();
    for seed in seeds {
        let outcome = Run::new(seed, pragmas).run();
        sum.acknowledged += outcome.acknowledged;
        sum.kills += outcome.kills;
        sum.power_losses += outcome.power_losses;
        if !outcome.violations.is_empty() {
            failed.insert(seed, outcome.violations);
        }
    }
    (sum, failed)
}

fn assert_nothing_lost(seeds: std::ops::Range<u64>, pragmas: Pragmas) {
    let (sum, failed) = sweep(seeds, pragmas);
    assert!(failed.is_empty(), "{} runs: {failed:#?}", failed.len());
    assert!(sum.acknowledged > 1_000, "{sum:?}");
    assert!(sum.kills > 100 && sum.power_losses > 100, "{sum:?}");
}

#[test]
fn a_write_ahead_log_with_full_syncs_loses_nothing() {
    assert_nothing_lost(
        0..300,
        Pragmas {
            journal_mode: "WAL",
            synchronous: "FULL",
        },
    );
}

#[test]
fn a_rollback_journal_with_extra_syncs_loses_nothing() {
    assert_nothing_lost(
        0..150,
        Pragmas {
            journal_mode: "DELETE",
            synchronous: "EXTRA",
        },
    );
}

#[test]
fn without_syncs_the_loss_is_seen() {
    for journal_mode in ["WAL", "DELETE"] {
        let pragmas = Pragmas {
            journal_mode,
            synchronous: "OFF",
        };
        let (_, failed) = sweep(0..60, pragmas);
        let lost = failed
            .values()
            .flatten()
            .filter(|violation| violation.contains("is lost"))
            .count();
        assert!(lost > 10, "{journal_mode}: {lost} lost in {failed:?}");
    }
}

/// A sound database without its last transactions is all that some settings promise: NORMAL with a
/// write-ahead log, which is synced at checkpoints only; FULL with a rollback journal, whose removal
/// is the commit and needs a sync of the directory (sqlite.org/pragma.html#pragma_synchronous).
#[test]
fn weaker_syncs_lose_the_last_transactions_and_break_nothing() {
    for (journal_mode, synchronous) in [("WAL", "NORMAL"), ("DELETE", "FULL")] {
        let pragmas = Pragmas {
            journal_mode,
            synchronous,
        };
        let (_, failed) = sweep(0..100, pragmas);
        let (lost, other): (Vec<&String>, Vec<&String>) = failed
            .values()
            .flatten()
            .partition(|violation| violation.contains("is lost"));
        assert!(!lost.is_empty(), "{pragmas:?}");
        assert!(other.is_empty(), "{pragmas:?}: {other:?}");
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_connection_recovers() {
    sqlite_vfs::register();
    let volume = Volume::new(64 << 20);
    let pragmas = Pragmas {
        journal_mode: "WAL",
        synchronous: "FULL",
    };
    Mount::new(&volume).enter(|| {
        let connection = open(pragmas).unwrap();
        let insert = "INSERT INTO results VALUES (?1, 0, hex(zeroblob(300)))";
        let used = volume.disk().used_bytes();
        volume.disk().set_capacity_bytes(used + 20_000);
        let mut kept = 0;
        let error = loop {
            match connection.execute(insert, [kept]) {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
        assert!(kept > 0 && volume.disk().counters().no_space > 0);
        volume.disk().set_capacity_bytes(64 << 20);
        connection.execute(insert, [kept]).unwrap();
        let rows = read(pragmas).unwrap();
        assert_eq!(rows.len() as i64, kept + 1);
    });
}

#[test]
fn a_failed_sync_fails_the_commit_and_the_connection_recovers() {
    use crate::disk_fault::Operation;

    sqlite_vfs::register();
    let volume = Volume::new(64 << 20);
    let pragmas = Pragmas {
        journal_mode: "WAL",
        synchronous: "FULL",
    };
    Mount::new(&volume).enter(|| {
        let connection = open(pragmas).unwrap();
        let insert = "INSERT INTO results VALUES (?1, 0, '')";
        connection.execute(insert, [1]).unwrap();
        volume.disk().fail(Operation::Sync, 0, 1);
        let error = connection.execute(insert, [2]).unwrap_err();
        let code = error.sqlite_error().map(|error| error.extended_code);
        assert_eq!(code, Some(crate::sqlite_ffi::IOERR_FSYNC));
        assert_eq!(volume.disk().fault_hits(Operation::Sync), 1);
        connection.execute(insert, [3]).unwrap();
        let transactions: Vec<i64> = read(pragmas).unwrap().into_keys().collect();
        assert_eq!(transactions, [1, 3]);
    });
}

#[test]
fn a_kill_frees_locks_and_a_read_only_connection_reads_the_log() {
    sqlite_vfs::register();
    let volume = Volume::new(64 << 20);
    let pragmas = Pragmas {
        journal_mode: "WAL",
        synchronous: "FULL",
    };
    let [one, two, reader] = [0; 3].map(|_| Mount::new(&volume));
    let first = one.enter(|| open(pragmas)).unwrap();
    let second = two.enter(|| open(pragmas)).unwrap();
    one.enter(|| first.execute_batch("BEGIN IMMEDIATE; INSERT INTO results VALUES (1, 0, '')"))
        .unwrap();
    let busy = two
        .enter(|| second.execute_batch("BEGIN IMMEDIATE"))
        .unwrap_err();
    assert_eq!(busy.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    one.kill();
    two.enter(|| second.execute_batch("INSERT INTO results VALUES (2, 0, '')"))
        .unwrap();
    // The dead process's destructor runs late: it must not take the log away.
    one.enter(|| drop(first));
    let transactions: Vec<i64> = reader.enter(|| {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(PATH, flags).unwrap();
        let mut statement = connection.prepare("SELECT txn FROM results").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    });
    assert_eq!(transactions, [2]);
}
