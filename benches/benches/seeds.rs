//! Seeds per second of `rebalance-storm` on one core, by driving the runner.
//!
//! Not criterion's: a sweep is a process of many seconds, and seeds differ in length. The command
//! itself says how long the sweep took, building the runner left out.

use std::process::{Command, Stdio};

use serde::Deserialize;
use whitewater_benches::mode::is_measuring;

const SCENARIO: &str = "rebalance-storm";
const SEEDS_DEFAULT: u64 = 200;
const ROUNDS: usize = 3;

/// The line that `cargo whitewater run --json` prints for a scenario.
#[derive(Deserialize)]
struct Sweep {
    status: String,
    seeds: u64,
    simulated_ns: u64,
    wall_ms: u64,
}

impl Sweep {
    fn seeds_per_second(&self) -> f64 {
        self.seeds as f64 * 1_000.0 / self.wall_ms.max(1) as f64
    }
}

fn main() {
    if !is_measuring() {
        println!("seeds: skipped, it needs the runner built: cargo bench --bench seeds");
        return;
    }
    let seeds = std::env::var("WHITEWATER_BENCH_SEEDS")
        .ok()
        .map_or(SEEDS_DEFAULT, |text| {
            text.parse().expect("WHITEWATER_BENCH_SEEDS is a number")
        });
    // The first sweep builds the runner and warms the page cache.
    sweep(1);
    let mut sweeps: Vec<Sweep> = (0..ROUNDS).map(|_| sweep(seeds)).collect();
    for sweep in &sweeps {
        assert_eq!(sweep.status, "passed", "what fails ends early");
    }
    sweeps.sort_by(|a, b| a.seeds_per_second().total_cmp(&b.seeds_per_second()));
    let median = &sweeps[ROUNDS / 2];
    println!(
        "{SCENARIO}, {seeds} seeds, 1 job, {ROUNDS} rounds: {:.1} seeds/s (lowest {:.1}, highest {:.1})",
        median.seeds_per_second(),
        sweeps[0].seeds_per_second(),
        sweeps[ROUNDS - 1].seeds_per_second()
    );
    println!(
        "{:.0} simulated seconds a seed, {:.0} simulated seconds a second",
        median.simulated_ns as f64 / 1e9 / median.seeds as f64,
        median.simulated_ns as f64 / 1e6 / median.wall_ms.max(1) as f64
    );
}

fn sweep(seeds: u64) -> Sweep {
    let output = Command::new(env!("CARGO"))
        .args(["whitewater", "run", SCENARIO, "--jobs", "1", "--json"])
        .args(["--seeds", &seeds.to_string()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let sweep: Sweep = text
        .lines()
        .find(|line| line.contains(r#""type":"scenario""#))
        .map(|line| serde_json::from_str(line).expect("the line is the scenario's"))
        .unwrap_or_else(|| panic!("no scenario ended: {}\n{text}", output.status));
    sweep
}
