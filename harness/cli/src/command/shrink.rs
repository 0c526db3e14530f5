//! `shrink`: a saved failing plan, as small as it gets while it fails in the same way.

use std::path::Path;
use std::time::Duration;

use whitewater::plan::saved::Found;
use whitewater::report::failure::{Failure, headline};
use whitewater::shrink::target::Target;
use whitewater::verdict::Outcome;

use crate::cli::ShrinkOptions;
use crate::console;
use crate::exit_code::ExitCode;
use crate::failure::{self, replay_command};
use crate::interrupt;
use crate::project::Project;
use crate::saved_file;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;
use crate::shrinking::{self, Budget};

/// Runs the plan to see how it fails, shrinks it, and saves the smallest one beside it.
pub(crate) fn shrink(project: &Project, options: &ShrinkOptions) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let path = saved_file::to_shrink(Path::new(&options.plan));
    let mut whole = saved_file::read(&path)?;
    let runner = session::build(project)?;
    saved_file::announce_build(&whole, &runner.identity);
    let mut pool = session::start(project, &runner, session::jobs(options.jobs), false)?;
    let verdict = pool.run_kept(&whole.plan, None, None).into_verdict()?;
    let checker = whole.found.as_ref().and_then(|found| found.checker);
    let target = Target::of(&verdict, checker).or_else(|| Target::of(&verdict, None));
    let Some(target) = target else {
        let found = match &verdict.outcome {
            Outcome::Unknown { why } => format!("ends without a verdict: {why}"),
            Outcome::Passed | Outcome::Failed { .. } => "passes in this build".to_owned(),
        };
        return Err(SetupError::NothingToShrink { path, found }.into());
    };
    console::status("Confirmed", &headline(verdict.outcome.violations()));
    whole.found = Some(Found::of(&verdict, Some(&target)));
    // The candidates' histories are this build's.
    session::sign(&mut whole.plan, &runner.identity);

    let budget = Budget {
        time: options.budget.map(Duration::from_secs),
        runs: options.runs,
    };
    let shrunk = shrinking::shrink(&mut pool, &whole, &target, budget)?;
    let Some(shrunk) = shrunk else {
        console::status("Shrunk", "no smaller plan fails in this way");
        return Ok(end());
    };
    let saved = saved_file::shrunk_beside(&path);
    saved_file::write(&saved, &shrunk.saved)?;
    let saved = failure::shown(&saved).display().to_string();
    let failure = Failure {
        scenario: &shrunk.saved.plan.scenario,
        seed: shrunk.saved.plan.seed,
        violations: shrunk.verdict.outcome.violations(),
        shrunk: Some(&shrunk.sentence),
        saved: Some(&saved),
        replay: &replay_command(Path::new(&saved)),
    };
    println!("{}", failure.render(console::style(&std::io::stdout())));
    Ok(end())
}

/// The smallest plan so far is saved, also when it was not waited for.
fn end() -> ExitCode {
    if interrupt::requested() {
        ExitCode::Interrupted
    } else {
        ExitCode::Passed
    }
}
