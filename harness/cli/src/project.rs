//! Where things are: the scenarios' workspace, the target folder, this crate's own sources.

use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

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

/// The sources of the simulator: this crate's own workspace.
pub(crate) fn simulator_sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap_or(Path::new("/"))
        .to_path_buf()
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
