//! What stops a comparison.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;
use whitewater::compare::outcome::OutcomeError;

/// A version can't be run, its output can't be read, or the events can't.
#[derive(Debug, Diagnostic, Error)]
pub(crate) enum CompareError {
    #[error("`{text}` names no version")]
    #[diagnostic(help(
        "write PROCESSOR@VERSION (trades@1), or BINARY:PROCESSOR@VERSION (target/release/pipeline:trades@1)"
    ))]
    Version { text: String },

    #[error("there is no `pipeline` beside this command, nor on the PATH")]
    #[diagnostic(help(
        "build it (cargo build --release --bin pipeline) and name it: --pipeline PATH, or BINARY:PROCESSOR@VERSION"
    ))]
    NoBinary,

    #[error("can't start {}", .binary.display())]
    #[diagnostic(help("name a program that understands `process --processor NAME@VERSION`"))]
    Start {
        binary: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("{version} ended with {status} after {outcomes} outcomes")]
    #[diagnostic(help("its last words:\n{words}"))]
    Ended {
        version: String,
        status: String,
        outcomes: u64,
        words: String,
    },

    #[error("topic `{name}` could not be read: `pipeline read` ended with {status}")]
    #[diagnostic(help("its last words:\n{words}"))]
    Topic {
        name: String,
        status: String,
        words: String,
    },

    #[error("`{text}` is no topic")]
    #[diagnostic(help("write kafka://HOST:PORT/TOPIC, with as many HOST:PORT, as there are"))]
    NoTopic { text: String },

    #[error("{version}: line {line} of its output can't be read: {text}")]
    #[diagnostic(help(
        "one JSON object a line, as `pipeline process` writes them; everything else belongs on standard error"
    ))]
    Output {
        version: String,
        line: u64,
        text: String,
        #[source]
        source: OutcomeError,
    },

    #[error("can't read {name} after line {line}")]
    #[diagnostic(help("JSON lines, plain, gzip or zstd; was the file cut off?"))]
    Events {
        name: String,
        line: u64,
        #[source]
        source: io::Error,
    },

    #[error("nothing to compare: {taken} of {events} events of {name} are in the sample")]
    #[diagnostic(help("take a larger share with --sample, or by another field with --sample-by"))]
    Empty {
        name: String,
        taken: u64,
        events: u64,
    },

    #[error("can't use {}: {why}", .path.display())]
    Config { path: PathBuf, why: String },

    #[error("can't write {}", .path.display())]
    #[diagnostic(help("is the disk full, or the folder not yours?"))]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("can't keep what is to be sorted in {}", std::env::temp_dir().display())]
    #[diagnostic(help("is the disk full? TMPDIR names another folder"))]
    Sort(#[source] io::Error),

    /// What was read back is not what was written.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
}
