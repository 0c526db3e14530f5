//! Sorted outcomes read as groups: everything one version says about one message id.

use std::iter::Peekable;

use super::outcome::{Outcome, Subject};

/// All outcomes of one subject: the first is what counts, as in the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The outcome of the first event.
    pub first: Outcome,
    /// Further events with the same id and payload.
    pub duplicates: u64,
    /// Further events with the same id and another payload.
    pub conflicts: u64,
}

impl Group {
    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.first.subject
    }
}

/// Reads groups from outcomes that are sorted by [`Outcome::order`].
pub struct Groups<I: Iterator> {
    outcomes: Peekable<I>,
}

impl<I: Iterator<Item = Result<Outcome, E>>, E> Groups<I> {
    /// Groups sorted outcomes.
    pub fn new(outcomes: I) -> Self {
        Self {
            outcomes: outcomes.peekable(),
        }
    }
}

impl<I: Iterator<Item = Result<Outcome, E>>, E> Iterator for Groups<I> {
    type Item = Result<Group, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = match self.outcomes.next()? {
            Ok(first) => first,
            Err(error) => return Some(Err(error)),
        };
        let mut group = Group {
            first,
            duplicates: 0,
            conflicts: 0,
        };
        let mut digest = None;
        while let Some(Ok(next)) = self
            .outcomes
            .next_if(|next| matches!(next, Ok(next) if next.subject == group.first.subject))
        {
            let first = digest.get_or_insert_with(|| group.first.digest());
            if *first == next.digest() {
                group.duplicates += 1;
            } else {
                group.conflicts += 1;
            }
        }
        Some(Ok(group))
    }
}
