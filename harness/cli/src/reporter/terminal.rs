//! Lines for people.

use whitewater::report::failure::Failure;
use whitewater::report::number::counted;
use whitewater::report::status::ScenarioLine;
use whitewater::report::style::{Style, Tone};

use crate::console;
use crate::reporter::sink::{Begin, End, FailureEnd, ScenarioEnd, Sink};

/// Prints what people read to stdout.
#[derive(Debug)]
pub(crate) struct Terminal {
    style: Style,
    name_width: usize,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self {
            style: console::style(&std::io::stdout()),
            name_width: 0,
        }
    }
}

impl Sink for Terminal {
    fn begin(&mut self, run: &Begin<'_>) {
        self.name_width = run.name_width;
        console::status("Running", &running(run));
    }

    fn scenario(&mut self, scenario: &ScenarioEnd<'_>) {
        let line = ScenarioLine {
            name: scenario.name,
            name_width: self.name_width,
            demands: scenario.demands,
            tally: scenario.tally,
            status: scenario.status,
            wall: scenario.wall,
        };
        println!("{}", line.render(self.style));
        for mended in scenario.mended {
            println!("{}", self.style.line(Tone::Doubtful, "MENDED", mended));
        }
    }

    fn failure(&mut self, failure: &FailureEnd<'_>) {
        let saved = failure.folder.display().to_string();
        let block = Failure {
            scenario: failure.scenario,
            seed: failure.seed,
            violations: failure.violations,
            shrunk: failure.shrunk,
            saved: Some(&saved),
            replay: failure.replay,
        };
        // A seed without an answer has said why in its line.
        let text = match (block.violations.is_empty(), failure.caught) {
            (true, _) => block.render_saved(self.style),
            (false, true) => block.render_caught(self.style),
            (false, false) => block.render(self.style),
        };
        println!("{text}");
    }

    fn end(&mut self, run: &End<'_>) {
        println!(
            "{}",
            run.summary.render(run.wall, run.interrupted, self.style)
        );
    }
}

fn running(run: &Begin<'_>) -> String {
    let jobs = counted(run.jobs as u64, "job");
    let mut parts = Vec::new();
    if run.regressions > 0 {
        parts.push(counted(run.regressions as u64, "regression"));
    }
    if run.scenarios > 0 {
        let scenarios = counted(run.scenarios as u64, "scenario");
        parts.push(format!("{scenarios} x {}", run.seeds));
    }
    format!("{}, {jobs}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shard::Shard;

    #[test]
    fn the_first_line_says_what_runs() {
        let run = Begin {
            scenarios: 7,
            regressions: 0,
            seeds: "100 seeds",
            jobs: 2,
            shard: Shard::default(),
            commit: None,
            name_width: 0,
        };
        let lines = [
            running(&run),
            running(&Begin {
                regressions: 2,
                jobs: 1,
                ..run
            }),
            running(&Begin {
                regressions: 1,
                scenarios: 0,
                ..run
            }),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        7 scenarios x 100 seeds, 2 jobs
        2 regressions, 7 scenarios x 100 seeds, 1 job
        1 regression, 2 jobs
        ");
    }
}
