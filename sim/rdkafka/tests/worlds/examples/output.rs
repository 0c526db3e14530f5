//! Where a program's lines go: rdkafka's examples print and log them.

use std::sync::{Arc, Mutex, PoisonError};

/// Lines, in the order in which they were said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Output {
    /// Adds a line.
    pub(crate) fn say(&self, line: impl Into<String>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.into());
    }

    /// What was said so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.clone()
    }

    /// The lines that begin so, without that beginning.
    pub(crate) fn after(&self, beginning: &str) -> Vec<String> {
        let lines = self.lines();
        let rests = lines.iter().filter_map(|line| line.strip_prefix(beginning));
        rests.map(ToOwned::to_owned).collect()
    }
}
