//! The proof against the cluster that is served over TCP: smaller, so that it runs every time.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod proof;

use std::time::Duration;

use proof::{Brokers, Column, Dataset, Rates, Setup, prove};
use whitewater_cluster::BrokerSettings;
use whitewater_cluster::tcp::{ServeOptions, Server};

const RECORDS: u64 = 6_000;
const SYMBOLS: u64 = 50;
const BROKER: i32 = 1;

const SETUP: Setup<'_> = Setup {
    partitions: 8,
    session_timeout_ms: 3_000,
    heartbeat_interval_ms: 500,
    stream: Duration::from_secs(2),
    limits: &[],
    sink_folder: None,
};

#[test]
fn trades_survive_a_kill_a_pause_and_a_broker_restart() {
    let server = Server::start(ServeOptions {
        settings: BrokerSettings {
            group_initial_rebalance_delay_ms: 0,
            group_min_session_timeout_ms: 1_000,
            ..BrokerSettings::default()
        },
        ..ServeOptions::default()
    });
    let mut served = Served(server.unwrap());
    let dataset = Dataset {
        topic: "trades",
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
        rates: Rates {
            duplicates: 20_000,
            malformed: 5_000,
        },
        records: (0..RECORDS).map(trade).collect(),
    };
    prove(&mut served, &dataset, &SETUP);
}

/// A trade like those of the real file; a third of them are of one symbol.
fn trade(number: u64) -> Vec<u8> {
    // Fibonacci hashing spreads the numbers without a generator's state.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let symbol = if mixed.is_multiple_of(3) {
        0
    } else {
        mixed % SYMBOLS
    };
    let (euros, cents) = (mixed % 900, mixed % 10_000);
    let (quantity, second, millisecond) = (1 + mixed % 5_000, number / 1_000, number % 1_000);
    format!(
        r#"{{"id":"t-{number}","symbol":"S{symbol}","time":"2024-05-06T07:08:{second:02}.{millisecond:03}Z","price":"{euros}.{cents:04}","quantity":{quantity}}}"#
    )
    .into_bytes()
}

struct Served(Server);

impl Brokers for Served {
    fn bootstrap_servers(&self) -> String {
        self.0.bootstrap_servers()
    }

    fn stop(&mut self) {
        self.0.stop_broker(BROKER);
    }

    fn start(&mut self) {
        self.0.start_broker(BROKER).unwrap();
    }
}
