//! GitHub Actions: a job summary in Markdown (`GITHUB_STEP_SUMMARY`), and annotations where a
//! reviewer sees them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use whitewater::report::failure::{Failure, headline};
use whitewater::report::number::counted;
use whitewater::report::status::Status;
use whitewater::report::style::Style;

use crate::console;
use crate::reporter::sink::{End, FailureEnd, ScenarioEnd, Sink};

/// GitHub shows so many annotations of a step, and drops the others without a word.
const ANNOTATIONS_MAX: usize = 10;

/// A step's summary may have 1 MiB; so many stories fit, and nobody reads more.
const STORIES_MAX: usize = 20;

/// Collects what the summary and the annotations say.
#[derive(Debug, Default)]
pub(crate) struct GitHub {
    summary: Option<PathBuf>,
    annotates: bool,
    rows: Vec<String>,
    stories: Vec<String>,
    annotations: Vec<String>,
}

impl GitHub {
    /// Where a workflow runs; none elsewhere.
    pub(crate) fn detect(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let summary = variable("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        let annotates = variable("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        (summary.is_some() || annotates).then(|| Self {
            summary: summary.map(PathBuf::from),
            annotates,
            ..Self::default()
        })
    }

    fn markdown(&self, run: &End<'_>) -> String {
        let mut text =
            String::from("### Whitewater\n\n| | scenario | seeds | |\n|---|---|---:|---|\n");
        for row in &self.rows {
            let _ = writeln!(text, "{row}");
        }
        let summary = run.summary.render(run.wall, run.interrupted, Style::Plain);
        let _ = writeln!(text, "\n```text\n{summary}\n```");
        for story in self.stories.iter().take(STORIES_MAX) {
            let _ = writeln!(text, "\n{story}");
        }
        let more = self.stories.len().saturating_sub(STORIES_MAX);
        if more > 0 {
            let _ = writeln!(
                text,
                "\n{} more: see the log.",
                counted(more as u64, "failure")
            );
        }
        text
    }

    /// The workflow commands, one a line.
    fn commands(&self) -> Vec<String> {
        let mut shown: Vec<String> = self.annotations.clone();
        if shown.len() > ANNOTATIONS_MAX {
            let more = shown.len() - (ANNOTATIONS_MAX - 1);
            shown.truncate(ANNOTATIONS_MAX - 1);
            let text = format!(
                "{} more: see the job summary",
                counted(more as u64, "failure")
            );
            shown.push(command("whitewater", &text));
        }
        shown
    }
}

impl Sink for GitHub {
    fn scenario(&mut self, scenario: &ScenarioEnd<'_>) {
        let (mark, seeds) = (mark(scenario.status), scenario.tally.seeds);
        let text = match scenario.status {
            Status::Failed { seed } => {
                let found = scenario
                    .tally
                    .failed
                    .iter()
                    .find(|(failed, _)| failed == seed);
                let found = found.map_or_else(String::new, |(_, violations)| headline(violations));
                format!("seed {seed}: {found}")
            }
            other => other.sentence(),
        };
        let line = text.lines().next().unwrap_or_default().replace('|', "\\|");
        self.rows
            .push(format!("| {mark} | {} | {seeds} | {line} |", scenario.name));
        if is_bad(scenario.status) {
            self.annotations.push(command(scenario.name, &text));
        }
    }

    fn failure(&mut self, failure: &FailureEnd<'_>) {
        if failure.caught {
            return;
        }
        let saved = failure.folder.display().to_string();
        let block = Failure {
            scenario: failure.scenario,
            seed: failure.seed,
            violations: failure.violations,
            shrunk: failure.shrunk,
            saved: Some(&saved),
            replay: failure.replay,
        };
        let title = format!("{} seed {}", failure.scenario, failure.seed);
        let text = block.render(Style::Plain);
        self.stories.push(format!(
            "<details><summary>{title}</summary>\n\n```text\n{text}\n```\n</details>"
        ));
    }

    fn end(&mut self, run: &End<'_>) {
        if self.annotates {
            // Stdout may be read by a program; the workflow runner reads both.
            for line in self.commands() {
                eprintln!("{line}");
            }
        }
        let Some(path) = &self.summary else { return };
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        let written = file.and_then(|mut file| file.write_all(self.markdown(run).as_bytes()));
        if let Err(error) = written {
            console::status(
                "Warning",
                &format!("can't write {}: {error}", path.display()),
            );
        }
    }
}

fn mark(status: &Status) -> &'static str {
    match status {
        Status::Passed => "✅",
        Status::Skipped { .. } | Status::Part { .. } => "⏭️",
        Status::Unknown { .. } => "❔",
        _ => "❌",
    }
}

fn is_bad(status: &Status) -> bool {
    !matches!(
        status,
        Status::Passed | Status::Skipped { .. } | Status::Part { .. }
    )
}

/// An error annotation. Escapes as GitHub's own toolkit does (actions/toolkit, command.ts).
fn command(title: &str, message: &str) -> String {
    let data = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!("::error title={}::{}", property(title), data(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reporter::planted;

    fn github() -> GitHub {
        GitHub {
            annotates: false,
            ..GitHub::default()
        }
    }

    #[test]
    fn the_job_summary_shows_what_failed_and_how_to_replay_it() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("summary.md");
        let mut sink = GitHub {
            summary: Some(path.clone()),
            ..github()
        };
        planted::run(&mut sink);
        insta::assert_snapshot!(std::fs::read_to_string(path).expect("written"));
        insta::assert_snapshot!(sink.commands().join("\n"), @r"
        ::error title=regressions/late::stale: no more fault kill
        ::error title=fast/storm::seed 2: completeness: 1 record lost
        ::error title=fast/quiet::proves nothing: no seed reached worker.fenced
        ");
    }

    #[test]
    fn at_most_ten_annotations() {
        let mut sink = github();
        sink.annotations = (0..25)
            .map(|n| command("fast/x", &format!("seed {n}")))
            .collect();
        let shown = sink.commands();
        assert_eq!(shown.len(), ANNOTATIONS_MAX);
        assert_eq!(
            shown.last().map(String::as_str),
            Some("::error title=whitewater::16 failures more: see the job summary")
        );
    }

    #[test]
    fn only_a_workflow_gets_them() {
        let variables = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), value.to_owned());
            GitHub::detect(&move |asked| (asked == name).then(|| value.clone())).is_some()
        };
        assert!(variables("GITHUB_ACTIONS", "true"));
        assert!(variables("GITHUB_STEP_SUMMARY", "/tmp/summary"));
        assert!(!variables("GITHUB_ACTIONS", "false"));
        assert!(!variables("CI", "true"));
    }
}
