//! Which program runs which version of a processor.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::CompareError;

/// A version of a processor, and the program that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The program.
    pub(crate) binary: PathBuf,
    /// `name@version`.
    pub(crate) processor: String,
    /// As it was typed.
    named: String,
}

impl Version {
    /// Reads `processor@version` or `binary:processor@version`.
    pub(crate) fn parse(text: &str, pipeline: Option<&Path>) -> Result<Self, CompareError> {
        let unreadable = || CompareError::Version {
            text: text.to_owned(),
        };
        let (binary, processor) = match text.rsplit_once(':') {
            Some((binary, processor)) => (Some(PathBuf::from(binary)), processor),
            None => (None, text),
        };
        let (name, version) = processor.split_once('@').ok_or_else(unreadable)?;
        if name.is_empty() || version.is_empty() || binary == Some(PathBuf::new()) {
            return Err(unreadable());
        }
        let binary = match binary {
            Some(binary) => binary,
            None => self::pipeline(pipeline)?,
        };
        Ok(Self {
            binary,
            processor: processor.to_owned(),
            named: text.to_owned(),
        })
    }

    /// A name for a file about it.
    pub(crate) fn file_name(&self) -> String {
        let last = self.named.rsplit('/').next().unwrap_or(&self.named);
        last.replace(':', "-")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named)
    }
}

/// The `pipeline` binary that was named, else the one that is there.
pub(crate) fn pipeline(named: Option<&Path>) -> Result<PathBuf, CompareError> {
    named
        .map(Path::to_path_buf)
        .or_else(found)
        .ok_or(CompareError::NoBinary)
}

/// `pipeline` beside this command, or on the PATH.
fn found() -> Option<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("pipeline")));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&on_path).map(|folder| folder.join("pipeline")))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        let parse = |text: &str| Version::parse(text, Some(Path::new("pipeline")));
        let version = parse("trades@2").expect("a version");
        assert_eq!(version.binary, Path::new("pipeline"));
        let version = parse("../old/pipeline:trades@2").expect("a version");
        assert_eq!(version.binary, Path::new("../old/pipeline"));
        assert_eq!(version.processor, "trades@2");
        assert_eq!(version.file_name(), "pipeline-trades@2");
        for text in ["trades", "@1", "trades@", ":trades@1", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
