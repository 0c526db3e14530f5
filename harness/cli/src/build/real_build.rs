//! Builds the runner as anyone builds a program: with the real rdkafka and the real tokio, by the
//! user's own lock file.

use std::path::PathBuf;
use std::process::Command;

use super::simulated_build::{executable_of, seed_lock_file};
use super::{manifest, real_tokio};
use crate::project::{Project, simulator_sources};
use crate::setup_error::SetupError;

/// Generates the manifest and builds.
pub(crate) fn build(project: &Project) -> Result<PathBuf, SetupError> {
    let folder = project.own_folder().join("real-build");
    let manifest = manifest::generate_real(
        &project.scenarios,
        &simulator_sources(&project.scenarios)?,
        &folder,
    )?;
    seed_lock_file(project, &folder, |_, text| Ok(text))?;
    let mut command = Command::new(real_tokio::cargo());
    command
        .args(["build", "--bin", manifest::RUNNER, "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(project.target.join("real"));
    executable_of(
        command,
        "build (with the real rdkafka)",
        "its words are above",
    )
}
