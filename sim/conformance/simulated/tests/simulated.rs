//! The suite with the simulated client on the simulated cluster.
//!
//! `WHITEWATER_DRAWN=N` runs N drawn programs besides those that have transcripts.

use std::cell::RefCell;
use std::env;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use whitewater_conformance::bench::Bench;
use whitewater_conformance::case::Case;
use whitewater_conformance::suite::{self, Selection};
use whitewater_conformance::way::{Surroundings, Way};
use whitewater_sim::kafka::{BrokerSettings, ClusterSimConfig, start_cluster};
use whitewater_sim::process::{self, ExitStatus};
use whitewater_sim::world::{self, WorldConfig};
use whitewater_sim::{host, task, time};

fn main() -> ExitCode {
    let drawn = match env::var("WHITEWATER_DRAWN").map(|number| number.parse()) {
        Ok(Ok(number)) => number,
        Ok(Err(error)) => {
            eprintln!("error: WHITEWATER_DRAWN is no number: {error}");
            return ExitCode::from(2);
        }
        Err(_) => DRAWN_BY_DEFAULT,
    };
    let selection = Selection {
        way: Way::Simulated,
        only: None,
        drawn,
    };
    suite::run(selection, Arc::new(in_a_world_of_its_own))
}

const DRAWN_BY_DEFAULT: u64 = 2_000;

struct World;

impl Surroundings for World {
    fn bootstrap_servers(&self) -> String {
        "broker-1:9092".to_owned()
    }

    fn now(&self) -> Duration {
        time::now()
    }

    fn sleep(&self, duration: Duration) {
        task::block_on(time::sleep(duration));
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        task::block_on(future);
    }
}

fn in_a_world_of_its_own(case: &Case, attempt: u32) -> Result<String, String> {
    let case = case.clone();
    let transcript: Rc<RefCell<Result<String, String>>> = Rc::new(RefCell::new(Err(String::new())));
    let config = WorldConfig {
        poll_budget: 20_000_000,
        ..WorldConfig::default()
    };
    let outcome = {
        let transcript = Rc::clone(&transcript);
        world::run(config, async move {
            start_cluster(ClusterSimConfig {
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
            });
            let client = process::create_process(host::create_host("client"), "client");
            let given = Rc::clone(&transcript);
            process::start(client, move || async move {
                let bench = Bench::new(&World, &case, attempt);
                case.run(&bench);
                *given.borrow_mut() = Ok(bench.into_transcript());
            });
            match process::exited(client).await {
                ExitStatus::Ok => {}
                ended => *transcript.borrow_mut() = Err(ended.to_string()),
            }
        })
    };
    outcome.map_err(|error| error.to_string())?;
    transcript.replace(Err(String::new()))
}
