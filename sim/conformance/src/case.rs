//! A case: a client program with a name.

use std::borrow::Cow;

use crate::bench::Bench;
use crate::random;

/// A client program and what it is called.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about: the folder of its transcript.
    pub heading: &'static str,
    /// What it shows: the file of its transcript.
    pub name: Cow<'static, str>,
    /// The program.
    pub program: Program,
}

/// A program. It notes what it sees; it panics only if it can't go on.
#[derive(Debug, Clone, Copy)]
pub enum Program {
    /// Written by hand.
    Written(fn(&Bench<'_>)),
    /// Drawn from this seed.
    Drawn(u64),
}

impl Case {
    /// `HEADING/NAME`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.heading, self.name)
    }

    /// The program that this seed draws.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        Self {
            heading: "random",
            name: Cow::Owned(seed.to_string()),
            program: Program::Drawn(seed),
        }
    }

    /// Runs the program.
    pub fn run(&self, bench: &Bench<'_>) {
        match self.program {
            Program::Written(run) => run(bench),
            Program::Drawn(seed) => random::run(bench, seed),
        }
    }
}

/// Names the functions of a file as the cases of a heading.
macro_rules! cases {
    ($heading:literal: $($name:ident),* $(,)?) => {
        /// The cases of this heading.
        pub(super) const CASES: &[crate::case::Case] = &[$(crate::case::Case {
            heading: $heading,
            name: std::borrow::Cow::Borrowed(stringify!($name)),
            program: crate::case::Program::Written($name),
        }),*];
    };
}
pub(crate) use cases;
