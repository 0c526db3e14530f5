//! The suite as tests, one a case, with libtest's output and filters.
//!
//! `WHITEWATER_RECORD=1` writes down what Apache Kafka gives; other ways refuse to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::bounded::{PATIENCE, bounded};
use crate::case::Case;
use crate::cases;
use crate::differences::Differences;
use crate::verdict::{judge, judge_alone};
use crate::way::Way;

/// Runs a case in its way, for the so manieth time, and returns its transcript.
pub type Run = dyn Fn(&Case, u32) -> Result<String, String> + Send + Sync;

/// Real time passes as it likes on a busy machine, and a program that waits for something not to
/// come can wait too short. What really differs does so every time.
const ATTEMPTS_IN_REAL_TIME: u32 = 3;

/// Cases in real time mostly wait.
const CASES_AT_ONCE_IN_REAL_TIME: usize = 24;

/// What is run.
#[derive(Debug, Clone, Copy)]
pub struct Selection {
    /// In which way.
    pub way: Way,
    /// The cases of these paths only.
    pub only: Option<&'static [&'static str]>,
    /// So many more drawn programs, that have no transcript of Apache Kafka's.
    pub drawn: u64,
}

/// Runs cases as tests.
pub fn run(selection: Selection, run: Arc<Run>) -> ExitCode {
    let way = selection.way;
    let run = bounded(run, PATIENCE);
    let record = std::env::var_os("WHITEWATER_RECORD").is_some_and(|value| value == "1");
    if record && way != Way::RealKafka {
        eprintln!("error: only Apache Kafka's transcripts are recorded");
        return ExitCode::FAILURE;
    }
    let all = cases::all();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let differences = match Differences::read(&folder.join("differences.toml"), &all) {
        Ok(differences) => Arc::new(differences),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let selected = |case: &Case| match selection.only {
        Some(only) => only.contains(&case.path().as_str()),
        None => true,
    };
    let mut trials = Vec::new();
    for case in all.into_iter().filter(selected) {
        let (run, differences) = (Arc::clone(&run), Arc::clone(&differences));
        let expected = folder.join("expected").join(case.path() + ".txt");
        trials.push(Trial::test(case.path(), move || {
            if record {
                return write(&expected, &run(&case, 1)?).map_err(Failed::from);
            }
            let kafka = fs::read_to_string(&expected)
                .map_err(|error| format!("{}: {error}", expected.display()))?;
            let known = differences.of(&case.path(), way);
            let attempt = |number| judge(&kafka, known, &run(&case, number)?).map_err(Failed::from);
            let attempts = match way {
                Way::Simulated => 1,
                Way::Served | Way::RealKafka => ATTEMPTS_IN_REAL_TIME,
            };
            (2..=attempts).fold(attempt(1), |outcome, number| {
                outcome.or_else(|_: Failed| attempt(number))
            })
        }));
    }
    if selection.drawn > 0 {
        trials.push(without_transcripts(selection.drawn, run));
    }
    let mut arguments = Arguments::from_args();
    if way != Way::Simulated {
        let threads = &mut arguments.test_threads;
        threads.get_or_insert(CASES_AT_ONCE_IN_REAL_TIME);
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Drawn programs that are held against what every transcript shows alike.
fn without_transcripts(count: u64, run: Arc<Run>) -> Trial {
    Trial::test(format!("random/{count}_without_transcripts"), move || {
        for seed in (1..=count).map(|number| cases::DRAWN + number) {
            run(&Case::drawn(seed), 1)
                .and_then(|given| judge_alone(&given).map_err(|error| error.to_string()))
                .map_err(|error| format!("random/{seed}: {error}"))?;
        }
        Ok(())
    })
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
