//! Running one version over the events.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use whitewater::compare::outcome::Outcome;
use xxhash_rust::xxh3::xxh3_128;

use super::error::CompareError;
use super::events::Events;
use super::sort::{MEMORY_MAX, Sorted, Sorter};
use super::version::Version;

/// How much of what a version said on standard error is shown.
const WORDS_MAX: usize = 2_000;

/// What all outcomes are together, whatever their order: equal for equal outcomes, and only for
/// them as far as XXH3-128 tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    outcomes: u64,
    sum: u128,
}

impl Fingerprint {
    fn add(&mut self, text: &[u8]) {
        self.outcomes += 1;
        self.sum = self.sum.wrapping_add(xxh3_128(text));
    }
}

/// Runs a version and sorts its outcomes.
pub(crate) fn sorted(
    version: &Version,
    config: Option<&Path>,
    events: &Events,
) -> Result<(Sorted, Fingerprint), CompareError> {
    let mut sorter = Sorter::new(MEMORY_MAX);
    let mut fingerprint = Fingerprint::default();
    run(version, config, events, |text, line| {
        fingerprint.add(text);
        let outcome = Outcome::parse(text).map_err(|source| CompareError::Output {
            version: version.to_string(),
            line,
            text: String::from_utf8_lossy(text).chars().take(200).collect(),
            source,
        })?;
        sorter.push(outcome).map_err(CompareError::Sort)
    })?;
    Ok((sorter.finish()?, fingerprint))
}

/// Runs a version only to see whether it says the same.
pub(crate) fn fingerprint(
    version: &Version,
    config: Option<&Path>,
    events: &Events,
) -> Result<Fingerprint, CompareError> {
    let mut fingerprint = Fingerprint::default();
    run(version, config, events, |text, _| {
        fingerprint.add(text);
        Ok(())
    })?;
    Ok(fingerprint)
}

/// Feeds the events to a version and gives each line of its output to `each`.
fn run(
    version: &Version,
    config: Option<&Path>,
    events: &Events,
    mut each: impl FnMut(&[u8], u64) -> Result<(), CompareError>,
) -> Result<(), CompareError> {
    let mut words = tempfile::tempfile().map_err(CompareError::Sort)?;
    let mut command = Command::new(&version.binary);
    command.args(["process", "--processor", &version.processor]);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    let mut child = command
        .stdin(events.open()?)
        .stdout(Stdio::piped())
        .stderr(words.try_clone().map_err(CompareError::Sort)?)
        .spawn()
        .map_err(|source| CompareError::Start {
            binary: version.binary.clone(),
            source,
        })?;
    let output = child.stdout.take().expect("its output is piped");
    let mut output = BufReader::with_capacity(1 << 18, output);
    let mut text = Vec::new();
    let mut line = 0;
    let read = loop {
        text.clear();
        match output.read_until(b'\n', &mut text) {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(source) => break Err(CompareError::Sort(source)),
        }
        line += 1;
        // A line that was cut off is judged by the exit status, which comes next.
        if text.pop_if(|byte| *byte == b'\n').is_none() {
            break Ok(());
        }
        if let Err(error) = each(&text, line) {
            break Err(error);
        }
    };
    if read.is_err() {
        // It is of no use any more; that it may have ended meanwhile is all the same.
        let _ = child.kill();
    }
    let status = child.wait().map_err(CompareError::Sort)?;
    read?;
    if status.success() {
        return Ok(());
    }
    Err(CompareError::Ended {
        version: version.to_string(),
        status: ended(status),
        outcomes: line,
        words: last_words(&mut words),
    })
}

pub(super) fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

pub(super) fn last_words(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let start = text.len().saturating_sub(WORDS_MAX);
    let start = (start..=text.len()).find(|start| text.is_char_boundary(*start));
    match read {
        Ok(0) | Err(_) => "nothing".to_owned(),
        Ok(_) => text[start.unwrap_or(0)..].trim().to_owned(),
    }
}
