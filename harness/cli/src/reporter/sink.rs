//! What happens in a run, as those hear it who write it down.

use std::path::Path;
use std::time::Duration;

use whitewater::checker::violation::Violation;
use whitewater::report::status::{Demands, Status};
use whitewater::report::summary::Summary;
use whitewater::report::tally::Tally;
use whitewater::verdict::Verdict;

use crate::gate::shard::Shard;

/// Someone who writes a run down. Nobody has to care for everything.
pub(crate) trait Sink {
    /// It begins.
    fn begin(&mut self, _run: &Begin<'_>) {}
    /// A seed ended.
    fn seed(&mut self, _seed: &SeedEnd<'_>) {}
    /// A scenario ended.
    fn scenario(&mut self, _scenario: &ScenarioEnd<'_>) {}
    /// A failure was saved.
    fn failure(&mut self, _failure: &FailureEnd<'_>) {}
    /// Everything ended.
    fn end(&mut self, _run: &End<'_>) {}
}

/// What will run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin<'r> {
    pub(crate) scenarios: usize,
    pub(crate) regressions: usize,
    /// `100 seeds`
    pub(crate) seeds: &'r str,
    pub(crate) jobs: usize,
    pub(crate) shard: Shard,
    pub(crate) commit: Option<&'r str>,
    /// The longest name, so that lines align.
    pub(crate) name_width: usize,
}

/// How a seed ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeedEnd<'r> {
    pub(crate) scenario: &'r str,
    pub(crate) seed: u64,
    pub(crate) verdict: &'r Verdict,
    /// Why it may fail, if it is known to.
    pub(crate) known: Option<&'r str>,
    pub(crate) wall: Duration,
}

/// How a scenario, or a regression, ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScenarioEnd<'r> {
    pub(crate) name: &'r str,
    pub(crate) demands: &'r Demands,
    pub(crate) tally: &'r Tally,
    pub(crate) status: &'r Status,
    pub(crate) wall: Duration,
    /// Entries of known-failures.toml that it met no more, by what they name.
    pub(crate) mended: &'r [String],
}

/// A failure, and how to get it again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailureEnd<'r> {
    pub(crate) scenario: &'r str,
    pub(crate) seed: u64,
    pub(crate) violations: &'r [Violation],
    pub(crate) folder: &'r Path,
    /// What it was shrunk to, in a sentence.
    pub(crate) shrunk: Option<&'r str>,
    pub(crate) replay: &'r str,
    /// It is a negative's, and was to be found.
    pub(crate) caught: bool,
}

/// How everything ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End<'r> {
    pub(crate) summary: &'r Summary,
    /// Real time, without the build.
    pub(crate) wall: Duration,
    pub(crate) interrupted: bool,
}
