//! `run --real`: a plan in the simulation and on Apache Kafka, the verdicts side by side.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use whitewater::plan::Plan;
use whitewater::plan::saved::{Found, SavedPlan};
use whitewater::real::protocol::RealRunRequest;
use whitewater::real::{engine, possible};
use whitewater::report::failure::Failure;
use whitewater::report::number::counted;
use whitewater::report::side_by_side::{self, SideBySide};
use whitewater::report::status::{Demands, Status};
use whitewater::report::style::{Style, Tone};
use whitewater::report::summary::{Purpose, Summary};
use whitewater::report::tally::Tally;
use whitewater::scenario::Scenario;
use whitewater::shrink::target::Target;
use whitewater::verdict::{Outcome, Verdict};

use crate::build::real_build;
use crate::build::simulated_build::BuildIdentity;
use crate::cli::RunOptions;
use crate::console;
use crate::exit_code::ExitCode;
use crate::failure;
use crate::gate::seeds::Seeds;
use crate::interrupt;
use crate::outcome;
use crate::project::Project;
use crate::real_runner::RealRunner;
use crate::reporter::broadcast::Reporter;
use crate::reporter::sink::{Begin, End, ScenarioEnd, SeedEnd, Sink};
use crate::saved_file;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;
use crate::sweep::RunnerPool;

/// The names of a run's files, beside those of the runner.
const SIMULATED: &str = "simulated.json";
const REAL: &str = "real.json";

/// What follows a scenario's name where programs read it.
const ON_KAFKA: &str = "on real Kafka";

/// Runs what the options name, in both worlds. The exit code is the worst of what ended.
pub(crate) fn run(project: &Project, options: &RunOptions) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let scenarios = session::scenarios(project, &options.names, &[])?;
    if options.require_data {
        session::require_data(project, &scenarios)?;
    }
    let image = options.image.clone().unwrap_or_else(engine::image);
    engine::prepare(&image).map_err(SetupError::from)?;
    let mut reporter = Reporter::for_programs(&options.report)?;
    let simulated = session::build(project)?;
    console::status("Building", "the same with the real rdkafka");
    let executable = real_build::build(project)?;
    let commit = simulated.identity.commit.as_deref();
    let seeds = Seeds::choose(options, commit, &|name: &str| std::env::var(name).ok())?;
    let pool = session::start(project, &simulated, 1, false)?;
    session::check_pipelines(project, &pool, &scenarios)?;
    reporter.begin(&Begin {
        scenarios: scenarios.len(),
        regressions: 0,
        seeds: &seeds.told(),
        jobs: 1,
        shard: seeds.shard,
        commit,
        name_width: 0,
    });
    let mut runs = Runs {
        project,
        identity: &simulated.identity,
        executable: &executable,
        image: &image,
        pool,
        reporter,
        for_people: !options.report.json,
        simulated: Summary::default(),
        real: Summary::default(),
        code: ExitCode::Passed,
    };
    let begun = Instant::now();
    for scenario in &scenarios {
        if interrupt::requested() {
            break;
        }
        runs.scenario(scenario, &seeds, options.fail_fast)?;
    }
    Ok(runs.end(begun.elapsed()))
}

/// What a run has and what it came to so far.
struct Runs<'r> {
    project: &'r Project,
    identity: &'r BuildIdentity,
    executable: &'r Path,
    image: &'r str,
    pool: RunnerPool,
    reporter: Reporter,
    for_people: bool,
    simulated: Summary,
    real: Summary,
    code: ExitCode,
}

/// A verdict, and the real time that it took.
struct Timed {
    verdict: Verdict,
    wall: Duration,
}

