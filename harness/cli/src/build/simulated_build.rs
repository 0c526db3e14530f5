//! Builds the runner.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::Message;

use super::{lock, manifest, real_tokio, resolved_graph, rust_flags};
use crate::project::{Project, simulator_sources};
use crate::setup_error::SetupError;

/// The only platform that simulates.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// SQLite functions that the simulator wraps, so that time passes and faults act between statements.
const WRAPPED: [&str; 8] = [
    "sqlite3_step",
    "sqlite3_exec",
    "sqlite3_reset",
    "sqlite3_finalize",
    "sqlite3_prepare_v2",
    "sqlite3_prepare_v3",
    "sqlite3_close",
    "sqlite3_close_v2",
];

/// A runner that was built.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    /// The executable.
    pub(crate) path: PathBuf,
    /// What it was built from.
    pub(crate) identity: BuildIdentity,
}

/// What a saved plan says of the build that made its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuildIdentity {
    /// `git rev-parse HEAD`, with `-dirty` where tracked files differ; none outside a repository.
    pub(crate) commit: Option<String>,
    /// XXH3-64 of the simulated build's lock file.
    pub(crate) lock_hash: String,
}

/// Generates the manifest, resolves, checks and builds.
pub(crate) fn build(project: &Project, announce: impl FnOnce(&str)) -> Result<Runner, SetupError> {
    if cfg!(not(all(target_os = "linux", target_arch = "x86_64"))) {
        let command = std::env::args().skip(2).collect::<Vec<_>>().join(" ");
        return Err(SetupError::Platform { command });
    }
    let own = project.own_folder();
    let folder = own.join("build");
    let real_tokio = real_tokio::prepare(&own)?;
    let manifest = manifest::generate(
        &project.scenarios,
        &simulator_sources(&project.scenarios)?,
        &real_tokio,
        &folder,
    )?;
    // All but those of the replaced crates.
    seed_lock_file(project, &folder, |path, text| {
        lock::without_replaced(path, &text)
    })?;
    let graph = resolved_graph::resolve(&manifest, TRIPLE)?;
    announce(&graph.under_test.join(", "));
    let flags = rust_flags::encoded(&own_flags(&graph), &project.root, TRIPLE)?;
    let path = compile(
        &manifest,
        &project.target.join("sim"),
        &flags,
        &graph.checked,
    )?;
    let identity = BuildIdentity {
        commit: commit(&project.root),
        lock_hash: file_hash(&folder.join("Cargo.lock"))?,
    };
    Ok(Runner { path, identity })
}

/// The user's lock file, where there is one.
fn user_lock_file(project: &Project) -> Option<PathBuf> {
    let candidates = [
        project.scenarios.join("Cargo.lock"),
        project.root.join("Cargo.lock"),
    ];
    candidates.into_iter().find(|path| path.is_file())
}

/// The user's lock file, where there is one, gives the versions; `derive` makes of it the one for this
/// build, given its path and text.
///
/// It is copied only when it changed, so that what cargo completed in the derived one stays.
pub(super) fn seed_lock_file(
    project: &Project,
    folder: &Path,
    derive: impl FnOnce(&Path, String) -> Result<String, SetupError>,
) -> Result<(), SetupError> {
    let Some(path) = user_lock_file(project) else {
        return Ok(());
    };
    let text = std::fs::read_to_string(&path).map_err(|source| SetupError::Read {
        path: path.clone(),
        source,
    })?;
    let derived = derive(&path, text)?;
    let changed = manifest::write_if_changed(&folder.join("Cargo.lock.from-user"), &derived)?;
    let lock = folder.join("Cargo.lock");
    if changed || !lock.is_file() {
        std::fs::write(&lock, &derived)
            .map_err(|source| SetupError::Write { path: lock, source })?;
    }
    Ok(())
}

fn own_flags(graph: &resolved_graph::ResolvedGraph) -> Vec<String> {
    let mut flags = vec![
        "--cfg".to_owned(),
        "madsim".to_owned(),
        "-Cforce-frame-pointers=yes".to_owned(),
    ];
    if graph.has_sqlite {
        flags.extend(["--cfg".to_owned(), "whitewater_sqlite".to_owned()]);
        flags.extend(
            WRAPPED
                .iter()
                .map(|function| format!("-Clink-arg=-Wl,--wrap={function}")),
        );
    }
    flags
}

fn compile(
    manifest: &Path,
    target: &Path,
    flags: &str,
    checked: &[String],
) -> Result<PathBuf, SetupError> {
    let mut command = Command::new(real_tokio::cargo());
    command
        .args([
            "build",
            "--profile",
            "sim",
            "--target",
            TRIPLE,
            "--bin",
            manifest::RUNNER,
            "--manifest-path",
        ])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .args(checks_on(checked))
        .env("CARGO_ENCODED_RUSTFLAGS", flags);
    executable_of(
        command,
        "build (of the simulated build)",
        "its words are above; what the simulated tokio and rdkafka don't offer is listed in sim/tokio/README.md and \
         sim/rdkafka/README.md",
    )
}

/// Runs a build, and gives the runner's path.
pub(super) fn executable_of(
    mut command: Command,
    what: &'static str,
    hint: &str,
) -> Result<PathBuf, SetupError> {
    let spawn = |source| SetupError::Spawn {
        program: "cargo".into(),
        source,
    };
    let mut child = command
        .args(["--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(spawn)?;
    let output = child.stdout.take().map(std::io::BufReader::new);
    let mut executable = None;
    for message in output.into_iter().flat_map(Message::parse_stream).flatten() {
        if let Message::CompilerArtifact(artifact) = message
            && artifact.target.name == manifest::RUNNER
        {
            executable = artifact
                .executable
                .map(cargo_metadata::camino::Utf8PathBuf::into_std_path_buf);
        }
    }
    let status = child.wait().map_err(spawn)?;
    let failed = |hint: &str| SetupError::Cargo {
        what,
        hint: hint.into(),
    };
    if !status.success() {
        return Err(failed(hint));
    }
    executable.ok_or_else(|| failed("cargo named no executable"))
}

/// Debug assertions and overflow checks in the code under test.
fn checks_on(packages: &[String]) -> Vec<String> {
    packages
        .iter()
        .flat_map(|package| {
            ["debug-assertions", "overflow-checks"]
                .map(|check| format!("--config=profile.sim.package.{package}.{check}=true"))
        })
        .collect()
}

/// The commit of the checkout, `-dirty` where tracked files differ from it.
pub(crate) fn commit(root: &Path) -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=40",
            "--exclude=*",
        ])
        .current_dir(root)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn file_hash(path: &Path) -> Result<String, SetupError> {
    let bytes = std::fs::read(path).map_err(|source| SetupError::Read {
        path: path.into(),
        source,
    })?;
    Ok(format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes)))
}
