//! `replay`: one history, told in simulated time.

use std::io::Write;
use std::path::{Path, PathBuf};

use whitewater::plan::Plan;
use whitewater::report::replay;
use whitewater::trace::Event;
use whitewater::trace::filter::Filter;
use whitewater::trace::story::{self, Narrator};
use whitewater::verdict::Verdict;

use crate::build::simulated_build::BuildIdentity;
use crate::cli::ReplayOptions;
use crate::console;
use crate::exit_code::ExitCode;
use crate::failure::{OUTPUT, PLAN, VERDICT};
use crate::interrupt;
use crate::outcome;
use crate::project::Project;
use crate::runner_process::Answer;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;

/// Runs the plan again and tells what happened. The exit code is the run's own.
pub(crate) fn replay(project: &Project, options: &ReplayOptions) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let filter = filter(options)?;
    let plan_like = options.what.ends_with(".json") || Path::new(&options.what).exists();
    let saved = plan_like && options.seed.is_none();
    let known = if saved {
        Some(read_saved(Path::new(&options.what))?)
    } else {
        None
    };
    let scenario = match known {
        Some(_) => None,
        None => Some(session::scenarios(
            project,
            std::slice::from_ref(&options.what),
            &[],
        )?),
    };
    let runner = session::build(project)?;
    let (plan, verdict) = match (known, scenario.as_deref()) {
        (Some((plan, verdict)), _) => {
            announce_build(&plan, &runner.identity);
            (plan, verdict)
        }
        (None, Some([scenario])) => (
            session::plan(scenario, options.seed.unwrap_or(1), &runner.identity),
            None,
        ),
        (None, _) => {
            let message = format!("`{}` means several scenarios: name one", options.what);
            return Err(SetupError::Other { message }.into());
        }
    };
    let mut pool = session::start(project, &runner, 1, false)?;
    let folder = project.own_folder().join("replay");
    std::fs::create_dir_all(&folder).map_err(|source| SetupError::Write {
        path: folder.clone(),
        source,
    })?;
    let trace = options
        .trace
        .clone()
        .map(absolute)
        .unwrap_or_else(|| folder.join("trace.jsonl"));
    let answer = pool.run_kept(&plan, Some(trace.clone()), Some(folder.join(OUTPUT)));
    let replayed = match answer {
        Answer::Verdict(verdict) => *verdict,
        Answer::Refused(why) | Answer::Died(why) => Verdict::unknown(why),
    };
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    let events = whitewater::trace::parse_lines(&text).map_err(|error| SetupError::Other {
        message: error.to_string(),
    })?;
    tell(&plan, &events, &filter, &replayed, verdict.as_ref());
    Ok(outcome::exit_code(&replayed))
}

fn tell(
    plan: &Plan,
    events: &[Event],
    filter: &Filter,
    replayed: &Verdict,
    saved: Option<&Verdict>,
) {
    let mut out = std::io::stdout().lock();
    // A reader that stops reading (`| head`) is no failure of the replay.
    let _ = writeln!(out, "{}", replay::plan_line(plan));
    for line in story::tell_part(&Narrator::of(events), filter.apply(events)) {
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
    let _ = writeln!(
        out,
        "{}",
        replay::end(replayed, saved, console::style(&out))
    );
}

fn read_saved(path: &Path) -> Result<(Plan, Option<Verdict>), SetupError> {
    let (plan_path, folder) = if path.is_dir() {
        (path.join(PLAN), path.to_path_buf())
    } else {
        (
            path.to_path_buf(),
            path.parent().map(Path::to_path_buf).unwrap_or_default(),
        )
    };
    let text = std::fs::read_to_string(&plan_path).map_err(|source| SetupError::Read {
        path: plan_path.clone(),
        source,
    })?;
    let plan = Plan::from_json(&text).map_err(|source| SetupError::Plan {
        path: plan_path,
        source,
    })?;
    let verdict = std::fs::read_to_string(folder.join(VERDICT)).ok();
    Ok((
        plan,
        verdict.and_then(|text| serde_json::from_str(&text).ok()),
    ))
}

/// A plan's history belongs to the build that made it.
fn announce_build(plan: &Plan, identity: &BuildIdentity) {
    let same_lock = plan.lock_hash.as_deref() == Some(identity.lock_hash.as_str());
    let same_commit = plan.commit.is_some() && plan.commit == identity.commit;
    let clean = identity
        .commit
        .as_deref()
        .is_some_and(|commit| !commit.ends_with("-dirty"));
    match (same_commit, same_lock) {
        (true, true) if clean => console::status("Build", "same commit, same lock file"),
        (true, true) => console::status(
            "Build",
            "same commit and lock file, with uncommitted changes: the history may differ",
        ),
        (true, false) => console::status(
            "Build",
            "another lock file than the plan's: the history may differ",
        ),
        (false, _) => {
            let commit = plan.commit.as_deref().unwrap_or("none known");
            console::status(
                "Build",
                &format!("another commit than the plan's ({commit}): the history may differ"),
            );
        }
    }
}

fn filter(options: &ReplayOptions) -> Result<Filter, SetupError> {
    Ok(Filter {
        from_ns: options.from.as_deref().map(simulated_ns).transpose()?,
        process: options.process.clone(),
        key: options.key.clone(),
    })
}

/// `12s`, `1500ms` or `12.5` (seconds).
fn simulated_ns(text: &str) -> Result<u64, SetupError> {
    let bad = || SetupError::Time {
        text: text.to_owned(),
    };
    let (number, unit_ns) = if let Some(number) = text.strip_suffix("ms") {
        (number, 1e6)
    } else {
        (text.strip_suffix('s').unwrap_or(text), 1e9)
    };
    let number: f64 = number.trim().parse().map_err(|_| bad())?;
    if number.is_finite() && number >= 0.0 {
        Ok((number * unit_ns) as u64)
    } else {
        Err(bad())
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_times_have_units() {
        assert_eq!(simulated_ns("12s").expect("a time"), 12_000_000_000);
        assert_eq!(simulated_ns("1500ms").expect("a time"), 1_500_000_000);
        assert_eq!(simulated_ns("12.5").expect("a time"), 12_500_000_000);
        assert!(
            simulated_ns("soon")
                .expect_err("no time")
                .to_string()
                .contains("`soon` is not a simulated time")
        );
        assert!(simulated_ns("-1s").is_err());
    }
}
