//! A JSON object per line: for programs, and for `merge`.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use whitewater::report::style::Style;

use crate::console;
use crate::reporter::sink::{Begin, End, FailureEnd, ScenarioEnd, SeedEnd, Sink};

/// Writes every event as a line.
pub(crate) struct JsonLines {
    out: Box<dyn Write>,
    /// A reader that went away (`| head`) is no failure of the run; a full disk is said once.
    broken: bool,
}

impl JsonLines {
    /// To stdout.
    pub(crate) fn to_stdout() -> Self {
        Self {
            out: Box::new(std::io::stdout()),
            broken: false,
        }
    }

    /// To a file, which is made anew.
    pub(crate) fn to_file(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            out: Box::new(std::io::BufWriter::new(std::fs::File::create(path)?)),
            broken: false,
        })
    }

    fn line(&mut self, value: &Value) {
        if self.broken {
            return;
        }
        if let Err(error) = writeln!(self.out, "{value}") {
            self.broken = true;
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                console::status("Warning", &format!("events are lost: {error}"));
            }
        }
    }
}

impl Sink for JsonLines {
    fn begin(&mut self, run: &Begin<'_>) {
        self.line(&json!({
            "type": "begin",
            "scenarios": run.scenarios,
            "regressions": run.regressions,
            "seeds": run.seeds,
            "jobs": run.jobs,
            "shard": run.shard,
            "commit": run.commit,
        }));
    }

    fn seed(&mut self, seed: &SeedEnd<'_>) {
        self.line(&json!({
            "type": "seed",
            "scenario": seed.scenario,
            "seed": seed.seed,
            "verdict": seed.verdict,
            "known": seed.known,
            "wall_ms": millis(seed.wall),
        }));
    }

    fn scenario(&mut self, scenario: &ScenarioEnd<'_>) {
        let tally = scenario.tally;
        let failed: Vec<u64> = tally.failed.iter().map(|(seed, _)| *seed).collect();
        self.line(&json!({
            "type": "scenario",
            "scenario": scenario.name,
            "status": scenario.status.word(),
            "why": scenario.status.sentence(),
            "standing": scenario.status,
            "demands": scenario.demands,
            "seeds": tally.seeds,
            "failed_seeds": failed,
            "known_failures": tally.known,
            "mended": scenario.mended,
            "simulated_ns": tally.simulated_ns,
            "seeds_hit": tally.hit_seeds,
            "seeds_reached": tally.probe_seeds,
            "wall_ms": millis(scenario.wall),
        }));
    }

    fn failure(&mut self, failure: &FailureEnd<'_>) {
        self.line(&json!({
            "type": if failure.caught { "caught" } else { "failure" },
            "scenario": failure.scenario,
            "seed": failure.seed,
            "violations": failure.violations,
            "shrunk": failure.shrunk,
            "saved": failure.folder,
            "replay": failure.replay,
        }));
    }

    fn end(&mut self, run: &End<'_>) {
        self.line(&json!({
            "type": "summary",
            "text": run.summary.render(run.wall, run.interrupted, Style::Plain),
            "interrupted": run.interrupted,
            "wall_ms": millis(run.wall),
        }));
        if self.out.flush().is_err() && !self.broken {
            console::status("Warning", "events are lost: they can't be written");
        }
    }
}

fn millis(wall: std::time::Duration) -> u64 {
    u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
}
