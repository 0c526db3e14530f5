//! The rust flags of a simulated build: the user's, wherever they come from, and ours.
//!
//! Cargo takes flags from one place only (`CARGO_ENCODED_RUSTFLAGS`, else `RUSTFLAGS`, else
//! `target.*.rustflags`, else `build.rustflags`; the Cargo book, "build.rustflags"), so ours are
//! added to what that place says and all go into the first.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::setup_error::SetupError;

/// Cargo's separator between flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: char = '\u{1f}';

/// The value of `CARGO_ENCODED_RUSTFLAGS` for a simulated build.
pub(crate) fn encoded(own: &[String], project: &Path, triple: &str) -> Result<String, SetupError> {
    let mut flags = users(project, triple)?;
    flags.extend(own.iter().cloned());
    Ok(flags.join(&SEPARATOR.to_string()))
}

fn users(project: &Path, triple: &str) -> Result<Vec<String>, SetupError> {
    if let Ok(encoded) = std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        return Ok(encoded
            .split(SEPARATOR)
            .filter(|flag| !flag.is_empty())
            .map(str::to_owned)
            .collect());
    }
    if let Ok(flags) = std::env::var("RUSTFLAGS") {
        return Ok(flags.split_whitespace().map(str::to_owned).collect());
    }
    let target_variable = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        triple.to_uppercase().replace(['-', '.'], "_")
    );
    if let Ok(flags) = std::env::var(target_variable) {
        return Ok(flags.split_whitespace().map(str::to_owned).collect());
    }
    let files = configuration_files(project)?;
    from_configuration(&files, triple)
}

/// Cargo's configuration files, the nearest first (the Cargo book, "Hierarchical structure").
fn configuration_files(project: &Path) -> Result<Vec<(PathBuf, Table)>, SetupError> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let folders = project
        .ancestors()
        .map(|folder| folder.join(".cargo"))
        .chain(home);
    let mut files: Vec<(PathBuf, Table)> = Vec::new();
    for folder in folders {
        let Some(path) = ["config", "config.toml"]
            .map(|name| folder.join(name))
            .into_iter()
            .find(|path| path.is_file())
        else {
            continue;
        };
        if files.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|source| SetupError::Read {
            path: path.clone(),
            source,
        })?;
        let table = text.parse::<Table>().map_err(|error| SetupError::Toml {
            path: path.clone(),
            message: error.to_string(),
        })?;
        files.push((path, table));
    }
    Ok(files)
}

/// `target.<triple>` and `target.<cfg>` flags are joined; only without any does `build` count.
fn from_configuration(files: &[(PathBuf, Table)], triple: &str) -> Result<Vec<String>, SetupError> {
    let mut target_flags = Vec::new();
    let mut build_flags = Vec::new();
    // The nearest file's flags come last, as cargo merges lists.
    for (path, table) in files.iter().rev() {
        if let Some(targets) = table.get("target").and_then(Value::as_table) {
            for (name, target) in targets {
                let Some(flags) = target.get("rustflags") else {
                    continue;
                };
                if name == triple {
                    target_flags.extend(list(flags, path, name)?);
                } else if name.starts_with("cfg(") {
                    target_flags.extend(for_cfg(name, flags, path)?);
                }
            }
        }
        if let Some(flags) = table.get("build").and_then(|build| build.get("rustflags")) {
            build_flags.extend(list(flags, path, "build")?);
        }
    }
    Ok(if target_flags.is_empty() {
        build_flags
    } else {
        target_flags
    })
}

/// The cfg expressions that hold for the one platform that simulates; anything else is refused,
/// because to guess would silently drop a user's flag.
fn for_cfg(name: &str, flags: &Value, path: &Path) -> Result<Vec<String>, SetupError> {
    let condition: String = name
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    match condition.as_str() {
        "cfg(all())"
        | "cfg(unix)"
        | "cfg(linux)"
        | "cfg(target_os=\"linux\")"
        | "cfg(target_arch=\"x86_64\")"
        | "cfg(target_env=\"gnu\")"
        | "cfg(not(windows))"
        | "cfg(target_family=\"unix\")" => list(flags, path, name),
        "cfg(windows)"
        | "cfg(target_os=\"windows\")"
        | "cfg(target_os=\"macos\")"
        | "cfg(target_arch=\"aarch64\")"
        | "cfg(target_arch=\"wasm32\")"
        | "cfg(target_env=\"msvc\")"
        | "cfg(target_env=\"musl\")" => Ok(Vec::new()),
        _ => Err(SetupError::RustFlags {
            place: format!("target.'{name}' in {}", path.display()),
            why: "this condition is not one that can be decided here".into(),
        }),
    }
}

fn list(flags: &Value, path: &Path, table: &str) -> Result<Vec<String>, SetupError> {
    let refused = |why: &str| SetupError::RustFlags {
        place: format!("`{table}.rustflags` in {}", path.display()),
        why: why.into(),
    };
    match flags {
        Value::String(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| refused("an entry is not a string"))
            })
            .collect(),
        _ => Err(refused("it is neither a list nor a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Result<Vec<String>, SetupError> {
        let table = text.parse::<Table>().expect("TOML");
        from_configuration(
            &[(PathBuf::from("config.toml"), table)],
            "x86_64-unknown-linux-gnu",
        )
    }

    #[test]
    fn target_flags_override_build_flags_and_join() {
        let found = flags(
            "[build]\nrustflags = [\"-Cbuild\"]\n[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Ctriple\"]\n\
             [target.'cfg(target_os = \"linux\")']\nrustflags = \"-Cone -Ctwo\"\n\
             [target.'cfg(windows)']\nrustflags = [\"-Cnever\"]",
        );
        let mut found = found.expect("flags");
        found.sort();
        assert_eq!(found, ["-Cone", "-Ctriple", "-Ctwo"]);
    }

    #[test]
    fn build_flags_count_where_no_target_has_any() {
        assert_eq!(
            flags("[build]\nrustflags = \"-Cbuild\"").expect("flags"),
            ["-Cbuild"]
        );
    }

    #[test]
    fn what_cannot_be_decided_is_refused_aloud() {
        let error = flags("[target.'cfg(any(foo, bar))']\nrustflags = []").expect_err("refused");
        assert!(
            error
                .to_string()
                .contains("can't merge rust flags from target.'cfg(any(foo, bar))'"),
            "{error}"
        );
        let error = flags("[build]\nrustflags = 3").expect_err("refused");
        assert!(
            error.to_string().contains("neither a list nor a string"),
            "{error}"
        );
    }
}
