//! The simulated build's lock file: the user's, without what the patches replace.
//!
//! A lock file that still names the registry's tokio or rdkafka leaves the patch unused; every
//! other version stays exactly as the user has it.

use std::path::Path;

use toml_edit::{Array, DocumentMut, Item};

use crate::setup_error::SetupError;

/// Packages that the simulated build must not take from a registry.
const REPLACED: [&str; 3] = ["tokio", "rdkafka", "rdkafka-sys"];

/// Removes the replaced packages, and every mention of them, from a `Cargo.lock`.
///
/// # Errors
/// [`SetupError::Toml`] where the text is no lock file.
pub(crate) fn without_replaced(path: &Path, text: &str) -> Result<String, SetupError> {
    let mut lock: DocumentMut =
        text.parse()
            .map_err(|error: toml_edit::TomlError| SetupError::Toml {
                path: path.into(),
                message: error.to_string(),
            })?;
    if let Some(packages) = lock
        .get_mut("package")
        .and_then(Item::as_array_of_tables_mut)
    {
        packages.retain(|package| {
            let name = package
                .get("name")
                .and_then(Item::as_str)
                .unwrap_or_default();
            !REPLACED.contains(&name)
        });
        for package in packages.iter_mut() {
            if let Some(dependencies) = package.get_mut("dependencies").and_then(Item::as_array_mut)
            {
                drop_replaced(dependencies);
            }
        }
    }
    Ok(lock.to_string())
}

/// An entry is `name`, `name version` or `name version (source)`.
fn drop_replaced(dependencies: &mut Array) {
    dependencies.retain(|dependency| {
        let name = dependency
            .as_str()
            .and_then(|text| text.split(' ').next())
            .unwrap_or_default();
        !REPLACED.contains(&name)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replaced_packages_and_their_mentions_go_the_rest_stays() {
        let text = r#"version = 4

[[package]]
name = "consumer"
version = "0.1.0"
dependencies = [
 "rdkafka",
 "serde",
 "tokio 1.50.0",
 "tokio-util",
]

[[package]]
name = "rdkafka-sys"
version = "4.9.0"
source = "registry+index"

[[package]]
name = "serde"
version = "1.0.200"
source = "registry+index"

[[package]]
name = "tokio"
version = "1.50.0"
source = "registry+index"

[[package]]
name = "tokio-util"
version = "0.7.11"
source = "registry+index"
dependencies = ["tokio"]
"#;
        let lock = without_replaced(Path::new("Cargo.lock"), text).expect("a lock file");
        assert!(!lock.contains("rdkafka"));
        assert!(!lock.contains("\"tokio\"") && !lock.contains("tokio 1.50"));
        assert!(lock.contains("tokio-util"));
        assert!(lock.contains("name = \"serde\"\nversion = \"1.0.200\""));
    }

    #[test]
    fn broken_text_is_named() {
        let error = without_replaced(Path::new("Cargo.lock"), "[[package").expect_err("broken");
        assert!(error.to_string().contains("Cargo.lock is not valid TOML"));
    }
}
