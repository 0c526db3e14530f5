//! What cargo resolved: refuses a graph that still holds something real, and says what it found.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{Metadata, Package};

use super::real_tokio::cargo;
use crate::setup_error::SetupError;

/// What the driver needs to know of the simulated build's packages.
#[derive(Debug)]
pub(crate) struct ResolvedGraph {
    /// SQLite is linked, so its virtual file system and wrappers are.
    pub(crate) has_sqlite: bool,
    /// The crate under test: the path dependencies of the scenarios crate, for the first line.
    pub(crate) under_test: Vec<String>,
    /// Every package that comes from a folder and is not the simulator's: the crate under test, and
    /// what it shares its workspace with.
    pub(crate) checked: Vec<String>,
}

/// The packages that a simulated build brings along.
const OURS: [&str; 5] = [
    "whitewater",
    "whitewater-cluster",
    "whitewater-sim",
    "rdkafka",
    "tokio",
];

/// Resolves the generated manifest (the lock file beside it is completed) and checks the graph.
///
/// # Errors
/// [`SetupError::NotSimulated`] if the registry's tokio or rdkafka is still there;
/// [`SetupError::Cargo`] with cargo's own words where it does not resolve.
pub(crate) fn resolve(manifest: &Path, triple: &str) -> Result<ResolvedGraph, SetupError> {
    let output = Command::new(cargo())
        .args([
            "metadata",
            "--format-version",
            "1",
            "--filter-platform",
            triple,
            "--manifest-path",
        ])
        .arg(manifest)
        .env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}madsim")
        .output()
        .map_err(|source| SetupError::Spawn {
            program: "cargo".into(),
            source,
        })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(SetupError::Cargo {
            what: "metadata (to resolve the simulated build)",
            hint: with_advice(words),
        });
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| SetupError::Cargo {
            what: "metadata",
            hint: error.to_string(),
        })?;
    check(&metadata)
}

fn with_advice(words: String) -> String {
    let advice = if words.contains("tokio") && words.contains("failed to select a version") {
        "\na pinned or feature-restricted tokio can't be simulated: use `tokio = \"1\"`"
    } else if words.contains("rdkafka") && words.contains("failed to select a version") {
        "\nthe simulated client is rdkafka 0.39: use `rdkafka = \"0.39\"`"
    } else {
        ""
    };
    words + advice
}

fn check(metadata: &Metadata) -> Result<ResolvedGraph, SetupError> {
    let used: BTreeSet<&str> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| resolve.nodes.iter().map(|node| node.id.repr.as_str()))
        .collect();
    let packages = || {
        metadata
            .packages
            .iter()
            .filter(|package| used.contains(package.id.repr.as_str()))
    };
    for package in packages() {
        if let Some(error) = refusal(package) {
            return Err(error);
        }
    }
    let root = metadata.root_package();
    let under_test = root
        .iter()
        .flat_map(|root| &root.dependencies)
        .filter(|dependency| dependency.path.is_some() && dependency.name != "whitewater")
        .map(|dependency| dependency.name.clone())
        .collect();
    Ok(ResolvedGraph {
        has_sqlite: packages().any(|package| package.name.as_str() == "libsqlite3-sys"),
        under_test,
        checked: packages()
            .filter(|package| package.source.is_none() && !OURS.contains(&package.name.as_str()))
            .filter(|package| root.is_none_or(|root| root.id != package.id))
            .map(|package| package.name.to_string())
            .collect(),
    })
}

fn refusal(package: &Package) -> Option<SetupError> {
    let from_registry = package.source.is_some();
    let refuse = |what: String, help: &str| {
        Some(SetupError::NotSimulated {
            what,
            help: help.into(),
        })
    };
    match package.name.as_str() {
        "tokio" if from_registry => refuse(
            format!("the registry's tokio {}", package.version),
            "an `=` pin or another major version keeps the simulated one out: use `tokio = \"1\"`",
        ),
        "rdkafka" if from_registry => refuse(
            format!("the registry's rdkafka {}", package.version),
            "the simulated client is rdkafka 0.39: use `rdkafka = \"0.39\"`",
        ),
        "rdkafka-sys" => refuse(
            format!("rdkafka-sys {}, the real librdkafka", package.version),
            "depend on `rdkafka` 0.39 instead of on rdkafka-sys",
        ),
        _ => None,
    }
}
