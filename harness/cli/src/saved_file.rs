//! Saved plans on disk: which file a word means, and where a smaller one goes.

use std::path::{Path, PathBuf};

use whitewater::plan::saved::SavedPlan;

use crate::build::simulated_build::BuildIdentity;
use crate::console;
use crate::setup_error::SetupError;

/// The plan that failed, in a failure's folder.
pub(crate) const PLAN: &str = "plan.json";
/// The smallest one that fails in the same way.
pub(crate) const SHRUNK: &str = "shrunk.json";

/// The plan to replay: of a failure's folder the shrunk one, if there is one.
pub(crate) fn to_replay(path: &Path) -> PathBuf {
    let shrunk = path.join(SHRUNK);
    if shrunk.is_file() {
        shrunk
    } else {
        to_shrink(path)
    }
}

/// The plan to shrink: of a failure's folder the whole one.
pub(crate) fn to_shrink(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join(PLAN)
    } else {
        path.to_path_buf()
    }
}

/// Where what a plan was shrunk to goes: beside it.
pub(crate) fn shrunk_beside(plan: &Path) -> PathBuf {
    let name = plan.file_name().unwrap_or_default().to_string_lossy();
    match name.as_ref() {
        PLAN | SHRUNK => plan.with_file_name(SHRUNK),
        other => {
            let stem = other.trim_end_matches(".json");
            plan.with_file_name(format!("{stem}.{SHRUNK}"))
        }
    }
}

/// Reads a saved plan.
pub(crate) fn read(path: &Path) -> Result<SavedPlan, SetupError> {
    let text = std::fs::read_to_string(path).map_err(|source| SetupError::Read {
        path: path.into(),
        source,
    })?;
    SavedPlan::from_json(&text).map_err(|source| SetupError::Plan {
        path: path.into(),
        source,
    })
}

/// Writes a saved plan.
pub(crate) fn write(path: &Path, saved: &SavedPlan) -> Result<(), SetupError> {
    std::fs::write(path, saved.to_json()).map_err(|source| SetupError::Write {
        path: path.into(),
        source,
    })
}

/// Says whether the build is the one that the plan was saved by: a history belongs to its build.
pub(crate) fn announce_build(saved: &SavedPlan, identity: &BuildIdentity) {
    let plan = &saved.plan;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_plan_lies_beside_the_whole_one() {
        let beside = |path: &str| shrunk_beside(Path::new(path)).display().to_string();
        assert_eq!(beside("failures/x-3/plan.json"), "failures/x-3/shrunk.json");
        assert_eq!(
            beside("failures/x-3/shrunk.json"),
            "failures/x-3/shrunk.json"
        );
        assert_eq!(
            beside("regressions/late.json"),
            "regressions/late.shrunk.json"
        );
    }
}
