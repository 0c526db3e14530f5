//! What is wrong with a configuration, and where.

use std::ops::Range;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// One fault in a configuration file, pointing at its place.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct ConfigError {
    message: String,
    label: String,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("{label}")]
    span: Option<SourceSpan>,
    #[help]
    help: Option<String>,
}

/// A fault before it is joined with its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) span: Option<Range<usize>>,
    pub(crate) help: Option<String>,
}

impl Fault {
    pub(crate) fn at(
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
            label: label.into(),
            span: Some(span),
            help: None,
        }
    }

    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            label: String::new(),
            span: None,
            help: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn in_file(self, name: &str, text: &str) -> ConfigError {
        ConfigError {
            message: self.message,
            label: self.label,
            source_code: NamedSource::new(name, text.to_owned()),
            span: self.span.map(SourceSpan::from),
            help: self.help,
        }
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean ...?` or the list of what there is.
pub(crate) fn suggestion(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let all: Vec<String> = candidates
                .iter()
                .map(|candidate| format!("`{candidate}`"))
                .collect();
            format!("known here: {}", all.join(", "))
        }
    }
}
