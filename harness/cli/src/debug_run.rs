//! One plan in one process, as a debugger wants it: no fork, no escape trap, no watchdog.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;
use whitewater::plan::Plan;
use whitewater::runner_protocol::{DEBUG_VARIABLE, DebugRequest};
use whitewater::verdict::Verdict;

use crate::failure::{OUTPUT, VERDICT, shown, write_json};
use crate::setup_error::SetupError;

const REQUEST: &str = "debug.json";

/// A runner that executes one plan and ends.
pub(crate) struct DebugRun<'r> {
    pub(crate) runner: &'r Path,
    /// Where request, verdict and output go.
    pub(crate) folder: &'r Path,
}

impl DebugRun<'_> {
    /// Writes the request, and executes it once without a debugger: what one will see. A runner that
    /// leaves no verdict leaves the seed without an answer.
    pub(crate) fn run(
        &self,
        plan: &Plan,
        data: Option<&Path>,
        trace: &Path,
    ) -> Result<Verdict, SetupError> {
        let verdict = self.folder.join(VERDICT);
        let request = DebugRequest {
            plan: Box::new(plan.clone()),
            data: data.map(Into::into),
            trace: trace.into(),
            verdict: verdict.clone(),
        };
        write_json(&self.request(), &request)?;
        for old in [&verdict, trace] {
            // What an earlier run left must not pass for this one's.
            let _ = std::fs::remove_file(old);
        }
        let output = self.folder.join(OUTPUT);
        let write = |source| SetupError::Write {
            path: output.clone(),
            source,
        };
        let file = File::create(&output).map_err(write)?;
        let status = Command::new(self.runner)
            .env(DEBUG_VARIABLE, self.request())
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(write)?)
            .stderr(file)
            .status()
            .map_err(|source| SetupError::Spawn {
                program: self.runner.display().to_string(),
                source,
            })?;
        Ok(read(&verdict).unwrap_or_else(|| {
            let output = shown(&output);
            Verdict::unknown(format!("no verdict ({status}); see {}", output.display()))
        }))
    }

    /// The command that runs the same under a debugger.
    pub(crate) fn command(&self) -> String {
        let word = |path: &Path| {
            let text = shown(path).display().to_string();
            // A word of the shell, also where a folder's name has a space.
            match text.contains(|c: char| !c.is_ascii_alphanumeric() && !"/._-+".contains(c)) {
                true => format!("'{}'", text.replace('\'', "'\\''")),
                false => text,
            }
        };
        let (request, runner) = (word(&self.request()), word(self.runner));
        format!("{DEBUG_VARIABLE}={request} rust-gdb {runner}")
    }

    fn request(&self) -> PathBuf {
        self.folder.join(REQUEST)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_that_a_shell_reads() {
        let run = DebugRun {
            runner: Path::new("/a b/it's/runner"),
            folder: Path::new("/target/replay"),
        };
        assert_eq!(
            run.command(),
            r"WHITEWATER_DEBUG=/target/replay/debug.json rust-gdb '/a b/it'\''s/runner'"
        );
    }

    #[test]
    fn a_runner_that_leaves_no_verdict_leaves_no_answer() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let run = DebugRun {
            runner: Path::new("/bin/false"),
            folder: folder.path(),
        };
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../scenarios/fast/steady.toml"
        ));
        let scenario = whitewater::scenario::Scenario::parse(
            "fast/steady",
            "steady.toml",
            &text.expect("text"),
        );
        let plan = Plan::draw(&scenario.expect("a scenario"), 1);
        std::fs::write(folder.path().join(VERDICT), "{}").expect("written");
        let verdict = run.run(&plan, None, &folder.path().join("trace.jsonl"));
        let outcome = format!("{:?}", verdict.expect("it ran").outcome);
        assert!(outcome.contains("no verdict (exit status: 1)"), "{outcome}");
    }
}
