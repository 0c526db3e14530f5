//! `determinism`: each seed twice, in another process, under another load, with address
//! randomisation on. Same plan, same history; a difference is a bug of the simulator, or of a
//! pipeline that reads something outside of its world.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use whitewater::plan::Plan;
use whitewater::scenario::Scenario;
use whitewater::verdict::Verdict;

use crate::cli::DeterminismOptions;
use crate::console;
use crate::exit_code::ExitCode;
use crate::failure::TRACE;
use crate::interrupt;
use crate::project::Project;
use crate::runner_process::Answer;
use crate::saved_file::PLAN;
use crate::session::{self, SessionError};
use crate::setup_error::SetupError;
use crate::sweep::RunnerPool;

/// Compares seeds 1 to N of each scenario.
pub(crate) fn determinism(
    project: &Project,
    options: &DeterminismOptions,
) -> Result<ExitCode, SessionError> {
    interrupt::listen()?;
    let scenarios = session::scenarios(project, &options.names, &["fast", "negative"])?;
    let runner = session::build(project)?;
    let jobs = session::jobs(None);
    let mut first = session::start(project, &runner, jobs, false)?;
    let mut second = session::start(project, &runner, jobs, true)?;
    session::check_pipelines(project, &first, &scenarios)?;
    console::status(
        "Comparing",
        &format!(
            "{} scenarios x {} seeds, each twice",
            scenarios.len(),
            options.seeds
        ),
    );

    let seeds: Vec<u64> = (1..=options.seeds).collect();
    let mut code = ExitCode::Passed;
    for scenario in &scenarios {
        if let Some(path) = session::missing_data(project, scenario) {
            println!(
                "{:>11}  {:<26} no data: {}",
                "SKIP",
                scenario.name,
                path.display()
            );
            continue;
        }
        let plan = |seed| session::plan(scenario, seed, &runner.identity);
        let once = histories(&mut first, scenario, &seeds, &plan);
        let again = under_load(jobs, || histories(&mut second, scenario, &seeds, &plan));
        code = code.worse(compare(
            project,
            scenario,
            &plan,
            &once,
            &again,
            &mut first,
            &mut second,
        )?);
        if interrupt::requested() {
            code = ExitCode::Interrupted;
            break;
        }
    }
    Ok(code)
}

/// What must be equal.
#[derive(Debug, PartialEq, Eq)]
struct History {
    outcome: String,
    trace_hash: String,
    final_state_hash: String,
    simulated_ns: u64,
}

/// By seed, in the order of the seeds; fewer after Ctrl-C.
fn histories(
    pool: &mut RunnerPool,
    scenario: &Scenario,
    seeds: &[u64],
    plan: &(dyn Fn(u64) -> Plan + Sync),
) -> std::collections::BTreeMap<u64, History> {
    let bar = console::seeds_bar(&scenario.name, Some(seeds.len() as u64));
    let mut found = std::collections::BTreeMap::new();
    let plan_at = |index: usize| seeds.get(index).map(|seed| plan(*seed));
    pool.each(&plan_at, &interrupt::requested, |_, finished| {
        bar.inc(1);
        found.insert(finished.plan.seed, history(finished.answer));
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    found
}

fn history(answer: Answer) -> History {
    let verdict = match answer {
        Answer::Verdict(verdict) => *verdict,
        Answer::Refused(why) | Answer::Died(why) => Verdict::unknown(why),
    };
    History {
        outcome: serde_json::to_string(&verdict.outcome).unwrap_or_default(),
        trace_hash: verdict.trace_hash,
        final_state_hash: verdict.final_state_hash,
        simulated_ns: verdict.simulated_ns,
    }
}

/// Keeps every processor busy meanwhile: what depends on real time shows.
fn under_load<R>(processors: usize, work: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

fn compare(
    project: &Project,
    scenario: &Scenario,
    plan: &dyn Fn(u64) -> Plan,
    once: &std::collections::BTreeMap<u64, History>,
    again: &std::collections::BTreeMap<u64, History>,
    first: &mut RunnerPool,
    second: &mut RunnerPool,
) -> Result<ExitCode, SetupError> {
    let compared = once.keys().filter(|seed| again.contains_key(seed)).count();
    let different = once
        .iter()
        .find(|(seed, history)| again.get(seed).is_some_and(|other| other != *history));
    let Some((&seed, _)) = different else {
        println!(
            "{:>11}  {:<26} {compared} seeds, each the same twice",
            "PASS", scenario.name
        );
        return Ok(ExitCode::Passed);
    };
    println!(
        "{:>11}  {:<26} seed {seed}: one plan, two histories",
        "FAIL", scenario.name
    );
    let (folder, text) = first_difference(project, scenario, &plan(seed), first, second)?;
    println!("{text}");
    println!("{:>11}  {}", "saved", folder.display());
    Ok(ExitCode::Nondeterminism)
}

/// Runs both twins again with their traces, and says where these part.
fn first_difference(
    project: &Project,
    scenario: &Scenario,
    plan: &Plan,
    first: &mut RunnerPool,
    second: &mut RunnerPool,
) -> Result<(PathBuf, String), SetupError> {
    let short = scenario.name.rsplit('/').next().unwrap_or(&scenario.name);
    let folder = project
        .failures()
        .join(format!("determinism-{short}-{}", plan.seed));
    let write = |source| SetupError::Write {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(write)?;
    std::fs::write(folder.join(PLAN), plan.to_json()).map_err(write)?;
    let (one, two) = (
        folder.join(format!("once-{TRACE}")),
        folder.join(format!("again-{TRACE}")),
    );
    first.run_kept(plan, Some(one.clone()), None);
    second.run_kept(plan, Some(two.clone()), None);
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    Ok((folder, difference(&read(&one), &read(&two))))
}

/// The first line in which two traces differ, with the last one they share.
fn difference(once: &str, again: &str) -> String {
    let mut shared = None;
    let (mut left, mut right) = (once.lines(), again.lines());
    for number in 1.. {
        match (left.next(), right.next()) {
            (None, None) => break,
            (one, two) if one == two => shared = one,
            (one, two) => {
                let show =
                    |line: Option<&str>| line.unwrap_or("(the history ends here)").to_owned();
                return format!(
                    "     shared  {}\n       once  line {number}: {}\n      again  line {number}: {}",
                    show(shared),
                    show(one),
                    show(two)
                );
            }
        }
    }
    "     shared  all of the trace; only the final state, or what the first two runs did, differs"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_line_that_differs_is_named_with_the_last_shared_one() {
        insta::assert_snapshot!(difference("a\nb\nc\n", "a\nb\nd\ne\n"), @r"
             shared  b
               once  line 3: c
              again  line 3: d
        ");
        insta::assert_snapshot!(difference("a\n", "a\nb\n"), @r"
             shared  a
               once  line 2: (the history ends here)
              again  line 2: b
        ");
    }

    #[test]
    fn equal_traces_point_at_the_final_state() {
        assert!(difference("a\n", "a\n").contains("only the final state"));
    }
}
