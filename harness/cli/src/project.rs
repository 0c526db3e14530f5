//! Where things are: the scenarios' workspace, the target folder, this crate's own sources.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

use crate::build::manifest;
use crate::cli::ProjectOptions;
use crate::setup_error::SetupError;

/// A project that has a `scenarios/` workspace.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// The folder of the scenarios' `Cargo.toml`.
    pub(crate) scenarios: PathBuf,
    /// The folder that holds `scenarios/`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder of the project.
    pub(crate) target: PathBuf,
    /// Where real data files are, if anyone said.
    pub(crate) data: Option<PathBuf>,
}

impl Project {
    /// Finds the project from the options or the current folder upwards.
    ///
    /// # Errors
    /// [`SetupError::NoScenarios`] where there is none.
    pub(crate) fn find(options: &ProjectOptions) -> Result<Self, SetupError> {
        let here = std::env::current_dir().map_err(|source| SetupError::Read {
            path: ".".into(),
            source,
        })?;
        let scenarios = match &options.scenarios {
            Some(folder) => here.join(folder),
            None => here
                .ancestors()
                .map(|folder| folder.join("scenarios"))
                .find(|folder| folder.join("Cargo.toml").is_file())
                .ok_or_else(|| SetupError::NoScenarios { from: here.clone() })?,
        };
        if !scenarios.join("Cargo.toml").is_file() {
            return Err(SetupError::NoScenarios { from: scenarios });
        }
        let scenarios = scenarios
            .canonicalize()
            .map_err(|source| SetupError::Read {
                path: scenarios.clone(),
                source,
            })?;
        let root = scenarios.parent().unwrap_or(&scenarios).to_path_buf();
        let target = target_folder(&root, &scenarios)?;
        let data = options.data.as_ref().map(|folder| here.join(folder));
        Ok(Self {
            scenarios,
            root,
            target,
            data,
        })
    }

    /// Everything `cargo whitewater` writes lies below this folder.
    pub(crate) fn own_folder(&self) -> PathBuf {
        self.target.join("whitewater")
    }

    /// Where failures are saved.
    pub(crate) fn failures(&self) -> PathBuf {
        self.own_folder().join("failures")
    }
}

/// The sources of the simulator below the harness that the scenarios name by its path, else below
/// this crate's own: two harnesses in one runner would be two worlds.
///
/// # Errors
/// The scenarios' manifest can't be read.
pub(crate) fn simulator_sources(scenarios: &Path) -> Result<PathBuf, SetupError> {
    let manifest = manifest::read(&scenarios.join("Cargo.toml"))?;
    let named = manifest
        .get("dependencies")
        .and_then(|dependencies| dependencies.get("whitewater")?.get("path")?.as_str())
        .and_then(|path| scenarios.join(path).canonicalize().ok());
    let harness = named.as_deref().and_then(Path::parent);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    Ok(harness.or(own).unwrap_or(Path::new("/")).to_path_buf())
}

fn target_folder(root: &Path, scenarios: &Path) -> Result<PathBuf, SetupError> {
    let manifest = [root.join("Cargo.toml"), scenarios.join("Cargo.toml")]
        .into_iter()
        .find(|manifest| manifest.is_file())
        .ok_or_else(|| SetupError::NoScenarios {
            from: root.to_path_buf(),
        })?;
    let metadata = MetadataCommand::new()
        .manifest_path(&manifest)
        .no_deps()
        .exec()
        .map_err(|error| SetupError::Cargo {
            what: "metadata",
            hint: error.to_string(),
        })?;
    Ok(metadata.target_directory.into_std_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_is_the_one_beside_the_harness_of_the_scenarios() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let folder = folder.path().canonicalize().expect("a folder");
        let scenarios = folder.join("scenarios");
        std::fs::create_dir_all(&scenarios).expect("created");
        std::fs::create_dir_all(folder.join("harness")).expect("created");
        let sources = |dependency: &str| {
            let text = format!("[dependencies]\nwhitewater = {dependency}\n");
            std::fs::write(scenarios.join("Cargo.toml"), text).expect("written");
            simulator_sources(&scenarios).expect("a manifest")
        };
        let own = sources("\"0.1\"");
        assert!(own.join("harness/cli/Cargo.toml").is_file());
        assert_eq!(sources("{ path = \"../harness\" }"), folder);
        assert_eq!(sources("{ path = \"../not-there\" }"), own);
    }
}
