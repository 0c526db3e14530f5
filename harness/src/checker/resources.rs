//! Resources: what a pipeline takes of its host is bounded.
//!
//! - *open files grow*: a process has more and more descriptors open (sockets, locks, files), where
//!   it has long had all that it needs: a leak, which ends in EMFILE. Judged by the most that were
//!   open at once in the first half of a process's life, and in all of it;
//! - *sink grows*: the sinks' files are out of proportion to what was read: a write-ahead log that
//!   no checkpoint ever shortens, a copy of the state with each record.
//!
//! Memory is not judged: the processes of a run share one heap.

use super::observation::{Observation, OpenFiles};
use super::violation::{Violation, ViolationKind};

/// What takes ever more.
#[must_use]
pub fn check(observation: &Observation) -> Vec<Violation> {
    let mut violations = open_files(observation);
    violations.extend(sinks(observation));
    violations
}

/// Half as many again as in the first half, and these: connections that are made anew while the
/// old ones linger are never so many.
const OPEN_FILES_MORE: usize = 16;

/// A life that is shorter has no halves worth comparing.
const LIFE_NS_MIN: u64 = 10_000_000_000;

fn open_files(observation: &Observation) -> Vec<Violation> {
    let mut violations = Vec::new();
    let lives = observation
        .open_files
        .chunk_by(|a, b| a.incarnation == b.incarnation && a.process == b.process);
    for peaks in lives {
        // Peaks rise, so the last is the highest.
        let [first, .., last] = peaks else { continue };
        if last.open <= first.open + OPEN_FILES_MORE {
            continue;
        }
        let (begin_ns, end_ns) = life(observation, first);
        let middle_ns = begin_ns + (end_ns - begin_ns) / 2;
        let until_middle = peaks.iter().rfind(|peak| peak.at_ns <= middle_ns);
        let before = until_middle.map_or(0, |peak| peak.open);
        if end_ns - begin_ns < LIFE_NS_MIN || last.open < before + before / 2 + OPEN_FILES_MORE {
            continue;
        }
        let message = format!(
            "{} open files and sockets at {} s, no more than {before} until {} s",
            last.open,
            last.at_ns / 1_000_000_000,
            middle_ns / 1_000_000_000,
        );
        let violation = Violation::new(ViolationKind::OpenFilesGrow, message);
        violations.push(violation.in_process(&last.process));
    }
    violations
}

/// When a life of a process began and ended.
fn life(observation: &Observation, of: &OpenFiles) -> (u64, u64) {
    let phase = |event: &crate::trace::Event| {
        let is = &*event.kind == "process" && *event.process == *of.process;
        is.then(|| event.text("phase")).flatten().map(str::to_owned)
    };
    let mut starts = 0;
    let mut begin_ns = of.at_ns;
    for event in &observation.trace {
        match phase(event).as_deref() {
            Some("started") => {
                starts += 1;
                if starts == of.incarnation {
                    begin_ns = event.at_ns;
                }
            }
            Some("exited" | "killed" | "power_loss") if starts == of.incarnation => {
                return (begin_ns, event.at_ns.max(begin_ns));
            }
            _ => {}
        }
    }
    let last_ns = observation.trace.last().map_or(0, |event| event.at_ns);
    (begin_ns, last_ns.max(begin_ns))
}

/// What a sink may take whatever it holds: SQLite's write-ahead log is shortened at 4 MiB.
const SINK_BYTES_FREE: u64 = 8 << 20;

/// What a byte of a record may take, in a row, an index, a list of what was seen, a copy in the
/// write-ahead log.
const SINK_BYTES_PER_BYTE: u64 = 20;

fn sinks(observation: &Observation) -> Option<Violation> {
    let taken: u64 = observation.sink_bytes.iter().sum();
    if taken <= SINK_BYTES_FREE {
        return None;
    }
    let records = &observation.log;
    let read: usize = records
        .iter()
        .map(|record| record.payload.len() + record.key.as_ref().map_or(0, Vec::len))
        .sum();
    let allowed = SINK_BYTES_FREE + SINK_BYTES_PER_BYTE * read as u64;
    (taken > allowed).then(|| {
        let message = format!(
            "the sinks take {} KiB for {} records of {} KiB, allowed are {} KiB",
            taken >> 10,
            records.len(),
            read >> 10,
            allowed >> 10
        );
        Violation::new(ViolationKind::SinkGrows, message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::planted;
    use super::*;
    use crate::trace::history::event;

    fn peak(process: &str, incarnation: u64, at_s: u64, open: usize) -> OpenFiles {
        OpenFiles {
            process: process.to_owned(),
            incarnation,
            at_ns: at_s * 1_000_000_000,
            open,
        }
    }

    /// A worker that lives from 0 s to 60 s and, once more, from 61 s to 100 s.
    fn run(open_files: Vec<OpenFiles>) -> Observation {
        let life = |at_s: f64, phase: &str| {
            event(
                at_s * 1e3,
                "worker-1",
                "process",
                &[("phase", phase.into())],
            )
        };
        Observation {
            open_files,
            trace: vec![
                life(0.0, "started"),
                life(60.0, "killed"),
                life(61.0, "started"),
                life(100.0, "exited"),
            ],
            ..planted::right_run()
        }
    }

    #[test]
    fn a_process_that_needs_what_it_needs_is_silent() {
        let peaks = (1..20).map(|open| peak("worker-1", 1, open as u64 / 4, open));
        let later = peak("worker-1", 1, 50, 26);
        assert!(check(&run(peaks.chain([later]).collect())).is_empty());
    }

    #[test]
    fn a_leak_is_named() {
        let peaks = (0..=40).map(|n| peak("worker-1", 1, n as u64 * 3 / 2, 10 + 3 * n));
        let violations = check(&run(peaks.collect()));
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].process.as_deref(), Some("worker-1"));
        insta::assert_snapshot!(violations[0].message, @"130 open files and sockets at 60 s, no more than 70 until 30 s");
    }

    #[test]
    fn each_life_is_judged_by_itself() {
        // More than before the restart, all of it at once.
        let peaks = vec![
            peak("worker-1", 1, 1, 10),
            peak("worker-1", 1, 2, 12),
            peak("worker-1", 2, 62, 50),
            peak("worker-1", 2, 63, 80),
        ];
        assert!(check(&run(peaks)).is_empty());
        let peaks = (0..40).map(|n| peak("worker-1", 2, 61 + n as u64, 10 + 3 * n));
        assert_eq!(check(&run(peaks.collect())).len(), 1);
    }

    #[test]
    fn a_sink_out_of_proportion_is_named() {
        let mut run = planted::right_run();
        run.sink_bytes = vec![4 << 20, 4 << 20];
        assert!(check(&run).is_empty());
        run.sink_bytes.push(1 << 20);
        insta::assert_snapshot!(check(&run)[0].message, @"the sinks take 9216 KiB for 8 records of 0 KiB, allowed are 8193 KiB");
    }
}
