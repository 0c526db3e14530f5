//! A private copy of the real tokio, for the patched one to take its `sync`, `io` and macros from.
//!
//! It must be a path dependency: where the graph names the registry's tokio, cargo drops the patch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup_error::SetupError;

/// The version whose interface the patched tokio was written against.
const VERSION: &str = "1.54.1";

/// Unpacks the real tokio below `own_folder`, once, and returns its folder.
pub(crate) fn prepare(own_folder: &Path) -> Result<PathBuf, SetupError> {
    let folder = own_folder.join("real-tokio");
    let stamp = folder.join(".whitewater-version");
    if fs::read_to_string(&stamp).is_ok_and(|version| version == VERSION) {
        return Ok(folder);
    }
    let source = registry_copy(&own_folder.join("fetch"))?;
    let _ = fs::remove_dir_all(&folder);
    copy_folder(&source, &folder)?;
    // Its own lock file, tests and benches would only confuse tools that walk the target folder.
    for unneeded in [
        "Cargo.lock",
        "Cargo.toml.orig",
        ".cargo-ok",
        ".cargo_vcs_info.json",
    ] {
        let _ = fs::remove_file(folder.join(unneeded));
    }
    fs::write(&stamp, VERSION).map_err(|source| SetupError::Write {
        path: stamp,
        source,
    })?;
    Ok(folder)
}

/// Lets cargo fetch the package and says where cargo unpacked it.
fn registry_copy(folder: &Path) -> Result<PathBuf, SetupError> {
    let write = |path: PathBuf, text: &str| {
        fs::write(&path, text).map_err(|source| SetupError::Write { path, source })
    };
    fs::create_dir_all(folder.join("src")).map_err(|source| SetupError::Write {
        path: folder.into(),
        source,
    })?;
    write(
        folder.join("Cargo.toml"),
        &format!(
            "[package]\nname = \"fetch-real-tokio\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n\
             [dependencies]\ntokio = {{ version = \"={VERSION}\", default-features = false }}\n"
        ),
    )?;
    write(folder.join("src/lib.rs"), "")?;
    let output = Command::new(cargo())
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .output()
        .map_err(|source| SetupError::Spawn {
            program: "cargo".into(),
            source,
        })?;
    let failed = |hint: String| SetupError::Cargo {
        what: "metadata (to fetch tokio)",
        hint,
    };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata: cargo_metadata::Metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "tokio")
        .and_then(|package| package.manifest_path.parent())
        .map(|folder| folder.as_std_path().to_path_buf())
        .ok_or_else(|| failed(format!("cargo did not name tokio {VERSION}")))
}

/// The cargo that runs this subcommand.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), SetupError> {
    let read = |source| SetupError::Read {
        path: from.to_path_buf(),
        source,
    };
    fs::create_dir_all(to).map_err(|source| SetupError::Write {
        path: to.to_path_buf(),
        source,
    })?;
    for entry in fs::read_dir(from).map_err(read)? {
        let entry = entry.map_err(read)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(read)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).map_err(|source| SetupError::Write {
                path: target,
                source,
            })?;
        }
    }
    Ok(())
}
