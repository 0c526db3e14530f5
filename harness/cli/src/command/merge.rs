//! `merge`: shards that ran apart, judged as one sweep.

use std::path::{Path, PathBuf};
use std::time::Duration;

use whitewater::report::summary::{Purpose, Summary};

use crate::cli::MergeOptions;
use crate::exit_code::ExitCode;
use crate::gate::merged::Merged;
use crate::gate::regressions;
use crate::gate::shard::Shard;
use crate::outcome;
use crate::reporter::broadcast::Reporter;
use crate::reporter::sink::{Begin, End, FailureEnd, ScenarioEnd, SeedEnd, Sink};
use crate::setup_error::SetupError;
use crate::sweep_run::purpose;

/// Tells what the shards found together. The exit code is that of one machine's run.
pub(crate) fn merge(options: &MergeOptions) -> Result<ExitCode, SetupError> {
    let mut merged = Merged::default();
    for path in &options.files {
        merged.read(path, &read(path)?)?;
    }
    merged.check_complete()?;
    let mut reporter = Reporter::new(&options.report)?;
    Ok(tell(&merged, &mut reporter))
}

fn tell(merged: &Merged, reporter: &mut dyn Sink) -> ExitCode {
    let names = merged.scenarios().map(|scenario| scenario.name.len());
    reporter.begin(&Begin {
        scenarios: merged.scenarios().count(),
        regressions: 0,
        seeds: &merged.seeds,
        jobs: merged.shards.len(),
        shard: Shard::default(),
        commit: merged.commit.as_deref(),
        name_width: names.max().unwrap_or(0),
    });
    let mut summary = Summary::default();
    let mut code = ExitCode::Passed;
    for scenario in merged.scenarios() {
        for (seed, ended) in &scenario.seeds {
            reporter.seed(&SeedEnd {
                scenario: &scenario.name,
                seed: *seed,
                verdict: &ended.verdict,
                known: ended.known.as_deref(),
                wall: Duration::from_millis(ended.wall_ms),
            });
        }
        let (tally, status) = (scenario.tally(), scenario.status());
        reporter.scenario(&ScenarioEnd {
            name: &scenario.name,
            demands: &scenario.demands,
            tally: &tally,
            status: &status,
            wall: Duration::from_millis(scenario.wall_ms),
            mended: &scenario.mended,
        });
        let is_regression = scenario.name.starts_with(regressions::FOLDER);
        let purpose = match is_regression {
            true => Purpose::Recall,
            false => purpose(&scenario.demands),
        };
        summary.add(&status, &tally, purpose);
        code = code.worse(outcome::code_of(&status, &tally));
        // The lowest seed is told, as one machine would have done.
        if let Some(failure) = scenario.failures.iter().min_by_key(|failure| failure.seed) {
            reporter.failure(&FailureEnd {
                scenario: &scenario.name,
                seed: failure.seed,
                violations: &failure.violations,
                folder: Path::new(&failure.saved),
                shrunk: failure.shrunk.as_deref(),
                replay: &failure.replay,
                caught: failure.caught,
            });
        }
    }
    reporter.end(&End {
        summary: &summary,
        wall: Duration::from_millis(merged.wall_ms),
        interrupted: merged.interrupted,
    });
    match merged.interrupted {
        true => ExitCode::Interrupted,
        false => code,
    }
}

fn read(path: &PathBuf) -> Result<String, SetupError> {
    std::fs::read_to_string(path).map_err(|source| SetupError::Read {
        path: path.clone(),
        source,
    })
}
