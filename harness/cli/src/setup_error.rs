//! What stops `cargo whitewater` before anything is proven.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;
use whitewater::plan::PlanError;

/// A file, the build or the machine was not as needed.
#[derive(Debug, Diagnostic, Error)]
pub(crate) enum SetupError {
    #[error("no scenarios found: there is no `scenarios/Cargo.toml` in {} or a folder above it", .from.display())]
    #[diagnostic(help("run inside a project that has one, or name its folder: --scenarios DIR"))]
    NoScenarios { from: PathBuf },

    #[error("can't make scenarios: {what}")]
    #[diagnostic(help("{help}"))]
    CantInit { what: String, help: String },

    #[error("no scenario is called `{name}`")]
    #[diagnostic(help("{}", match nearest { Some(near) => format!("did you mean `{near}`? `cargo whitewater list` shows them all"), None => "`cargo whitewater list` shows them all".into() }))]
    UnknownScenario {
        name: String,
        nearest: Option<String>,
    },

    #[error("can't read {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("can't write {}", .path.display())]
    #[diagnostic(help("is the disk full, or the folder not yours?"))]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("{} is not valid TOML: {message}", .path.display())]
    Toml { path: PathBuf, message: String },

    #[error("can't start `{program}`")]
    #[diagnostic(help("`cargo whitewater doctor` says what this machine lacks"))]
    Spawn {
        program: String,
        #[source]
        source: std::io::Error,
    },

    #[error("cargo {what} failed")]
    #[diagnostic(help("{hint}"))]
    Cargo { what: &'static str, hint: String },

    #[error("the simulated build would hold {what}")]
    #[diagnostic(help("{help}"))]
    NotSimulated { what: String, help: String },

    #[error("can't use {}: {message}", .path.display())]
    #[diagnostic(help("each [[known]] entry has scenario, kinds, perhaps seeds, and why"))]
    KnownFailures { path: PathBuf, message: String },

    #[error("can't merge rust flags from {place}: {why}")]
    #[diagnostic(help("set them as a list of strings, or as one string"))]
    RustFlags { place: String, why: String },

    #[error("the runner ended before it said hello")]
    #[diagnostic(help("its output:\n{output}"))]
    RunnerDied { output: String },

    #[error("the runner knows no pipeline called `{name}`")]
    #[diagnostic(help("it has: {}; name yours in `whitewater::runner!` in {}", .known.join(", "), .main.display()))]
    UnknownPipeline {
        name: String,
        known: Vec<String>,
        main: PathBuf,
    },

    #[error("no data: {}", .path.display())]
    #[diagnostic(help("name the folder that holds it: --data DIR or WHITEWATER_DATA"))]
    NoData { path: PathBuf },

    #[error("simulation needs Linux on x86_64")]
    #[diagnostic(help(
        "in a container: docker run --rm -it -v \"$PWD\":/w -w /w rust:1.95 cargo whitewater {command}"
    ))]
    Platform { command: String },

    #[error("`{text}` is not a simulated time")]
    #[diagnostic(help("write it as 12s, 1500ms or 12.5"))]
    Time { text: String },

    #[error("can't use the plan {}", .path.display())]
    #[diagnostic(help("{}", plan_help(source)))]
    Plan {
        path: PathBuf,
        #[source]
        source: PlanError,
    },

    #[error("can't merge {}: {message}", .path.display())]
    #[diagnostic(help("`run --shard I/N --events FILE` writes such a file"))]
    Events { path: PathBuf, message: String },

    #[error("nothing to shrink: the plan {} {found}", .path.display())]
    #[diagnostic(help(
        "a history belongs to its build: check out the commit that the plan's `commit` field names"
    ))]
    NothingToShrink { path: PathBuf, found: String },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Engine(#[from] whitewater::real::engine::EngineError),

    #[error("{message}")]
    Other { message: String },
}

/// What someone who holds an unusable plan can do.
fn plan_help(error: &PlanError) -> &'static str {
    match error {
        PlanError::Format { .. } => {
            "it was saved by another version of Whitewater: check out the commit that its `commit` field names"
        }
        PlanError::Malformed(_) => {
            "was the file cut off or edited? The same history comes from its scenario: cargo whitewater replay SCENARIO --seed N"
        }
    }
}
