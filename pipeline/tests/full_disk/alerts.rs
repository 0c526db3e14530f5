//! What the workers' logs say.

use std::fs;
use std::path::{Path, PathBuf};

/// The logs of all workers that ever ran.
pub(crate) struct Logs(PathBuf);

/// Alerts told of so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alerts {
    /// That a partition is behind, or that nobody can say how far.
    pub(crate) raised: usize,
    /// That it is back, or somebody else's.
    pub(crate) over: usize,
}

impl Logs {
    /// Those in the folder of a configuration.
    pub(crate) fn beside(config: &Path) -> Self {
        Self(config.parent().unwrap().to_owned())
    }

    /// Counts the alerts.
    pub(crate) fn alerts(&self) -> Alerts {
        let alert = |phase: &str| self.count(&["lag alert", &format!("phase=\"{phase}\"")]);
        Alerts {
            raised: alert("raised"),
            over: alert("cleared") + alert("released"),
        }
    }

    /// How often a sink could not be written.
    pub(crate) fn sink_troubles(&self) -> usize {
        self.count(&["sink can't be written"])
    }

    /// Lines that hold all of `words`.
    fn count(&self, words: &[&str]) -> usize {
        let files = fs::read_dir(&self.0).unwrap();
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .map(|path| {
                let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
                let says = |line: &&str| words.iter().all(|word| line.contains(word));
                text.lines().filter(says).count()
            })
            .sum()
    }
}
