//! A pipeline of several worker processes on one sink file, and where it stands.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use toml::{Table, Value};

use super::brokers::Brokers;
use super::dataset::Dataset;
use super::group::Group;
use super::patience::{OFTEN, SOMETIMES, until};
use super::sender::Sender;
use super::sink::SinkFile;
use super::worker::Worker;

/// How the pipeline differs from its example configuration.
pub(crate) struct Setup<'s> {
    /// Partitions of the topic.
    pub(crate) partitions: i32,
    /// `session.timeout.ms`.
    pub(crate) session_timeout_ms: i64,
    /// `heartbeat.interval.ms`.
    pub(crate) heartbeat_interval_ms: i64,
    /// For how long records stream in while something fails, at least: long against the time that
    /// the fault itself takes.
    pub(crate) stream: Duration,
    /// The section `[limits]`, where it is not the example's.
    pub(crate) limits: &'s [(&'s str, i64)],
    /// Where the sink is, if not beside the configuration.
    pub(crate) sink_folder: Option<&'s Path>,
}

/// A dataset on its way through worker processes.
pub(crate) struct Pipeline<'d> {
    pub(crate) dataset: &'d Dataset,
    pub(crate) group: Group,
    pub(crate) sink: SinkFile,
    /// The configuration; the workers' logs are in its folder.
    pub(crate) config: PathBuf,
    bootstrap_servers: String,
    partitions: i32,
    workers: Vec<Worker>,
    folder: TempDir,
}

impl<'d> Pipeline<'d> {
    /// Writes its configuration; nothing runs yet.
    pub(crate) fn new(brokers: &dyn Brokers, dataset: &'d Dataset, setup: &Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = setup
            .sink_folder
            .unwrap_or(folder.path())
            .join("results.db");
        let config = folder.path().join("pipeline.toml");
        let bootstrap_servers = brokers.bootstrap_servers();
        let table = configuration(dataset, setup, &bootstrap_servers, &sink);
        fs::write(&config, toml::to_string(&table).unwrap()).unwrap();
        let name = table["group"].as_str().unwrap();
        Self {
            dataset,
            group: Group::new(&bootstrap_servers, name, dataset.topic, setup.partitions),
            sink: SinkFile::new(sink, dataset.result_set),
            bootstrap_servers,
            partitions: setup.partitions,
            workers: Vec::new(),
            config,
            folder,
        }
    }

    /// Starts to send some of the records, in a stream that lasts for `stream` at least.
    pub(crate) fn send(&self, records: Range<usize>, stream: Duration) -> Sender {
        Sender::start(
            self.dataset,
            &self.bootstrap_servers,
            self.partitions,
            &self.dataset.records[records.clone()],
            stream,
            records.start,
        )
    }

    /// Starts one more worker.
    pub(crate) fn start_worker(&mut self, name: &str) {
        self.workers
            .push(Worker::start(name, &self.config, self.folder.path()));
    }

    /// Kills a worker.
    pub(crate) fn kill(&mut self, name: &str) {
        let at = self.place_of(name);
        self.workers.remove(at).kill();
    }

    /// A worker.
    pub(crate) fn worker(&self, name: &str) -> &Worker {
        &self.workers[self.place_of(name)]
    }

