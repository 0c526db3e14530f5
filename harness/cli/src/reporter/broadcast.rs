//! One run, told to everyone who writes it down.

use std::path::Path;

use indicatif::ProgressBar;

use crate::cli::ReportOptions;
use crate::console;
use crate::reporter::github::GitHub;
use crate::reporter::json_lines::JsonLines;
use crate::reporter::junit::JUnit;
use crate::reporter::sink::{Begin, End, FailureEnd, ScenarioEnd, SeedEnd, Sink};
use crate::reporter::terminal::Terminal;
use crate::setup_error::SetupError;

/// Everyone who writes a run down.
pub(crate) struct Reporter {
    sinks: Vec<Box<dyn Sink>>,
    /// Stdout is read by a program: no bars.
    json: bool,
}

impl Reporter {
    /// As the options and the environment ask for.
    pub(crate) fn new(options: &ReportOptions) -> Result<Self, SetupError> {
        let mut reporter = Self::for_programs(options)?;
        if !options.json {
            reporter.sinks.insert(0, Box::new(Terminal::new()));
        }
        Ok(reporter)
    }

    /// The same without lines for people: whoever asks writes those.
    pub(crate) fn for_programs(options: &ReportOptions) -> Result<Self, SetupError> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if options.json {
            sinks.push(Box::new(JsonLines::to_stdout()));
        }
        let unwritable = |path: &Path, source| SetupError::Write {
            path: path.into(),
            source,
        };
        if let Some(path) = &options.events {
            let lines = JsonLines::to_file(path).map_err(|error| unwritable(path, error))?;
            sinks.push(Box::new(lines));
        }
        if let Some(path) = &options.junit {
            // Found out now, not after an hour.
            std::fs::write(path, "").map_err(|error| unwritable(path, error))?;
            sinks.push(Box::new(JUnit::new(path.clone())));
        }
        if let Some(github) = GitHub::detect(&|name| std::env::var(name).ok()) {
            sinks.push(Box::new(github));
        }
        Ok(Self {
            sinks,
            json: options.json,
        })
    }

    /// A bar for the seeds of one scenario; hidden where lines are for a program.
    pub(crate) fn bar(&self, name: &str, seeds: Option<u64>) -> ProgressBar {
        if self.json {
            ProgressBar::hidden()
        } else {
            console::seeds_bar(name, seeds)
        }
    }
}

impl Sink for Reporter {
    fn begin(&mut self, run: &Begin<'_>) {
        self.sinks.iter_mut().for_each(|sink| sink.begin(run));
    }

    fn seed(&mut self, seed: &SeedEnd<'_>) {
        self.sinks.iter_mut().for_each(|sink| sink.seed(seed));
    }

    fn scenario(&mut self, scenario: &ScenarioEnd<'_>) {
        self.sinks
            .iter_mut()
            .for_each(|sink| sink.scenario(scenario));
    }

    fn failure(&mut self, failure: &FailureEnd<'_>) {
        self.sinks.iter_mut().for_each(|sink| sink.failure(failure));
    }

    fn end(&mut self, run: &End<'_>) {
        self.sinks.iter_mut().for_each(|sink| sink.end(run));
    }
}
