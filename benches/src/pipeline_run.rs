//! One worker of the pipeline, from an empty sink to the end of the log.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use whitewater_pipeline::catch_up::catch_up;
use whitewater_pipeline::config::Config;
use whitewater_pipeline::kafka_log;

use crate::broker::TOPIC;
use crate::commits::{Commit, Run, wall_ms};
use crate::records::TRADES;

/// Processes the topic's `records` records into a new sink; `adjust` changes the defaults.
///
/// # Panics
/// If the worker fails, or not every record became a row.
#[must_use]
pub fn run(brokers: &str, records: u64, adjust: impl Fn(&mut Config), sink: &Path) -> Run {
    let mut config = Config::new(
        brokers,
        [TOPIC.to_owned()],
        "pipeline",
        TRADES.processor,
        TRADES.field_paths(),
        sink,
    );
    adjust(&mut config);
    let ends = kafka_log::extents(&config, Duration::from_secs(30)).expect("the topic is there");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system allows a runtime");
    let started_ms = wall_ms();
    let caught_up = runtime
        .block_on(catch_up(&config, &ends, |_| {}, std::future::pending()))
        .expect("the worker reaches the end");
    assert_eq!(
        (caught_up.left, caught_up.summary.accounting.results),
        (0, records),
        "every record is a row: {caught_up:?}"
    );
    Run {
        started_ms,
        commits: commits(sink).expect("the sink has audit rows"),
    }
}

/// The sink's own account of its transactions.
fn commits(sink: &Path) -> rusqlite::Result<Vec<Commit>> {
    let connection = Connection::open(sink)?;
    let mut statement =
        connection.prepare("SELECT committed_at_ms, records_in FROM batch_audit ORDER BY seq")?;
    let commits = statement.query_map([], |row| {
        Ok(Commit {
            at_ms: row.get(0)?,
            records: row.get::<_, i64>(1)?.unsigned_abs(),
        })
    })?;
    commits.collect()
}
