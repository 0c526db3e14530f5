//! The folder a failure leaves: all that is needed to reproduce it, ready to be uploaded.

use std::path::{Path, PathBuf};

use serde::Serialize;
use whitewater::plan::Plan;
use whitewater::plan::saved::{Found, SavedPlan};
use whitewater::shrink::target::Target;
use whitewater::verdict::Verdict;

use crate::project::Project;
use crate::runner_process::Answer;
use crate::saved_file;
use crate::setup_error::SetupError;
use crate::sweep::RunnerPool;

/// The names of a failure's files.
pub(crate) const VERDICT: &str = "verdict.json";
pub(crate) const TRACE: &str = "trace.jsonl";
pub(crate) const OUTPUT: &str = "output.txt";
const BUILD: &str = "build.json";

/// What `build.json` holds.
#[derive(Serialize)]
struct Build<'a> {
    commit: Option<&'a str>,
    lock_hash: Option<&'a str>,
    whitewater: &'a str,
    command: String,
}

/// Where a failure of this scenario or regression and seed is saved.
pub(crate) fn folder(project: &Project, name: &str, seed: u64) -> PathBuf {
    let short = name.rsplit('/').next().unwrap_or(name);
    project.failures().join(format!("{short}-{seed}"))
}

/// Runs the plan once more, keeping trace and output, and writes everything to `folder`. The plan is
/// written first, so that nothing is lost if the runner dies.
pub(crate) fn save(
    folder: &Path,
    pool: &mut RunnerPool,
    plan: &Plan,
    first_verdict: Option<&Verdict>,
    target: Option<&Target>,
) -> Result<(), SetupError> {
    let write = |source| SetupError::Write {
        path: folder.to_path_buf(),
        source,
    };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(write)?;
    }
    std::fs::create_dir_all(folder).map_err(write)?;
    let found = first_verdict.map(|verdict| Found::of(verdict, target));
    let saved = SavedPlan {
        found,
        ..SavedPlan::new(plan.clone())
    };
    saved_file::write(&folder.join(saved_file::PLAN), &saved)?;
    let build = Build {
        commit: plan.commit.as_deref(),
        lock_hash: plan.lock_hash.as_deref(),
        whitewater: env!("CARGO_PKG_VERSION"),
        command: replay_command(&shown(folder)),
    };
    write_json(&folder.join(BUILD), &build)?;
    if let Some(verdict) = first_verdict {
        write_json(&folder.join(VERDICT), verdict)?;
    }
    let answer = pool.run_kept(plan, Some(folder.join(TRACE)), Some(folder.join(OUTPUT)));
    let verdict = match answer {
        Answer::Verdict(verdict) => *verdict,
        Answer::Refused(why) | Answer::Died(why) => Verdict::unknown(why),
    };
    write_json(&folder.join(VERDICT), first_verdict.unwrap_or(&verdict))
}

/// The one command that reproduces a failure.
pub(crate) fn replay_command(folder: &Path) -> String {
    format!("cargo whitewater replay {}", folder.display())
}

/// Relative to the current folder where it lies below: short, and true in the next shell.
pub(crate) fn shown(folder: &Path) -> PathBuf {
    let here = std::env::current_dir()
        .ok()
        .and_then(|here| here.canonicalize().ok());
    here.and_then(|here| folder.strip_prefix(here).ok().map(Path::to_path_buf))
        .unwrap_or_else(|| folder.to_path_buf())
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), SetupError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    std::fs::write(path, text + "\n").map_err(|source| SetupError::Write {
        path: path.into(),
        source,
    })
}
