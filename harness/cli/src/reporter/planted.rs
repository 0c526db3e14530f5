//! A small run with everything in it, for tests of how it is written down.

use std::path::Path;
use std::time::Duration;

use whitewater::checker::violation::{Violation, ViolationKind};
use whitewater::report::status::{Demands, Status};
use whitewater::report::summary::{Purpose, Summary};
use whitewater::report::tally::Tally;
use whitewater::verdict::{CheckerName, Outcome, Verdict};

use crate::gate::shard::Shard;
use crate::reporter::sink::{Begin, End, FailureEnd, ScenarioEnd, SeedEnd, Sink};

const WALL: Duration = Duration::from_millis(40);

fn verdict(outcome: Outcome) -> Verdict {
    let mut verdict = Verdict::unknown("");
    verdict.outcome = outcome;
    verdict.trace_hash = "9f3c".repeat(8);
    verdict.simulated_ns = 60_000_000_000;
    verdict
}

fn lost() -> Outcome {
    let message = "id \"IBM-000412\" has no row";
    Outcome::of(vec![Violation::new(ViolationKind::Lost, message)])
}

/// Plays the run to a sink: a sweep with a failure, a known one and one without an answer, a
/// negative that is caught, a scenario that proves nothing, one without data, a stale regression.
pub(crate) fn run(sink: &mut dyn Sink) {
    sink.begin(&Begin {
        scenarios: 4,
        regressions: 1,
        seeds: "4 seeds",
        jobs: 2,
        shard: Shard::default(),
        commit: Some("abc"),
        name_width: 19,
    });
    let mut summary = Summary::default();
    let watchdog = Outcome::Unknown {
        why: "the watchdog ended the run:\nit spins".to_owned(),
    };
    let none = Demands::default();
    let negative = Demands {
        caught_by: Some(CheckerName::Completeness),
        ..Demands::default()
    };
    let stale = Status::Stale {
        gone: vec!["fault kill".to_owned()],
    };
    let vacuous = Status::Vacuous {
        probes: vec!["worker.fenced".to_owned()],
    };
    let skipped = Status::Skipped {
        why: "no data: --data DIR or WHITEWATER_DATA".to_owned(),
    };
    let storm = [Outcome::Passed, lost(), lost(), watchdog];
    let passed = [Outcome::Passed];
    let failed = Status::Failed { seed: 2 };
    let parts: [(&str, &Demands, &[Outcome], &Status); 5] = [
        ("regressions/late", &none, &passed, &stale),
        ("fast/storm", &none, &storm, &failed),
        ("negative/no-seen", &negative, &[lost()], &Status::Passed),
        ("fast/quiet", &none, &passed, &vacuous),
        ("fast/real-trades", &none, &[], &skipped),
    ];
    for (name, demands, outcomes, status) in parts {
        let tally = seeds(sink, name, outcomes);
        sink.scenario(&ScenarioEnd {
            name,
            demands,
            tally: &tally,
            status,
            wall: 10 * WALL,
            mended: &[],
        });
        summary.add(status, &tally, Purpose::Search);
        if name == "fast/storm" || demands.caught_by.is_some() {
            failure(sink, name, demands.caught_by.is_some());
        }
    }
    sink.end(&End {
        summary: &summary,
        wall: 100 * WALL,
        interrupted: false,
    });
}

/// The third seed fails as it is known to.
fn seeds(sink: &mut dyn Sink, scenario: &str, outcomes: &[Outcome]) -> Tally {
    let mut tally = Tally::default();
    for (seed, outcome) in (1..).zip(outcomes) {
        let verdict = verdict(outcome.clone());
        let known = (seed == 3).then_some("offsets are lost when the log dir fills");
        match known {
            Some(_) => tally.add_known(seed, &verdict),
            None => tally.add(seed, &verdict),
        }
        sink.seed(&SeedEnd {
            scenario,
            seed,
            verdict: &verdict,
            known,
            wall: WALL,
        });
    }
    tally
}

fn failure(sink: &mut dyn Sink, scenario: &str, caught: bool) {
    sink.failure(&FailureEnd {
        scenario,
        seed: 2,
        violations: lost().violations(),
        folder: Path::new("target/whitewater/failures/storm-2"),
        shrunk: Some(
            "2 workers, 14 records, one kill at 3.2 s (from 9 faults, 1,000 records; 41 runs, 6 s)",
        ),
        replay: "cargo whitewater replay target/whitewater/failures/storm-2",
        caught,
    });
}
