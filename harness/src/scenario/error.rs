//! What can be wrong with a scenario, with the place and the word that was probably meant.

use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// A scenario can't be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ScenarioError {
    /// The file can't be read.
    #[error("can't read scenario {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The text is no scenario.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(Box<InvalidScenario>),
}

/// A text that is no scenario, and where it goes wrong.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct InvalidScenario {
    /// What is wrong.
    pub message: String,
    /// The file and its text.
    #[source_code]
    pub text: NamedSource<String>,
    /// Where.
    #[label("{label}")]
    pub at: SourceSpan,
    /// What to say at the place.
    pub label: String,
    /// How to go on.
    #[help]
    pub help: Option<String>,
}

/// A problem and its place, before the file is known.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) span: std::ops::Range<usize>,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

impl Problem {
    pub(super) fn new(
        message: impl Into<String>,
        span: std::ops::Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            span,
            label: label.into(),
            help: None,
        }
    }

    pub(super) fn in_file(self, file: &str, text: &str) -> ScenarioError {
        ScenarioError::Invalid(Box::new(InvalidScenario {
            message: self.message,
            text: NamedSource::new(file, text.to_owned()).with_language("TOML"),
            at: self.span.into(),
            label: self.label,
            help: self.help,
        }))
    }
}
