//! Which seeds a run takes.

use crate::cli::RunOptions;
use crate::gate::shard::Shard;
use crate::setup_error::SetupError;

/// Seeds of a run, unless the options say otherwise.
const DEFAULT_COUNT: u64 = 100;

/// The same where real time passes.
const DEFAULT_COUNT_REAL: u64 = 1;

/// The seeds of every scenario, in the order in which they are begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds {
    /// The first.
    pub(crate) first: u64,
    /// How many from there; none: as many as there is time for.
    pub(crate) count: Option<u64>,
    /// Of these, every n-th.
    pub(crate) shard: Shard,
}

impl Seeds {
    /// From the options; where they are silent, from the variables that madsim's own tests heed
    /// (`MADSIM_TEST_SEED`, `MADSIM_TEST_NUM`, read by `variable`); else 1 to 100, or without an
    /// end where there is a time budget. `commit` is the build's.
    pub(crate) fn choose(
        options: &RunOptions,
        commit: Option<&str>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SetupError> {
        let shard = options.shard.unwrap_or_default();
        let from_variables = options.seed.is_none() && options.seeds.is_none();
        let named = |name| match from_variables {
            true => number(name, variable),
            false => Ok(None),
        };
        let (seed, count) = (named("MADSIM_TEST_SEED")?, named("MADSIM_TEST_NUM")?);
        let seeds = |first, count| Self {
            first,
            count,
            shard,
        };
        if let Some(seed) = options.seed {
            return Ok(seeds(seed, Some(1)));
        }
        let unbounded = options.time_budget.is_some();
        let count = options.seeds.or(count);
        let default = match (unbounded, options.real) {
            (true, _) => None,
            (false, true) => Some(DEFAULT_COUNT_REAL),
            (false, false) => Some(DEFAULT_COUNT),
        };
        if options.seed_from_commit {
            return Ok(seeds(seed_of_commit(commit)?, count.or(default)));
        }
        Ok(match seed {
            // As madsim does: a seed alone is one test.
            Some(seed) => seeds(seed, count.or(Some(1))),
            None => seeds(1, count.or(default)),
        })
    }

    /// The seed at this place of the run; none behind the last.
    pub(crate) fn at(&self, index: usize) -> Option<u64> {
        let offset = self.shard.place(index as u64)?;
        let within = self.count.is_none_or(|count| offset < count);
        within.then(|| self.first.checked_add(offset)).flatten()
    }

    /// How many there are; none where only time ends them.
    pub(crate) fn len(&self) -> Option<u64> {
        self.count.map(|count| self.shard.share_of(count))
    }

    /// `100 seeds`, `seeds 37 to 136`, `seeds from 37`.
    pub(crate) fn told(&self) -> String {
        use whitewater::report::number::counted;
        let text = match (self.first, self.count) {
            (1, Some(count)) => counted(count, "seed"),
            (first, Some(1)) => format!("seed {first}"),
            (first, Some(count)) => format!("seeds {first} to {}", first.saturating_add(count - 1)),
            (first, None) => format!("seeds from {first}"),
        };
        match self.shard {
            Shard { of: 1, .. } => text,
            shard => format!("{text} (shard {shard})"),
        }
    }
}

fn number(
    name: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<u64>, SetupError> {
    let Some(text) = variable(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| *number > 0);
    number.map(Some).ok_or_else(|| SetupError::Other {
        message: format!("{name}={text} is no number from 1"),
    })
}

/// The first eight digits of a commit as a number: a sweep of its own for each commit, and the
/// commit alone tells which.
fn seed_of_commit(commit: Option<&str>) -> Result<u64, SetupError> {
    commit
        .and_then(|commit| u64::from_str_radix(commit.get(..8)?, 16).ok())
        .map(|seed| seed.max(1))
        .ok_or_else(|| SetupError::Other {
            message: "--seed-from-commit needs a commit, and this is no git repository".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn options(words: &str) -> RunOptions {
        let words = ["cargo-whitewater", "run"]
            .into_iter()
            .chain(words.split_whitespace());
        match Cli::parse_from(words).command {
            Command::Run(options) => options,
            other => panic!("not a run: {other:?}"),
        }
    }

    fn told(words: &str, variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        match Seeds::choose(&options(words), Some("00000010aa-dirty"), &variable) {
            Ok(seeds) => seeds.told(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn options_come_before_variables_before_the_default() {
        let seed = ("MADSIM_TEST_SEED", "7");
        let count = ("MADSIM_TEST_NUM", "50");
        let lines = [
            told("", &[]),
            told("--seeds 20", &[seed, count]),
            told("--seed 3", &[seed, count]),
            told("", &[count]),
            told("", &[seed]),
            told("", &[seed, count]),
            told("", &[("MADSIM_TEST_NUM", "many")]),
            told("--seed-from-commit", &[]),
            told("--seed-from-commit --seeds 20 --shard 2/4", &[]),
            told("--time-budget 10m", &[]),
            told("--time-budget 90 --seeds 200", &[]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        100 seeds
        20 seeds
        seed 3
        50 seeds
        seed 7
        seeds 7 to 56
        MADSIM_TEST_NUM=many is no number from 1
        seeds 16 to 115
        seeds 16 to 35 (shard 2/4)
        seeds from 1
        200 seeds
        ");
    }

    #[test]
    fn shards_take_every_seed_once() {
        let all = |shard| {
            let seeds = Seeds {
                first: 5,
                count: Some(10),
                shard,
            };
            let taken: Vec<u64> = (0..).map_while(|index| seeds.at(index)).collect();
            assert_eq!(seeds.len(), Some(taken.len() as u64));
            taken
        };
        assert_eq!(all(Shard { number: 1, of: 3 }), [5, 8, 11, 14]);
        assert_eq!(all(Shard { number: 2, of: 3 }), [6, 9, 12]);
        assert_eq!(all(Shard { number: 3, of: 3 }), [7, 10, 13]);
        assert_eq!(all(Shard::default()), (5..15).collect::<Vec<_>>());
    }
}
