//! The first line of a replay, and its end.

use super::failure::{found, headline};
use super::number::grouped;
use super::style::{Style, Tone};
use crate::plan::{Plan, Source};
use crate::trace::story::Time;
use crate::verdict::{Outcome, Verdict};

/// What the plan decided, as the first line of its story.
#[must_use]
pub fn plan_line(plan: &Plan) -> String {
    let plural =
        |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let workers = plan.workers.iter().filter(|worker| worker.at_start).count();
    let topics: Vec<String> = plan
        .topics
        .iter()
        .map(|topic| format!("topic {} {} partitions", topic.name, topic.partitions))
        .collect();
    let records = match &plan.load.source {
        Source::Generator { records, .. } => format!("{} records", grouped(*records)),
        Source::File {
            name, skip, take, ..
        } => {
            format!("{} rows of {name} after {}", grouped(*take), grouped(*skip))
        }
    };
    format!(
        "{}  {:<9}  {}, {} on {}, {}, {records}, {}, seed {}",
        Time(0),
        "plan",
        plural(plan.cluster.brokers as usize, "broker"),
        plural(workers, "worker"),
        plan.worker_hosts().join(", "),
        topics.join(", "),
        plural(plan.faults.len(), "fault"),
        plan.seed
    )
}

/// How the replay ended: what was found and the step that went wrong, then the verdict.
#[must_use]
pub fn end(replayed: &Verdict, saved_hash: Option<&str>, style: Style) -> String {
    let violations = replayed.outcome.violations();
    let mut lines = found(violations, style);
    if !lines.is_empty() {
        // The story above and what it comes to are two things.
        lines.insert(0, String::new());
    }
    lines.push(verdict_line(replayed, saved_hash, style));
    lines.join("\n")
}

/// How the replay ended in a word, and whether its history is the saved one.
fn verdict_line(replayed: &Verdict, saved_hash: Option<&str>, style: Style) -> String {
    let (tone, found) = match &replayed.outcome {
        Outcome::Passed => (Tone::Good, "passed".to_owned()),
        Outcome::Failed { violations } => (Tone::Bad, headline(violations)),
        Outcome::Unknown { why } => (Tone::Doubtful, format!("unknown: {why}")),
    };
    let short = |hash: &str| match (hash.get(..4), hash.get(28..)) {
        (Some(begin), Some(end)) => format!("{begin}…{end}"),
        _ => "none".to_owned(),
    };
    let hash = short(&replayed.trace_hash);
    let compared = match saved_hash {
        None => format!("trace {hash}"),
        Some(saved) if saved == replayed.trace_hash => format!("trace {hash} as saved"),
        Some(saved) => format!("trace {hash} differs from the saved {}", short(saved)),
    };
    style.line(tone, "verdict", &format!("{found} · {compared}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::violation::{RecordRef, Violation, ViolationKind};
    use crate::explain::{Explanation, Step};
    use crate::pipeline_under_test::RecordPosition;

    #[test]
    fn the_end_names_the_record_and_the_wrong_step_before_the_verdict() {
        let mut lost =
            Violation::new(ViolationKind::Lost, "id \"IBM-000412\" has no row").about(RecordRef {
                position: Some(RecordPosition {
                    topic: "trades".to_owned(),
                    partition: 3,
                    offset: 412,
                }),
                id: Some("IBM-000412".to_owned()),
                acknowledged_at_ns: Some(12_204_000_000),
            });
        lost.explanation = Some(Explanation {
            because: vec![Step {
                at_ns: 12_934_000_000,
                who: "FAULT".to_owned(),
                what: "kill worker-2".to_owned(),
            }],
            wrong_step: Some("worker-2 committed offset 450 before any sink commit".to_owned()),
        });
        let mut verdict = Verdict::unknown("");
        verdict.outcome = Outcome::of(vec![lost]);
        verdict.trace_hash = "9f3c".to_owned() + &"0".repeat(24) + "00e1";
        insta::assert_snapshot!(end(&verdict, Some(&verdict.trace_hash), Style::Plain).trim_start_matches('\n'), @r#"
            lost  trades-3@412  id "IBM-000412", acknowledged to its producer at 12.204 s
        promised  an acknowledged record is a result, a duplicate, filtered or quarantined
         because  12.934 s  FAULT      kill worker-2
           wrong  worker-2 committed offset 450 before any sink commit
         verdict  completeness: 1 record lost · trace 9f3c…00e1 as saved
        "#);
    }

    #[test]
    fn the_last_line_says_whether_the_history_is_the_saved_one() {
        let mut saved = Verdict::unknown("");
        saved.outcome = Outcome::of(vec![Violation::new(ViolationKind::Lost, "lost")]);
        saved.trace_hash = "9f3c".to_owned() + &"0".repeat(24) + "00e1";
        let mut other = saved.clone();
        other.trace_hash = "1111".to_owned() + &"0".repeat(28);
        let lines = [
            verdict_line(&saved, Some(&saved.trace_hash), Style::Plain),
            verdict_line(&other, Some(&saved.trace_hash), Style::Plain),
            verdict_line(&saved, None, Style::Plain),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        verdict  completeness: 1 record lost · trace 9f3c…00e1 as saved
        verdict  completeness: 1 record lost · trace 1111…0000 differs from the saved 9f3c…00e1
        verdict  completeness: 1 record lost · trace 9f3c…00e1
        ");
    }
}
