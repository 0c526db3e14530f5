//! Sorting outcomes that need not fit into memory: sorted runs in temporary files, then one merge.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use whitewater::compare::outcome::Outcome;

use super::error::CompareError;

/// How much is held in memory before it becomes a run, by default.
pub(crate) const MEMORY_MAX: usize = 96 << 20;
/// What an outcome takes besides its texts.
const OVERHEAD: usize = 96;
const READ_BUFFER: usize = 1 << 16;

/// Takes outcomes in any order.
pub(crate) struct Sorter {
    held: Vec<Outcome>,
    bytes: usize,
    memory_max: usize,
    runs: Vec<File>,
}

impl Sorter {
    pub(crate) fn new(memory_max: usize) -> Self {
        Self {
            held: Vec::new(),
            bytes: 0,
            memory_max,
            runs: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, outcome: Outcome) -> io::Result<()> {
        // The text holds the id once more.
        self.bytes += 2 * outcome.text.len() + OVERHEAD;
        self.held.push(outcome);
        if self.bytes >= self.memory_max {
            self.write_run()?;
        }
        Ok(())
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.held.sort_unstable_by(Outcome::order);
        let mut run = BufWriter::with_capacity(1 << 18, tempfile::tempfile()?);
        for outcome in self.held.drain(..) {
            run.write_all(&outcome.text)?;
            run.write_all(b"\n")?;
        }
        let mut run = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        run.rewind()?;
        self.runs.push(run);
        self.bytes = 0;
        Ok(())
    }

    /// Everything that was taken, in order. Unless all of it fits, memory is given back first.
    pub(crate) fn finish(mut self) -> Result<Sorted, CompareError> {
        if !self.runs.is_empty() && !self.held.is_empty() {
            self.write_run().map_err(CompareError::Sort)?;
        }
        self.held.sort_unstable_by(Outcome::order);
        let mut sorted = Sorted {
            held: self.held.into_iter(),
            runs: self
                .runs
                .into_iter()
                .map(|run| BufReader::with_capacity(READ_BUFFER, run))
                .collect(),
            heads: BinaryHeap::new(),
        };
        for run in 0..sorted.runs.len() {
            sorted.read_head(run)?;
        }
        Ok(sorted)
    }
}

/// Sorted outcomes.
pub(crate) struct Sorted {
    held: std::vec::IntoIter<Outcome>,
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<Head>>,
}

/// The next outcome of a run.
struct Head {
    outcome: Outcome,
    run: usize,
}

impl Sorted {
    fn read_head(&mut self, run: usize) -> Result<(), CompareError> {
        let mut text = Vec::new();
        let read = self.runs[run]
            .read_until(b'\n', &mut text)
            .map_err(CompareError::Sort)?;
        if read > 0 {
            text.pop_if(|byte| *byte == b'\n');
            let outcome = Outcome::parse(&text)?;
            self.heads.push(Reverse(Head { outcome, run }));
        }
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = Result<Outcome, CompareError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(Reverse(head)) = self.heads.pop() else {
            return self.held.next().map(Ok);
        };
        Some(self.read_head(head.run).map(|()| head.outcome))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.outcome
            .order(&other.outcome)
            .then(self.run.cmp(&other.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(number: u64) -> Outcome {
        let text = if number.is_multiple_of(7) {
            format!(r#"{{"line":{number},"filtered":true}}"#)
        } else {
            let id = number * 7_919 % 101;
            format!(r#"{{"line":{number},"id":"{id}","columns":{{}}}}"#)
        };
        Outcome::parse(text.as_bytes()).expect("an outcome")
    }

    #[test]
    fn runs_merge_into_the_order_of_a_sort_in_memory() {
        let mut expected: Vec<Outcome> = (1..500).map(outcome).collect();
        expected.sort_by(Outcome::order);
        for memory_max in [1, 1_000, 20_000, usize::MAX] {
            let mut sorter = Sorter::new(memory_max);
            for number in 1..500 {
                sorter.push(outcome(number)).expect("room");
            }
            assert_eq!(sorter.runs.is_empty(), memory_max == usize::MAX);
            let sorted = sorter.finish().expect("sorted");
            let sorted: Result<Vec<Outcome>, _> = sorted.collect();
            assert_eq!(sorted.expect("read back"), expected);
        }
    }
}
