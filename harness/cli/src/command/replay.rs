//! `replay`: one history, told in simulated time.

use std::io::Write;
use std::path::{Path, PathBuf};

use whitewater::plan::Plan;
use whitewater::report::replay;
use whitewater::trace::Event;
use whitewater::trace::filter::Filter;
use whitewater::trace::story::{self, Narrator};
use whitewater::verdict::Verdict;

use crate::cli::ReplayOptions;
use crate::console;
use crate::debug_run::DebugRun;
use crate::exit_code::ExitCode;
use crate::failure::OUTPUT;
use crate::interrupt;
use crate::outcome;
use crate::project::Project;
use crate::runner_process::Answer;
use crate::saved_file;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;

/// Runs the plan again and tells what happened. The exit code is the run's own.
pub(crate) fn replay(project: &Project, options: &ReplayOptions) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let filter = filter(options)?;
    let plan_like = options.what.ends_with(".json") || Path::new(&options.what).exists();
    let saved = plan_like && options.seed.is_none();
    let known = if saved {
        let path = saved_file::to_replay(Path::new(&options.what));
        Some(saved_file::read(&path)?)
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
    let (plan, found) = match (known, scenario.as_deref()) {
        (Some(saved), _) => {
            saved_file::announce_build(&saved, &runner.identity);
            (saved.plan, saved.found)
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
    let debug = options.debug.then_some(DebugRun {
        runner: &runner.path,
        folder: &folder,
    });
    let replayed = match &debug {
        Some(debug) => debug.run(&plan, project.data.as_deref(), &trace)?,
        None => {
            let mut pool = session::start(project, &runner, 1, false)?;
            match pool.run_kept(&plan, Some(trace.clone()), Some(folder.join(OUTPUT))) {
                Answer::Verdict(verdict) => *verdict,
                Answer::Refused(why) | Answer::Died(why) => Verdict::unknown(why),
            }
        }
    };
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    let events = whitewater::trace::parse_lines(&text).map_err(|error| SetupError::Other {
        message: error.to_string(),
    })?;
    let saved_hash = found.map(|found| found.trace_hash);
    tell(&plan, &events, &filter, &replayed, saved_hash.as_deref());
    if let Some(debug) = debug {
        console::status("Debug", &debug.command());
    }
    Ok(outcome::exit_code(&replayed))
}

fn tell(
    plan: &Plan,
    events: &[Event],
    filter: &Filter,
    replayed: &Verdict,
    saved_hash: Option<&str>,
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
        replay::end(replayed, saved_hash, console::style(&out))
    );
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
