//! The proof against Apache Kafka in a container, with the real data.
//!
//! `WHITEWATER_REAL_KAFKA=1` enables it, `WHITEWATER_DATA` names the folder of the data,
//! `WHITEWATER_KAFKA_IMAGE` another image. `ci/test` sees to all three.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod full_disk;
mod proof;

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use full_disk::{SmallDisk, prove_full_disks};
use proof::{Brokers, Column, Dataset, Rates, Setup, prove};
use testcontainers::core::Mount;
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, ImageExt};
use testcontainers_modules::kafka::apache::{KAFKA_PORT, Kafka};

const DEFAULT_IMAGE: &str = "apache/kafka:4.1.0";
const DISK_IN_CONTAINER: &str = "/disk";
const START_TIMEOUT: Duration = Duration::from_secs(180);

const RATES: Rates = Rates {
    duplicates: 20_000,
    malformed: 1_000,
};

const SETUP: Setup<'_> = Setup {
    partitions: 8,
    session_timeout_ms: 6_000,
    heartbeat_interval_ms: 1_000,
    stream: Duration::from_secs(6),
    limits: &[],
    sink_folder: None,
};

/// Room for the broker's logs: a few times what the dataset takes.
const BROKER_DISK_MIB: usize = 128;

/// Room for the sink.
const SINK_DISK_MIB: usize = 96;

/// A machine that runs two brokers at once says little about either.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn real_data_survive_a_kill_a_pause_and_a_broker_restart() {
    let Some((_turn, folder)) = enabled() else {
        return;
    };
    let mut kafka = KafkaContainer::start(None);
    for dataset in [purchases(&folder), trades(&folder)] {
        prove(&mut kafka, &dataset, &SETUP);
    }
}

#[test]
fn real_data_survive_a_full_sink_and_a_full_broker() {
    let Some((_turn, folder)) = enabled() else {
        return;
    };
    let disks = (
        SmallDisk::mount(BROKER_DISK_MIB),
        SmallDisk::mount(SINK_DISK_MIB),
    );
    let (Some(broker_disk), Some(sink_disk)) = disks else {
        assert_eq!(
            env::var_os("WHITEWATER_REQUIRE_KAFKA"),
            None,
            "nobody may mount a tmpfs here"
        );
        eprintln!("skipped: full disks need root, or sudo without a password, to mount a tmpfs");
        return;
    };
    let mut kafka = KafkaContainer::start(Some(broker_disk.path()));
    prove_full_disks(&mut kafka, &broker_disk, &sink_disk, &purchases(&folder));
}

/// The folder of the data and this test's turn, if the tests against real Kafka are to run.
fn enabled() -> Option<(MutexGuard<'static, ()>, PathBuf)> {
    if env::var_os("WHITEWATER_REAL_KAFKA").is_none_or(|enabled| enabled != "1") {
        eprintln!("skipped: WHITEWATER_REAL_KAFKA=1 enables the proof against real Kafka");
        return None;
    }
    let Some(folder) = env::var_os("WHITEWATER_DATA").map(PathBuf::from) else {
        let required = env::var_os("WHITEWATER_REQUIRE_DATA");
        assert_eq!(
            required, None,
            "WHITEWATER_DATA names no folder of real data"
        );
        eprintln!("skipped: WHITEWATER_DATA names no folder of real data");
        return None;
    };
    // One that failed leaves nothing behind that another would meet.
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Some((turn, folder))
}

fn trades(folder: &Path) -> Dataset {
    let records = read_gzip(&folder.join("us-equity-trades-2013-10-07.jsonl.gz"));
    assert_eq!(records.len(), 388_417);
    Dataset {
        topic: "us-equity-trades",
        key: "symbol",
        example: "us-equity-trades.toml",
        result_set: "trades@1",
        columns: &[
            ("symbol", Column::Text("symbol")),
            ("price", Column::Decimal("price")),
            ("quantity", Column::Decimal("quantity")),
            ("notional", Column::Product("price", "quantity")),
            ("event_time", Column::Time("time")),
        ],
        rates: RATES,
        records,
    }
}

fn purchases(folder: &Path) -> Dataset {
    let records = read_gzip(&folder.join("cdnow-purchases.jsonl.gz"));
    assert_eq!(records.len(), 69_659);
    Dataset {
        topic: "cdnow-purchases",
        key: "user",
        example: "cdnow-purchases.toml",
        result_set: "activity@1",
        columns: &[
            ("user", Column::Text("user")),
            ("type", Column::Text("type")),
            ("event_time", Column::Time("time")),
            ("value", Column::Decimal("value")),
            ("about", Column::Null),
        ],
        rates: RATES,
        records,
    }
}

/// The records of a gzip file of JSON lines.
fn read_gzip(path: &Path) -> Vec<Vec<u8>> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BufReader::new(MultiGzDecoder::new(BufReader::new(file)))
        .split(b'\n')
        .collect::<Result<_, _>>()
        .unwrap()
}

/// One Kafka broker in a container that keeps its port and its logs over a restart.
struct KafkaContainer {
    container: Container<Kafka>,
    port: u16,
}

impl KafkaContainer {
    /// With its logs on a disk of the host, if one is named: they outlive the container's process.
    fn start(disk: Option<&Path>) -> Self {
        let image = env::var("WHITEWATER_KAFKA_IMAGE").unwrap_or_else(|_| DEFAULT_IMAGE.to_owned());
        // The colon of a registry's port is followed by a slash.
        let (name, tag) = match image.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (image.as_str(), "latest"),
        };
        let port = free_port();
        let mut request = Kafka::default()
            .with_name(name)
            .with_tag(tag)
            .with_env_var("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
            .with_env_var("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
            .with_env_var("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
            .with_mapped_port(port, KAFKA_PORT)
            .with_startup_timeout(START_TIMEOUT);
        if let Some(disk) = disk {
            request = request
                .with_mount(Mount::bind_mount(disk.to_str().unwrap(), DISK_IN_CONTAINER))
                .with_env_var("KAFKA_LOG_DIRS", format!("{DISK_IN_CONTAINER}/logs"));
        }
        let container = request
            .start()
            .unwrap_or_else(|error| panic!("no Kafka from image {image}: {error}"));
        println!("{:>11}  Kafka from {image}", "Started");
        Self { container, port }
    }

    /// Testcontainers would write the start script anew while it runs; the engine itself does not.
    fn docker(&self, arguments: &[&str]) {
        let status = Command::new("docker")
            .args(arguments)
            .arg(self.container.id())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "docker {arguments:?} ended with {status}");
    }
}

impl Brokers for KafkaContainer {
    fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn stop(&mut self) {
        self.docker(&["kill"]);
    }

    fn start(&mut self) {
        // One that fell silent may be about to end; starting what still runs would do nothing.
        self.docker(&["wait"]);
        self.docker(&["start"]);
    }
}

/// A port that was free a moment ago: the container must keep it, so the engine can't choose.
fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}
