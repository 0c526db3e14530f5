//! The scenarios on disk, and which ones a name means.

use std::path::{Path, PathBuf};

use crate::project::Project;
use crate::setup_error::SetupError;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// `fast/steady`
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Entry {
    /// `fast`
    pub(crate) fn folder(&self) -> &str {
        self.name.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// `steady`
    pub(crate) fn short_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// Every scenario of the project: `*.toml` one folder below `scenarios/`, by name.
pub(crate) fn all(project: &Project) -> Result<Vec<Entry>, SetupError> {
    let mut entries = Vec::new();
    for folder in read_folder(&project.scenarios)? {
        let name = file_name(&folder);
        if !folder.is_dir()
            || ["src", "target", "tests", "examples", "benches"].contains(&name.as_str())
        {
            continue;
        }
        for path in read_folder(&folder)? {
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let stem = path
                    .file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned())
                    .unwrap_or_default();
                entries.push(Entry {
                    name: format!("{name}/{stem}"),
                    path,
                });
            }
        }
    }
    entries.sort();
    Ok(entries)
}

/// The scenarios that the words of a command line mean: a name, a folder or a file each.
///
/// # Errors
/// [`SetupError::UnknownScenario`] with the nearest name.
pub(crate) fn select(all: &[Entry], words: &[String]) -> Result<Vec<Entry>, SetupError> {
    let mut selected: Vec<Entry> = Vec::new();
    for word in words {
        let found = meant_by(all, word.trim_end_matches('/'));
        if found.is_empty() {
            return Err(SetupError::UnknownScenario {
                name: word.clone(),
                nearest: nearest(all, word),
            });
        }
        for entry in found {
            if !selected.contains(&entry) {
                selected.push(entry);
            }
        }
    }
    Ok(selected)
}

fn meant_by(all: &[Entry], word: &str) -> Vec<Entry> {
    let matching = |test: &dyn Fn(&Entry) -> bool| {
        all.iter()
            .filter(|entry| test(entry))
            .cloned()
            .collect::<Vec<_>>()
    };
    let exact = matching(&|entry| entry.name == word || entry.folder() == word);
    if !exact.is_empty() {
        return exact;
    }
    let short = matching(&|entry| entry.short_name() == word);
    if !short.is_empty() {
        return short;
    }
    let path = Path::new(word);
    if word.ends_with(".toml") && path.is_file() {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let folder = path
            .parent()
            .map(file_name)
            .filter(|folder| !folder.is_empty());
        let name = folder.map_or_else(|| stem.clone(), |folder| format!("{folder}/{stem}"));
        return vec![Entry {
            name,
            path: path.into(),
        }];
    }
    Vec::new()
}

fn nearest(all: &[Entry], word: &str) -> Option<String> {
    all.iter()
        .flat_map(|entry| [entry.name.as_str(), entry.short_name(), entry.folder()])
        .map(|name| (strsim::damerau_levenshtein(name, word), name))
        .min()
        .filter(|(distance, name)| *distance <= 1 + name.len() / 3)
        .map(|(_, name)| name.to_owned())
}

fn read_folder(folder: &Path) -> Result<Vec<PathBuf>, SetupError> {
    let read = |source| SetupError::Read {
        path: folder.into(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        paths.push(entry.map_err(read)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        ["fast/crash-restart", "fast/steady", "negative/no-seen"]
            .map(|name| Entry {
                name: name.into(),
                path: PathBuf::from(format!("{name}.toml")),
            })
            .to_vec()
    }

    fn names(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        select(&entries(), &words)
            .expect("found")
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    #[test]
    fn a_word_is_a_folder_a_short_name_or_a_whole_name() {
        assert_eq!(names(&["fast"]), ["fast/crash-restart", "fast/steady"]);
        assert_eq!(names(&["no-seen"]), ["negative/no-seen"]);
        assert_eq!(
            names(&["fast/steady", "fast"]),
            ["fast/steady", "fast/crash-restart"]
        );
    }

    #[test]
    fn a_typo_gets_the_nearest_name() {
        let error = select(&entries(), &["crash-restrat".to_owned()]).expect_err("unknown");
        assert!(
            matches!(error, SetupError::UnknownScenario { nearest: Some(name), .. } if name == "crash-restart")
        );
        let error = select(&entries(), &["completely-else".to_owned()]).expect_err("unknown");
        assert!(matches!(
            error,
            SetupError::UnknownScenario { nearest: None, .. }
        ));
    }
}
