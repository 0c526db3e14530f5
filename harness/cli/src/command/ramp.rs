//! `ramp`: one history at several times its load, and what breaks first.

use std::path::Path;

use whitewater::plan::Plan;
use whitewater::plan::costs::SpentAt;
use whitewater::ramp::{Ramp, measure, report, scale};
use whitewater::trace::Event;
use whitewater::verdict::{Outcome, Verdict};

use crate::cli::RampOptions;
use crate::console;
use crate::exit_code::ExitCode;
use crate::interrupt;
use crate::project::Project;
use crate::ramp_costs;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;
use crate::sweep::RunnerPool;

/// Runs each step and says what broke. The exit code is about the steps that must hold.
pub(crate) fn ramp(project: &Project, options: &RampOptions) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let words = std::slice::from_ref(&options.scenario);
    let scenarios = session::scenarios(project, words, &[])?;
    let [scenario] = scenarios.as_slice() else {
        let message = format!("`{}` means several scenarios: name one", options.scenario);
        return Err(SetupError::Other { message }.into());
    };
    session::require_data(project, &scenarios)?;
    let runner = session::build(project)?;
    let mut pool = session::start(project, &runner, 1, false)?;
    session::check_pipelines(project, &pool, &scenarios)?;
    let plan = session::plan(scenario, options.seed, &runner.identity);

    let folder = project.own_folder().join("ramp");
    std::fs::create_dir_all(&folder).map_err(|source| SetupError::Write {
        path: folder.clone(),
        source,
    })?;
    let trace = folder.join("trace.jsonl");
    let (_, events) = run(&mut pool, &scale::scaled(&plan, 1, None), &trace)?;
    let spent_at = if measure::has_sink(&events) {
        SpentAt::SinkCommit
    } else {
        SpentAt::HandOver
    };
    let (costs, costs_from) = ramp_costs::choose(options, &project.target, spent_at);
    let mut ramp = Ramp::new(&plan, costs, costs_from);
    if !options.json {
        println!(
            "{}",
            report::head(&ramp, console::style(&std::io::stdout()))
        );
    }
    let mut steps = options.steps.clone();
    steps.extend(
        options
            .must_hold
            .filter(|factor| !options.steps.contains(factor)),
    );
    for factor in steps {
        if interrupt::requested() {
            return Ok(ExitCode::Interrupted);
        }
        let scaled = scale::scaled(&plan, factor.0, Some(costs));
        console::status("Running", &format!("{} at {factor}", ramp.scenario));
        let (verdict, events) = run(&mut pool, &scaled, &trace)?;
        if let Outcome::Unknown { why } = &verdict.outcome {
            console::status("Unknown", &format!("{factor}: {why}"));
            return Ok(ExitCode::Unknown);
        }
        ramp.steps
            .push(measure::step(factor.0, &scaled, &verdict, &events));
    }
    tell(&ramp, options.json);
    let broke = options.must_hold.is_some_and(|must| {
        ramp.steps
            .iter()
            .any(|step| step.factor <= must.0 && !step.breaks.is_empty())
    });
    Ok(if broke {
        ExitCode::CheckerFailed
    } else {
        ExitCode::Passed
    })
}

fn run(
    pool: &mut RunnerPool,
    plan: &Plan,
    trace: &Path,
) -> Result<(Verdict, Vec<Event>), SetupError> {
    let verdict = pool
        .run_kept(plan, Some(trace.into()), None)
        .into_verdict()?;
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    let events = whitewater::trace::parse_lines(&text).map_err(|error| SetupError::Other {
        message: error.to_string(),
    })?;
    Ok((verdict, events))
}

fn tell(ramp: &Ramp, json: bool) {
    if json {
        println!("{}", serde_json::to_string(ramp).expect("plain values"));
    } else {
        println!(
            "{}",
            report::table(ramp, console::style(&std::io::stdout()))
        );
    }
}