    /// Looks until it finds what it waits for, as long as no worker ends.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        every: Duration,
        look: impl Fn(&Self) -> Result<T, String>,
    ) -> T {
        until(what, every, || {
            self.workers.iter_mut().for_each(Worker::expect_running);
            look(self)
        })
    }

    /// Waits until the sink holds that many rows.
    pub(crate) fn wait_for_rows(&mut self, rows: usize) {
        self.until(&format!("{rows} rows"), OFTEN, |pipeline| {
            match pipeline.sink.rows()? {
                there if there >= rows => Ok(()),
                there => Err(format!("there are {there}")),
            }
        });
    }

    /// Waits until every worker is a member of the group and holds a partition, and none is left over.
    pub(crate) fn wait_until_shared(&mut self) {
        let names: BTreeSet<String> = self
            .workers
            .iter()
            .map(|worker| worker.name().to_owned())
            .collect();
        self.until("all workers' sharing the topic", SOMETIMES, |pipeline| {
            let owners = pipeline.owners()?;
            let members = pipeline
                .group
                .members()
                .map_err(|error| error.to_string())?;
            let holders: BTreeSet<String> = owners.iter().flatten().cloned().collect();
            let all_held = owners.iter().all(Option::is_some);
            if members == names && holders == names && all_held {
                Ok(())
            } else {
                Err(format!(
                    "the members are {members:?}, the owners {owners:?}"
                ))
            }
        });
    }

    /// Who holds the partition with the most records.
    pub(crate) fn owner_of_hottest_partition(&self) -> String {
        let ends = self.group.ends();
        let hottest = (0..ends.len()).max_by_key(|index| ends[*index]).unwrap();
        let owners = self.owners().unwrap();
        owners[hottest].clone().unwrap()
    }

    /// Waits until the command says that the sink is at the log's end.
    pub(crate) fn wait_for_lag_zero(&mut self) {
        self.until(
            "lag 0",
            SOMETIMES,
            |pipeline| match pipeline.status()?["lag"].as_i64() {
                Some(0) => Ok(()),
                lag => Err(format!("it is {lag:?}")),
            },
        );
    }

    /// Waits until Kafka, too, was told that all is done: who watches its lag sees none.
    pub(crate) fn wait_for_committed_offsets(&mut self) {
        self.until("the commit of all offsets", SOMETIMES, |pipeline| {
            let (ends, committed) = (pipeline.group.ends(), pipeline.group.committed());
            let told: Vec<i64> = committed.iter().map(|told| told.unwrap_or(0)).collect();
            if told == ends {
                Ok(())
            } else {
                Err(format!("{told:?} are committed of {ends:?}"))
            }
        });
    }

    /// Lets every worker finish.
    pub(crate) fn stop(&mut self) {
        self.workers.iter().for_each(Worker::terminate);
        for worker in &mut self.workers {
            let status = worker.wait();
            assert!(status.success(), "{} ended with {status}", worker.name());
        }
        self.workers.clear();
    }

    /// The owner of each partition, as the sink has it.
    fn owners(&self) -> Result<Vec<Option<String>>, String> {
        let mut owners = vec![None; self.partitions as usize];
        for position in self.sink.positions()? {
            owners[position.partition.partition as usize] = position.owner;
        }
        Ok(owners)
    }

    fn status(&self) -> Result<serde_json::Value, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .args(["status", "--json"])
            .arg(&self.config)
            .output()
            .unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }

    fn place_of(&self, name: &str) -> usize {
        let found = self.workers.iter().position(|worker| worker.name() == name);
        found.unwrap_or_else(|| panic!("{name} does not run"))
    }
}

/// The example's configuration, on these brokers and into this sink.
fn configuration(
    dataset: &Dataset,
    setup: &Setup<'_>,
    bootstrap_servers: &str,
    sink: &Path,
) -> Table {
    let example = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(dataset.example);
    let mut table: Table = fs::read_to_string(example).unwrap().parse().unwrap();
    table.insert("brokers".to_owned(), bootstrap_servers.into());
    table.insert("topics".to_owned(), vec![dataset.topic].into());
    let into = |table: &mut Table, section: &str, key: &str, value: Value| {
        let section = table
            .entry(section)
            .or_insert_with(|| Table::new().into())
            .as_table_mut()
            .unwrap();
        section.insert(key.to_owned(), value);
    };
    into(&mut table, "sink", "sqlite", sink.to_str().unwrap().into());
    for (limit, value) in setup.limits {
        into(&mut table, "limits", limit, (*value).into());
    }
    into(
        &mut table,
        "kafka",
        "session.timeout.ms",
        setup.session_timeout_ms.into(),
    );
    into(
        &mut table,
        "kafka",
        "heartbeat.interval.ms",
        setup.heartbeat_interval_ms.into(),
    );
    table
}