impl Runs<'_> {
    fn scenario(
        &mut self,
        scenario: &Scenario,
        seeds: &Seeds,
        fail_fast: bool,
    ) -> Result<(), SetupError> {
        // A few plans are no sweep: they need not reach every probe.
        let demands = Demands::of(scenario, false);
        let on_kafka = format!("{} {ON_KAFKA}", scenario.name);
        let mut tallies = [Tally::default(), Tally::default()];
        let mut walls = [Duration::ZERO; 2];
        let missing = session::missing_data(self.project, scenario).is_some();
        let mut each = (0..).map_while(|index| seeds.at(index));
        while let Some(seed) = each.next().filter(|_| !missing && !interrupt::requested()) {
            let ends = self.seed(scenario, seed, &demands)?;
            for (index, name) in [scenario.name.as_str(), &on_kafka].into_iter().enumerate() {
                let Timed { verdict, wall } = &ends[index];
                tallies[index].add(seed, verdict);
                walls[index] += *wall;
                self.reporter.seed(&SeedEnd {
                    scenario: name,
                    seed,
                    verdict,
                    known: None,
                    wall: *wall,
                });
            }
            let failed = ends
                .iter()
                .any(|end| end.verdict.outcome != Outcome::Passed);
            if fail_fast && failed && demands.caught_by.is_none() {
                break;
            }
        }
        for (index, name) in [scenario.name.as_str(), &on_kafka].into_iter().enumerate() {
            let tally = &tallies[index];
            let status = match (missing, tally.seeds) {
                (true, _) => skipped("no data: --data DIR or WHITEWATER_DATA"),
                (false, 0) => skipped("interrupted before a seed had finished"),
                _ => Status::of(&demands, tally),
            };
            self.reporter.scenario(&ScenarioEnd {
                name,
                demands: &demands,
                tally,
                status: &status,
                wall: walls[index],
                mended: &[],
            });
            self.code = self.code.worse(outcome::code_of(&status, tally));
            let summary = match index {
                0 => &mut self.simulated,
                _ => &mut self.real,
            };
            summary.add(&status, tally, Purpose::Recall);
        }
        if missing && self.for_people {
            let text = format!("{}  no data: --data DIR or WHITEWATER_DATA", scenario.name);
            println!("{}", style().line(Tone::Doubtful, "SKIP", &text));
        }
        Ok(())
    }

    /// One plan in both worlds, told and saved.
    fn seed(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        demands: &Demands,
    ) -> Result<[Timed; 2], SetupError> {
        let plan = session::plan(scenario, seed, self.identity);
        let folder = self.fresh_folder(&scenario.name, seed)?;
        let mut saved = SavedPlan::new(plan.clone());
        saved_file::write(&folder.join(saved_file::PLAN), &saved)?;
        let shown = failure::shown(&folder);
        console::status("Plan", &told(&scenario.name, &plan));
        let left_out = possible::left_out(&plan);
        if self.for_people {
            for line in side_by_side::left_out(&left_out, plan.faults.len()) {
                console::status("", &line);
            }
        }

        let begun = Instant::now();
        let verdict = self.pool.run_kept(&plan, None, None).into_verdict()?;
        let simulated = Timed {
            verdict,
            wall: begun.elapsed(),
        };
        let real = self.on_kafka(&plan, &folder)?;
        saved.found = Some(Found::of(
            &real.verdict,
            Target::of(&real.verdict, demands.caught_by).as_ref(),
        ));
        saved_file::write(&folder.join(saved_file::PLAN), &saved)?;
        failure::write_json(&folder.join(SIMULATED), &simulated.verdict)?;
        failure::write_json(&folder.join(REAL), &real.verdict)?;
        if self.for_people {
            let both = SideBySide {
                scenario: &scenario.name,
                seed,
                caught_by: demands.caught_by,
                simulated: (&simulated.verdict, simulated.wall),
                real: (&real.verdict, real.wall),
            };
            println!("{}", both.render(style()));
            let again = format!("{} --seed {seed}", scenario.name);
            let failed = Failure {
                scenario: &scenario.name,
                seed,
                violations: simulated.verdict.outcome.violations(),
                shrunk: None,
                saved: None,
                replay: &format!("cargo whitewater replay {again}"),
            };
            tell_failure(&failed, &simulated.verdict, demands);
            let failed = Failure {
                scenario: &format!("{} {ON_KAFKA}", scenario.name),
                violations: real.verdict.outcome.violations(),
                saved: Some(&shown.display().to_string()),
                replay: &format!("cargo whitewater run --real {again}"),
                ..failed
            };
            tell_failure(&failed, &real.verdict, demands);
        }
        Ok([simulated, real])
    }

    fn on_kafka(&mut self, plan: &Plan, folder: &Path) -> Result<Timed, SetupError> {
        let mut runner = RealRunner::start(self.executable, &folder.join("runner.log"))?;
        let request = RealRunRequest {
            plan: Box::new(plan.clone()),
            folder: folder.to_owned(),
            data: self.pool.data().map(Path::to_path_buf),
            image: self.image.to_owned(),
        };
        let begun = Instant::now();
        let answer = runner.run(&request, &mut |at_ms, what| match at_ms {
            Some(at_ms) => {
                let at = format!("{:>6.1} s  {what}", at_ms as f64 / 1e3);
                console::status("Real", &at);
            }
            None => console::status("Real", what),
        });
        Ok(Timed {
            verdict: answer.into_verdict()?,
            wall: begun.elapsed(),
        })
    }

    fn fresh_folder(&self, name: &str, seed: u64) -> Result<PathBuf, SetupError> {
        let short = name.rsplit('/').next().unwrap_or(name);
        let folder = self.project.own_folder().join("real");
        let folder = folder.join(format!("{short}-{seed}"));
        let write = |source| SetupError::Write {
            path: folder.clone(),
            source,
        };
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(write)?;
        }
        std::fs::create_dir_all(&folder).map_err(write)?;
        Ok(folder)
    }

    fn end(mut self, wall: Duration) -> ExitCode {
        let interrupted = interrupt::requested();
        self.reporter.end(&End {
            summary: &self.real,
            wall,
            interrupted,
        });
        if self.for_people {
            let counts = |summary: &Summary| summary.counts();
            let text = format!(
                "{}simulated {} · real Kafka {} · in {:.0} s",
                if interrupted { "interrupted: " } else { "" },
                counts(&self.simulated),
                counts(&self.real),
                wall.as_secs_f64()
            );
            let tone = self.simulated.tone().worse(self.real.tone());
            println!("{}", style().line(tone, "Summary", &text));
            for line in side_by_side::not_judged() {
                println!("{}", Style::continuation(&line));
            }
        }
        match interrupted {
            true => ExitCode::Interrupted,
            false => self.code,
        }
    }
}

/// What was found, in full; nothing of a verdict without a violation.
fn tell_failure(failed: &Failure<'_>, verdict: &Verdict, demands: &Demands) {
    let caught = demands
        .caught_by
        .is_some_and(|checker| verdict.outcome.caught_by(checker));
    match (failed.violations.is_empty(), caught) {
        (true, _) => {}
        (false, true) => println!("{}", failed.render_caught(style())),
        (false, false) => println!("{}", failed.render(style())),
    }
}

fn skipped(why: &str) -> Status {
    Status::Skipped {
        why: why.to_owned(),
    }
}

fn style() -> Style {
    console::style(&std::io::stdout())
}

/// `fast/crash-restart, seed 1: 3 brokers, 4 workers, 21 faults in 60 s`.
fn told(name: &str, plan: &Plan) -> String {
    let counts = [
        counted(plan.cluster.brokers.into(), "broker"),
        counted(plan.workers.len() as u64, "worker"),
        counted(plan.faults.len() as u64, "fault"),
    ];
    format!(
        "{name}, seed {}: {} in {} s",
        plan.seed,
        counts.join(", "),
        plan.safety_ms / 1_000
    )
}
