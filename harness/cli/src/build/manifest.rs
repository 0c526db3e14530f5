//! The generated manifest: the scenarios' own, with absolute paths, both patches and the profile.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value, value};

use crate::setup_error::SetupError;

/// The binary that a generated manifest builds.
pub(crate) const RUNNER: &str = "whitewater-runner";

/// Writes the simulated build's workspace below `folder` and returns its manifest's path.
///
/// Two packages: the runner (the scenarios crate as it is, other manifest) and the patched tokio
/// (its sources as they are, a manifest that finds the real tokio's copy).
pub(crate) fn generate(
    scenarios: &Path,
    simulator: &Path,
    real_tokio: &Path,
    folder: &Path,
) -> Result<PathBuf, SetupError> {
    let tokio = folder.join("tokio");
    write_if_changed(
        &tokio.join("Cargo.toml"),
        &tokio_manifest(simulator, real_tokio)?,
    )?;
    let manifest = folder.join("Cargo.toml");
    write_if_changed(&manifest, &runner_manifest(scenarios, simulator, &tokio)?)?;
    Ok(manifest)
}

/// Writes the manifest of a normal build to `folder`, and returns its path.
pub(crate) fn generate_real(
    scenarios: &Path,
    simulator: &Path,
    folder: &Path,
) -> Result<PathBuf, SetupError> {
    let mut manifest = own_manifest(scenarios, simulator)?;
    // Whoever compiles a runner once does not debug the libraries.
    let profile = &mut manifest["profile"]["dev"];
    profile["debug"] = value("line-tables-only");
    profile["package"]["*"]["opt-level"] = value(1);
    profile["package"]["*"]["debug"] = value(false);
    let path = folder.join("Cargo.toml");
    write_if_changed(&path, &manifest.to_string())?;
    Ok(path)
}

fn tokio_manifest(simulator: &Path, real_tokio: &Path) -> Result<String, SetupError> {
    let source = simulator.join("sim/tokio");
    let mut manifest = read(&source.join("Cargo.toml"))?;
    manifest.remove("workspace");
    absolute_paths(&mut manifest, &source);
    manifest["lib"]["path"] = value(text(&source.join("src/lib.rs")));
    if let Some(dependency) = manifest["dependencies"]
        .get_mut("real_tokio")
        .and_then(Item::as_table_like_mut)
    {
        dependency.insert("path", value(text(real_tokio)));
    }
    Ok(manifest.to_string())
}

/// The scenarios' own manifest with absolute paths, a workspace of its own and the runner as its
/// only binary.
fn own_manifest(scenarios: &Path, simulator: &Path) -> Result<DocumentMut, SetupError> {
    let mut manifest = read(&scenarios.join("Cargo.toml"))?;
    absolute_paths(&mut manifest, scenarios);
    if manifest.get("workspace").is_none() {
        manifest.insert("workspace", Item::Table(Table::new()));
    }
    if let Some(workspace) = manifest.get_mut("workspace").and_then(Item::as_table_mut) {
        workspace.remove("members");
        workspace.insert("resolver", value("3"));
    }
    manifest.remove("bin");
    let mut bin = Table::new();
    bin.insert("name", value(RUNNER));
    bin.insert("path", value(text(&scenarios.join("src/main.rs"))));
    let mut bins = toml_edit::ArrayOfTables::new();
    bins.push(bin);
    manifest.insert("bin", Item::ArrayOfTables(bins));
    if scenarios.join("src/lib.rs").is_file() && manifest.get("lib").is_none() {
        manifest["lib"]["path"] = value(text(&scenarios.join("src/lib.rs")));
    }
    if names_no_path(&manifest, "whitewater") {
        manifest["patch"]["crates-io"]["whitewater"] = path_entry(&simulator.join("harness"));
    }
    Ok(manifest)
}

fn runner_manifest(scenarios: &Path, simulator: &Path, tokio: &Path) -> Result<String, SetupError> {
    let mut manifest = own_manifest(scenarios, simulator)?;
    let patches = &mut manifest["patch"]["crates-io"];
    patches["tokio"] = path_entry(tokio);
    patches["rdkafka"] = path_entry(&simulator.join("sim/rdkafka"));
    let profile = &mut manifest["profile"]["sim"];
    profile["inherits"] = value("release");
    profile["debug"] = value("line-tables-only");
    profile["debug-assertions"] = value(true);
    profile["overflow-checks"] = value(true);
    profile["codegen-units"] = value(1);
    // What is under test has them on, see `simulated_build`; in libraries and the simulated world
    // they double a seed's time.
    profile["package"]["*"]["debug-assertions"] = value(false);
    profile["package"]["*"]["overflow-checks"] = value(false);
    // Thousands of generated codecs that a simulated cluster never runs: values travel as they are.
    profile["package"]["kafka-protocol"]["opt-level"] = value(1);
    Ok(manifest.to_string())
}

