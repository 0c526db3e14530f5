//! Writes the new workspace.

use std::path::{Path, PathBuf};

use super::crate_under_test::{self, CrateUnderTest};
use crate::exit_code::ExitCode;
use crate::setup_error::SetupError;

/// Where each file goes, and its text.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/main.rs", include_str!("template/main.rs.in")),
    ("fast/steady.toml", include_str!("template/steady.toml.in")),
    ("fast/crash.toml", include_str!("template/crash.toml.in")),
    (
        "fast/rebalance.toml",
        include_str!("template/rebalance.toml.in"),
    ),
];

/// Makes `scenarios/` beside the crate in `folder`, and says what to do next. Nothing that exists is
/// touched.
///
/// # Errors
/// [`SetupError::CantInit`] where there is a `scenarios` already, or the crate is none that can be
/// simulated; [`SetupError::Write`].
pub(crate) fn init(folder: &Path) -> Result<ExitCode, SetupError> {
    let under_test = crate_under_test::read(folder)?;
    let scenarios = folder.join("scenarios");
    if scenarios.exists() {
        return Err(SetupError::CantInit {
            what: format!("{} exists", scenarios.display()),
            help: "add a scenario to it, or move it away".to_owned(),
        });
    }
    for (name, text) in FILES {
        let path = scenarios.join(name);
        write(&path, &fill(text, &under_test))?;
        println!("{:>11}  {}", "Created", shown(folder, &path));
    }
    println!(
        "{:>11}  write `start`, `results` and `expected` in {}",
        "Next",
        shown(folder, &scenarios.join("src/main.rs"))
    );
    println!("{:>11}  cargo whitewater run", "Then");
    Ok(ExitCode::Passed)
}

fn fill(template: &str, under_test: &CrateUnderTest) -> String {
    template
        .replace("{{package}}", &under_test.package)
        .replace("{{library}}", &under_test.library)
}

fn write(path: &Path, text: &str) -> Result<(), SetupError> {
    let failed = |source| SetupError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

fn shown(folder: &Path, path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(folder).unwrap_or(path).into();
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled() {
        let under_test = CrateUnderTest {
            package: "trade-store".to_owned(),
            library: "trade_store".to_owned(),
        };
        for (name, text) in FILES {
            let text = fill(text, &under_test);
            assert!(!text.contains("{{"), "{name}");
            assert!(text.contains("trade-store"), "{name}");
        }
    }

    #[test]
    fn what_exists_is_never_touched() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let scenarios = folder.path().join("scenarios");
        std::fs::create_dir_all(&scenarios).expect("a folder");
        write(
            &folder.path().join("Cargo.toml"),
            "[package]\nname = \"consumer\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n",
        )
        .expect("a file");
        let error = init(folder.path()).expect_err("scenarios/ exists");
        assert!(error.to_string().ends_with("scenarios exists"), "{error}");
        assert_eq!(
            std::fs::read_dir(&scenarios).expect("the folder").count(),
            0
        );
    }
}
