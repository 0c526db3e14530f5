//! How fast the simulated world runs: `cargo run --release -p whitewater-sim --example throughput`.

use std::future::Future;
use std::time::{Duration, Instant};

use whitewater_sim::network::{connect, listen};
use whitewater_sim::world::{self, WorldConfig};
use whitewater_sim::{host, process, random, task, time, trace};

fn main() {
    measure("polls, 100 plain tasks", polls(100, false));
    measure("polls, 100 coroutine tasks", polls(100, true));
    measure("blocking calls, 100 coroutine tasks", blocking_calls());
    measure("spawned and joined coroutine tasks", spawns());
    measure("timers, 1 task", timers(1));
    measure("timers, 1,000 tasks", timers(1_000));
    measure("timers, 100,000 tasks", timers(100_000));
    measure("round trips over a connection", round_trips());
    measure("trace events of 4 fields", events());
}

/// Runs a world whose main gives the number of things it did.
fn measure(what: &str, main: impl Future<Output = u64> + 'static) {
    let started = Instant::now();
    let done = world::run(WorldConfig::default(), main).expect("it ends");
    let took = started.elapsed();
    let per_second = done as f64 / took.as_secs_f64();
    println!("{what:<40} {:>8.2} M/s", per_second / 1e6);
}

async fn join(tasks: Vec<task::JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("it does not panic");
    }
}

async fn polls(tasks: u64, coroutine: bool) -> u64 {
    const EACH: u64 = 20_000;
    let body = || async {
        for _ in 0..EACH {
            task::yield_now().await;
        }
    };
    let start = |_| {
        if coroutine {
            task::spawn_coroutine(body())
        } else {
            task::spawn(body())
        }
    };
    join((0..tasks).map(start).collect()).await;
    tasks * EACH
}

async fn blocking_calls() -> u64 {
    const EACH: u64 = 10_000;
    let start = |_| {
        task::spawn_coroutine(async {
            for _ in 0..EACH {
                task::block_on(task::yield_now());
            }
        })
    };
    join((0..100).map(start).collect()).await;
    100 * EACH
}

async fn spawns() -> u64 {
    const TASKS: u64 = 500_000;
    for _ in 0..TASKS {
        let task = task::spawn_coroutine(async {});
        task.await.expect("it does not panic");
    }
    TASKS
}

async fn timers(tasks: u64) -> u64 {
    let each = 1_000_000 / tasks;
    let start = |_| {
        task::spawn(async move {
            for _ in 0..each {
                time::sleep(Duration::from_micros(random::below(10_000))).await;
            }
        })
    };
    join((0..tasks).map(start).collect()).await;
    tasks * each
}

async fn round_trips() -> u64 {
    const TRIPS: u64 = 300_000;
    let server = process::create_process(host::create_host("server-host"), "server");
    let address = (process::ip(server), 80).into();
    process::start_plain(server, || async {
        let listener = listen(80).expect("the port is free");
        let (connection, _) = listener.accept().await.expect("it is open");
        while let Ok(Some(message)) = connection.receive().await {
            connection.send(message, 8).expect("it is open");
        }
    });
    time::sleep(Duration::from_millis(1)).await;
    let connection = connect(address).await.expect("somebody listens");
    for n in 0..TRIPS {
        connection.send(Box::new(n), 8).expect("it is open");
        connection.receive().await.expect("it is open");
    }
    TRIPS
}

async fn events() -> u64 {
    const EVENTS: u64 = 1_000_000;
    trace::stream_to(Box::new(drop));
    for n in 0..EVENTS {
        trace::event(
            "measured",
            &[
                ("topic", "trades".into()),
                ("partition", 3.into()),
                ("offset", n.into()),
                ("last", false.into()),
            ],
        );
    }
    EVENTS
}
