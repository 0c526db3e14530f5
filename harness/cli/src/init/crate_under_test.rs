//! The crate that a new scenarios workspace is for.

use std::path::Path;

use cargo_metadata::semver::{Comparator, Op, VersionReq};
use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};

use crate::setup_error::SetupError;

/// The rdkafka that is simulated: 0.39.
const SIMULATED_RDKAFKA: (u64, u64) = (0, 39);

/// What a scenarios workspace has to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CrateUnderTest {
    /// The package's name.
    pub(super) package: String,
    /// The library's name in Rust.
    pub(super) library: String,
}

/// Reads the manifest in `folder`.
///
/// # Errors
/// [`SetupError::CantInit`] where the folder has no package, the package no library, or its rdkafka
/// is not the simulated one; [`SetupError::Cargo`] in cargo's own words.
pub(super) fn read(folder: &Path) -> Result<CrateUnderTest, SetupError> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return refuse(
            format!("there is no Cargo.toml in {}", folder.display()),
            "run it in the folder of the crate that consumes from Kafka, or name the folder",
        );
    }
    let metadata = MetadataCommand::new()
        .manifest_path(&manifest)
        .no_deps()
        .exec()
        .map_err(|error| SetupError::Cargo {
            what: "metadata",
            hint: error.to_string(),
        })?;
    let Some(package) = package_of(&metadata, &manifest) else {
        let members: Vec<&str> = metadata
            .packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        return refuse(
            format!("{} is a workspace, not a package", manifest.display()),
            &format!(
                "run it in the folder of the package that consumes from Kafka: {}",
                members.join(", ")
            ),
        );
    };
    check_rdkafka(package)?;
    let library = package
        .targets
        .iter()
        .find(|target| target.kind.contains(&TargetKind::Lib));
    let Some(library) = library else {
        return refuse(
            format!("{} has no library", package.name),
            "move what main does into a function in src/lib.rs and call it from main: scenarios call it, too",
        );
    };
    Ok(CrateUnderTest {
        package: package.name.to_string(),
        library: library.name.replace('-', "_"),
    })
}

fn package_of<'m>(metadata: &'m Metadata, manifest: &Path) -> Option<&'m Package> {
    let wanted = manifest.canonicalize().ok()?;
    metadata.packages.iter().find(|package| {
        package.manifest_path.as_std_path().canonicalize().ok() == Some(wanted.clone())
    })
}

fn check_rdkafka(package: &Package) -> Result<(), SetupError> {
    let rdkafka = package
        .dependencies
        .iter()
        .find(|dependency| dependency.name == "rdkafka");
    match rdkafka {
        Some(rdkafka) if !admits_simulated(&rdkafka.req) => refuse(
            format!("{} uses rdkafka {}", package.name, rdkafka.req),
            "the simulated client is rdkafka 0.39: use `rdkafka = \"0.39\"`",
        ),
        _ => Ok(()),
    }
}

/// Whether some 0.39.x fits.
fn admits_simulated(requirement: &VersionReq) -> bool {
    let (major, minor) = SIMULATED_RDKAFKA;
    requirement.comparators.iter().all(|comparator| {
        let Comparator {
            op,
            major: m,
            minor: n,
            ..
        } = comparator;
        let at = (*m, n.unwrap_or(minor));
        match op {
            Op::Greater | Op::GreaterEq => at <= (major, minor),
            Op::Less => at > (major, minor),
            Op::LessEq => at >= (major, minor),
            _ => at == (major, minor),
        }
    })
}

fn refuse<T>(what: String, help: &str) -> Result<T, SetupError> {
    Err(SetupError::CantInit {
        what,
        help: help.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_requirement_that_admits_the_simulated_client_passes() {
        let admits =
            |text: &str| admits_simulated(&VersionReq::parse(text).expect("a requirement"));
        for text in [
            "0.39",
            "0.39.1",
            "=0.39.2",
            "*",
            ">=0.36, <0.40",
            "~0.39",
            "0",
        ] {
            assert!(admits(text), "{text}");
        }
        for text in ["0.36", "0.38.0", "=0.37.0", ">=0.36, <0.39", "0.40", "1"] {
            assert!(!admits(text), "{text}");
        }
    }
}
