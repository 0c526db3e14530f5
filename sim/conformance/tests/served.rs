//! The suite with real librdkafka on the served cluster.

mod wall_clock;

use std::process::ExitCode;
use std::sync::Arc;

use wall_clock::WallClock;
use whitewater_cluster::BrokerSettings;
use whitewater_cluster::tcp::{ServeOptions, Server};
use whitewater_conformance::case::Case;
use whitewater_conformance::suite::{self, Selection};
use whitewater_conformance::way::Way;

fn main() -> ExitCode {
    let selection = Selection {
        way: Way::Served,
        only: None,
        drawn: 0,
    };
    suite::run(selection, Arc::new(on_a_cluster_of_its_own))
}

fn on_a_cluster_of_its_own(case: &Case, attempt: u32) -> Result<String, String> {
    let server = Server::start(ServeOptions {
        brokers: 1,
        settings: BrokerSettings {
            group_initial_rebalance_delay_ms: 0,
            group_consumer_heartbeat_interval_ms: 100,
            group_consumer_assignment_interval_ms: 0,
            log_retention_check_interval_ms: 1_000,
            log_initial_task_delay_ms: 500,
            log_cleaner_backoff_ms: 1_000,
            ..BrokerSettings::default()
        },
        ..ServeOptions::default()
    })
    .map_err(|error| format!("nothing is served: {error}"))?;
    wall_clock::run(case, attempt, WallClock::new(server.bootstrap_servers()))
}