/// Whether a dependency leaves it to `cargo whitewater` where it comes from.
fn names_no_path(manifest: &DocumentMut, dependency: &str) -> bool {
    let dependency = manifest
        .get("dependencies")
        .and_then(|dependencies| dependencies.get(dependency));
    dependency.is_some_and(|dependency| dependency.get("path").is_none())
}

/// Relative paths in a manifest are relative to its folder; the generated one lies elsewhere.
fn absolute_paths(manifest: &mut DocumentMut, folder: &Path) {
    let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
    for section in sections {
        if let Some(table) = manifest.get_mut(section).and_then(Item::as_table_like_mut) {
            dependencies_absolute(table, folder);
        }
    }
    if let Some(targets) = manifest.get_mut("target").and_then(Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            for section in sections {
                if let Some(table) = target.get_mut(section).and_then(Item::as_table_like_mut) {
                    dependencies_absolute(table, folder);
                }
            }
        }
    }
    if let Some(table) = manifest
        .get_mut("workspace")
        .and_then(|w| w.get_mut("dependencies"))
        .and_then(Item::as_table_like_mut)
    {
        dependencies_absolute(table, folder);
    }
    if let Some(registries) = manifest.get_mut("patch").and_then(Item::as_table_like_mut) {
        for (_, registry) in registries.iter_mut() {
            if let Some(table) = registry.as_table_like_mut() {
                dependencies_absolute(table, folder);
            }
        }
    }
    if let Some(lib) = manifest.get_mut("lib").and_then(Item::as_table_like_mut) {
        path_absolute(lib, folder);
    }
}

fn dependencies_absolute(table: &mut dyn toml_edit::TableLike, folder: &Path) {
    for (_, dependency) in table.iter_mut() {
        if let Some(dependency) = dependency.as_table_like_mut() {
            path_absolute(dependency, folder);
        }
    }
}

fn path_absolute(table: &mut dyn toml_edit::TableLike, folder: &Path) {
    if let Some(path) = table.get("path").and_then(Item::as_str) {
        let absolute = folder.join(path);
        table.insert("path", value(text(&absolute)));
    }
}

fn path_entry(path: &Path) -> Item {
    let mut entry = InlineTable::new();
    entry.insert("path", Value::from(text(path)));
    Item::Value(Value::InlineTable(entry))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A manifest, to be looked at or changed.
pub(crate) fn read(path: &Path) -> Result<DocumentMut, SetupError> {
    let text = std::fs::read_to_string(path).map_err(|source| SetupError::Read {
        path: path.into(),
        source,
    })?;
    text.parse()
        .map_err(|error: toml_edit::TomlError| SetupError::Toml {
            path: path.into(),
            message: error.to_string(),
        })
}

/// An unchanged file keeps its time stamp, so that cargo finds nothing to do.
pub(crate) fn write_if_changed(path: &Path, text: &str) -> Result<bool, SetupError> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    let write = |source| SetupError::Write {
        path: path.into(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(write)?;
    }
    std::fs::write(path, text).map_err(write)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_manifest_has_absolute_paths_both_patches_and_the_profile() {
        let folder = tempfile::tempdir().expect("a folder");
        let scenarios = folder.path().join("project/scenarios");
        std::fs::create_dir_all(&scenarios).expect("created");
        std::fs::write(
            scenarios.join("Cargo.toml"),
            "[package]\nname = \"scenarios\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\nconsumer = { path = \"..\" }\nserde = \"1\"\n\
             [dependencies.other]\npath = \"../other\"\n",
        )
        .expect("written");
        let manifest = runner_manifest(&scenarios, Path::new("/simulator"), Path::new("/tokio"))
            .expect("generated");
        let root = scenarios.to_string_lossy().into_owned();
        insta::assert_snapshot!(manifest.replace(&root, "SCENARIOS"));
    }

    #[test]
    fn an_unchanged_file_is_not_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b.txt");
        assert!(write_if_changed(&path, "one").expect("written"));
        assert!(!write_if_changed(&path, "one").expect("left"));
        assert!(write_if_changed(&path, "two").expect("written"));
    }
}
