//! The comparison itself: three sorted streams of groups, read once, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use indexmap::IndexMap;
use rust_decimal::Decimal;

use super::cell::{Cell, Compared, compare as compare_cells};
use super::difference::{Change, Difference, Pair, Repeats};
use super::group::Group;
use super::outcome::{OutcomeError, Subject, What};
use super::summary::{Largest, Summary, Version};

/// How many of the worst differences are kept, and how many of each other kind.
const WORST_MAX: usize = 10;
const OTHERS_MAX: usize = 3;

/// How to compare.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How far apart numbers may be, in columns that are not named in `tolerances`.
    pub tolerance: Option<Decimal>,
    /// The same for single columns.
    pub tolerances: BTreeMap<String, Decimal>,
    /// Columns not to compare.
    pub ignore: BTreeSet<String>,
    /// Ends after so many differences.
    pub stop_after: Option<u64>,
}

/// Compares sorted groups of the old version, of the old version again, where it said something
/// else the second time, and of the new version. `tell` gets every difference, in the order of ids.
///
/// # Errors
/// What the streams or `tell` return.
pub fn compare<E: From<OutcomeError>>(
    settings: &Settings,
    old: impl Iterator<Item = Result<Group, E>>,
    old_again: Option<impl Iterator<Item = Result<Group, E>>>,
    new: impl Iterator<Item = Result<Group, E>>,
    mut tell: impl FnMut(&Difference) -> Result<(), E>,
) -> Result<Summary, E> {
    let mut comparison = Comparison {
        settings,
        summary: Summary::default(),
        columns_named: false,
        equal_rows: 0,
        worst: Vec::new(),
        others: Vec::new(),
    };
    let (mut old, mut new) = (old.peekable(), new.peekable());
    let mut again = old_again.map(Iterator::peekable);
    loop {
        let next = [
            subject(&mut old)?,
            subject(&mut new)?,
            match &mut again {
                Some(again) => subject(again)?,
                None => None,
            },
        ];
        let Some(next) = next.into_iter().flatten().min() else {
            break;
        };
        let old_group = take(&mut old, &next)?;
        let again_group = match &mut again {
            Some(again) => take(again, &next)?,
            None => old_group.clone(),
        };
        let new_group = take(&mut new, &next)?;
        let sides = Sides {
            old: Side::read(old_group.as_ref())?,
            again: Side::read(again_group.as_ref())?,
            new: Side::read(new_group.as_ref())?,
        };
        if let Some(difference) = comparison.judge(&next, &sides) {
            tell(&difference)?;
            comparison.keep(difference);
            let found = comparison.summary.differences();
            if settings
                .stop_after
                .is_some_and(|stop_after| found >= stop_after)
            {
                comparison.summary.stopped_early = true;
                break;
            }
        }
    }
    Ok(comparison.finish())
}

type Stream<I> = Peekable<I>;

fn subject<E>(
    stream: &mut Stream<impl Iterator<Item = Result<Group, E>>>,
) -> Result<Option<Subject>, E> {
    match stream.peek() {
        Some(Ok(group)) => Ok(Some(group.subject().clone())),
        Some(Err(_)) => match stream.next() {
            Some(Err(error)) => Err(error),
            _ => Ok(None),
        },
        None => Ok(None),
    }
}

fn take<E>(
    stream: &mut Stream<impl Iterator<Item = Result<Group, E>>>,
    subject: &Subject,
) -> Result<Option<Group>, E> {
    let is_next =
        |group: &Result<Group, E>| matches!(group, Ok(group) if group.subject() == subject);
    stream.next_if(is_next).transpose()
}

/// What one version says about one subject.
struct Side {
    line: Option<u64>,
    what: Option<What>,
    repeats: Repeats,
}

struct Sides {
    old: Side,
    again: Side,
    new: Side,
}

impl Side {
    fn read(group: Option<&Group>) -> Result<Self, OutcomeError> {
        Ok(match group {
            None => Self {
                line: None,
                what: None,
                repeats: Repeats::default(),
            },
            Some(group) => Self {
                line: Some(group.first.line),
                what: Some(group.first.what()?),
                repeats: Repeats {
                    duplicates: group.duplicates,
                    conflicts: group.conflicts,
                },
            },
        })
    }

    /// In one word, for events without a row.
    fn word(&self) -> String {
        match &self.what {
            None => "nothing".to_owned(),
            Some(What::Filtered) => "filtered".to_owned(),
            Some(What::Quarantined { cause, detail }) if detail.is_empty() => {
                format!("quarantined: {cause}")
            }
            Some(What::Quarantined { cause, detail }) => {
                format!("quarantined: {cause}, {detail}")
            }
            Some(What::Row(_)) => "a row".to_owned(),
        }
    }

    fn count(&self, into: &mut Version) {
        match &self.what {
            None => return,
            Some(What::Row(_)) => into.rows += 1,
            Some(What::Filtered) => into.filtered += 1,
            Some(What::Quarantined { cause, .. }) => {
                *into.quarantined.entry(cause.clone()).or_default() += 1;
            }
        }
        into.duplicates += self.repeats.duplicates;
        into.conflicts += self.repeats.conflicts;
    }
}

struct Comparison<'s> {
    settings: &'s Settings,
    summary: Summary,
    columns_named: bool,
    /// Rows whose every column is the same; they are added to the columns at the end.
    equal_rows: u64,
    worst: Vec<Difference>,
    others: Vec<Difference>,
}

impl Comparison<'_> {
    /// Counts one subject, and says what differs.
    fn judge(&mut self, subject: &Subject, sides: &Sides) -> Option<Difference> {
        let Sides { old, again, new } = sides;
        let line = old.line.or(new.line).or(again.line).unwrap_or(0);
        old.count(&mut self.summary.old);
        new.count(&mut self.summary.new);
        self.summary.compared += 1;
        let id = match subject {
            Subject::Row(id) => Some(id.clone()),
            Subject::Event(_) => None,
        };
        let steady = old.what == again.what && old.repeats == again.repeats;
        if !steady {
            self.summary.noise += 1;
        }
        let change = match (&old.what, &new.what) {
            (Some(What::Row(old_row)), Some(What::Row(new_row))) => {
                let again_row = match &again.what {
                    Some(What::Row(again)) => Some(again),
                    _ => None,
                };
                let rows = [old_row, again_row.unwrap_or(old_row), new_row];
                self.row(id.as_deref().unwrap_or_default(), line, rows)
            }
            (Some(What::Row(columns)), None) if steady => {
                self.summary.only_in_old += 1;
                Some(Change::OnlyInOld {
                    columns: columns.clone(),
                })
            }
            (None, Some(What::Row(columns))) if steady => {
                self.summary.only_in_new += 1;
                Some(Change::OnlyInNew {
                    columns: columns.clone(),
                })
            }
            // One of them has a row of this event: that row is the difference.
            (None, _) | (_, None) => None,
            (before, after) if before != after && steady => {
                self.summary.outcomes_differing += 1;
                Some(Change::Outcome {
                    old: old.word(),
                    new: new.word(),
                })
            }
            _ => None,
        };
        let change = change.or_else(|| {
            let both = old.what.is_some() && new.what.is_some();
            (both && steady && old.repeats != new.repeats).then(|| {
                self.summary.repeats_differing += 1;
                Change::Repeats {
                    old: old.repeats,
                    new: new.repeats,
                }
            })
        })?;
        Some(Difference {
            id,
            line,
            change,
            event: None,
        })
    }

    /// Compares the old, the repeated old and the new row.
    fn row(
        &mut self,
        id: &str,
        line: u64,
        [old, again, new]: [&IndexMap<String, Cell>; 3],
    ) -> Option<Change> {
        self.summary.matched += 1;
        if !self.columns_named {
            self.columns_named = true;
            for name in old.keys().chain(new.keys()) {
                let ignored = self.settings.ignore.contains(name);
                self.summary
                    .columns
                    .entry(name.clone())
                    .or_default()
                    .ignored = ignored;
            }
        }
        if old == new && old == again && old.len() == self.summary.columns.len() {
            self.equal_rows += 1;
            return None;
        }
        for name in new.keys().chain(old.keys()) {
            self.column(name);
        }
        let mut differing = IndexMap::new();
        let names: Vec<String> = self.summary.columns.keys().cloned().collect();
        for name in names {
            if self.settings.ignore.contains(&name) {
                continue;
            }
            let cell = |row: &IndexMap<String, Cell>| row.get(&name).cloned().unwrap_or(Cell::Null);
            let (before, after) = (cell(old), cell(new));
            let tolerance = self.settings.tolerances.get(&name).copied();
            let tolerance = tolerance.or(self.settings.tolerance);
            let compared = compare_cells(&before, &after, tolerance);
            let noisy = compare_cells(&before, &cell(again), tolerance) != Compared::Equal;
            let column = self.column(&name);
            let by = match compared {
                _ if noisy => {
                    column.noise += 1;
                    continue;
                }
                Compared::Equal => {
                    column.equal += 1;
                    continue;
                }
                Compared::NullInOne => {
                    column.null_in_one += 1;
                    None
                }
                Compared::Differ { by } => {
                    column.differing += 1;
                    by
                }
            };
            let pair = Pair {
                old: before,
                new: after,
                by,
            };
            if column
                .largest
                .as_ref()
                .is_none_or(|largest| by > largest.by())
            {
                column.largest = Some(Largest {
                    id: id.to_owned(),
                    line,
                    pair: pair.clone(),
                });
            }
            differing.insert(name, pair);
        }
        if differing.is_empty() {
            return None;
        }
        self.summary.differing += 1;
        Some(Change::Differs { columns: differing })
    }

    /// A column, counted from the first row on even if it turns up late.
    fn column(&mut self, name: &str) -> &mut super::summary::Column {
        let ignored = self.settings.ignore.contains(name);
        let column = self.summary.columns.entry(name.to_owned()).or_default();
        column.ignored = ignored;
        column
    }

    /// Keeps the largest differences, and a few of each other kind.
    fn keep(&mut self, difference: Difference) {
        if !matches!(difference.change, Change::Differs { .. }) {
            let same = |other: &&Difference| other.kind() == difference.kind();
            if self.others.iter().filter(same).count() < OTHERS_MAX {
                self.others.push(difference);
            }
            return;
        }
        let rank = difference.rank();
        let place = self.worst.iter().position(|other| other.rank() < rank);
        self.worst
            .insert(place.unwrap_or(self.worst.len()), difference);
        self.worst.truncate(WORST_MAX);
    }

    fn finish(mut self) -> Summary {
        for column in self.summary.columns.values_mut() {
            if !column.ignored {
                column.equal += self.equal_rows;
            }
        }
        self.summary.worst = self.worst;
        self.summary.worst.append(&mut self.others);
        self.summary
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::Groups;
    use super::super::outcome::Outcome;
    use super::*;
    use proptest::prelude::*;

    fn groups(lines: &[String]) -> impl Iterator<Item = Result<Group, OutcomeError>> {
        let mut outcomes: Vec<Outcome> = lines
            .iter()
            .map(|line| Outcome::parse(line.as_bytes()).expect("an outcome"))
            .collect();
        outcomes.sort_by(Outcome::order);
        Groups::new(outcomes.into_iter().map(Ok))
    }

    fn row(line: u64, id: &str, price: &str, note: &str) -> String {
        format!(
            r#"{{"line":{line},"id":"{id}","columns":{{"price":{price},"note":{note}}},"digest":"{line}"}}"#
        )
    }

    fn run(
        settings: &Settings,
        old: &[String],
        again: &[String],
        new: &[String],
    ) -> (Summary, Vec<Difference>) {
        let mut told = Vec::new();
        let summary = compare(
            settings,
            groups(old),
            Some(groups(again)),
            groups(new),
            |difference| {
                told.push(difference.clone());
                Ok::<_, OutcomeError>(())
            },
        );
        (summary.expect("no stream fails"), told)
    }

    fn old() -> Vec<String> {
        vec![
            row(1, "a", "\"1.00\"", "null"),
            row(2, "b", "\"2.00\"", "\"x\""),
            row(3, "c", "\"3.00\"", "\"x\""),
            r#"{"line":4,"quarantined":"not_json","detail":"EOF"}"#.to_owned(),
            r#"{"line":5,"filtered":true}"#.to_owned(),
            row(6, "d", "\"4.00\"", "\"x\""),
            r#"{"line":7,"id":"b","columns":{"price":"2.00","note":"x"},"digest":"2"}"#.to_owned(),
        ]
    }

    #[test]
    fn the_same_is_the_same() {
        let (summary, told) = run(&Settings::default(), &old(), &old(), &old());
        assert_eq!(
            (summary.differences(), summary.noise, told.len()),
            (0, 0, 0)
        );
        assert_eq!(
            (summary.matched, summary.compared, summary.old.duplicates),
            (4, 6, 1)
        );
        assert!(
            summary
                .columns
                .values()
                .all(|column| column.equal == 4 && !column.changed())
        );
        assert_eq!(summary.old, summary.new);
    }

    #[test]
    fn every_kind_of_difference_is_found_and_counted_once() {
        let new = vec![
            row(1, "a", "\"1.01\"", "\"x\""),
            row(2, "b", "\"2.00\"", "\"x\""),
            r#"{"line":3,"quarantined":"bad_value","detail":"`price`"}"#.to_owned(),
            r#"{"line":4,"filtered":true}"#.to_owned(),
            row(5, "e", "\"5\"", "null"),
            row(6, "d", "\"4.00\"", "\"x\""),
            r#"{"line":7,"id":"b","columns":{"price":"2.00","note":"x"},"digest":"other"}"#
                .to_owned(),
        ];
        let (summary, told) = run(&Settings::default(), &old(), &old(), &new);
        let told: Vec<String> = told
            .iter()
            .map(|difference| serde_json::to_string(difference).expect("plain data"))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        {"line":4,"change":"outcome","old":"quarantined: not_json, EOF","new":"filtered"}
        {"id":"a","line":1,"change":"differs","columns":{"price":{"old":"1.00","new":"1.01","by":"0.01"},"note":{"old":null,"new":"x"}}}
        {"id":"b","line":2,"change":"repeats","old":{"duplicates":1,"conflicts":0},"new":{"duplicates":0,"conflicts":1}}
        {"id":"c","line":3,"change":"only_in_old","columns":{"price":"3.00","note":"x"}}
        {"id":"e","line":5,"change":"only_in_new","columns":{"price":"5","note":null}}
        "#);
        assert_eq!(summary.differences(), 5);
        assert_eq!(summary.worst.len(), 5);
        assert_eq!(summary.worst[0].id.as_deref(), Some("a"));
    }

    #[test]
    fn noise_is_told_from_change() {
        // `note` is never the same; `price` of one row has changed.
        let with = |notes: [&str; 2], price: &str| {
            vec![row(1, "a", "\"1\"", notes[0]), row(2, "b", price, notes[1])]
        };
        let (summary, told) = run(
            &Settings::default(),
            &with(["\"n1\"", "\"n2\""], "\"2\""),
            &with(["\"n3\"", "\"n4\""], "\"2\""),
            &with(["\"n5\"", "\"n6\""], "\"3\""),
        );
        assert_eq!((summary.noise, summary.differing, told.len()), (2, 1, 1));
        assert_eq!(
            (
                summary.columns["note"].noise,
                summary.columns["note"].differing
            ),
            (2, 0)
        );
        assert_eq!(
            (
                summary.columns["price"].equal,
                summary.columns["price"].differing
            ),
            (1, 1)
        );
    }

    #[test]
    fn ignored_columns_tolerances_and_stopping() {
        let new: Vec<String> = old()
            .iter()
            .map(|line| line.replace(".00", ".01").replace("\"x\"", "\"y\""))
            .collect();
        let settings = Settings {
            tolerances: [("price".to_owned(), Decimal::new(1, 2))].into(),
            ignore: ["note".to_owned()].into(),
            ..Settings::default()
        };
        let (summary, _) = run(&settings, &old(), &old(), &new);
        assert_eq!(summary.differences(), 0);
        assert!(summary.columns["note"].ignored);
        let settings = Settings {
            stop_after: Some(2),
            ..Settings::default()
        };
        let (summary, told) = run(&settings, &old(), &old(), &new);
        assert!(summary.stopped_early);
        assert_eq!((summary.differences(), told.len()), (2, 2));
    }

    proptest! {
        /// Whatever rows there are, the numbers are those of a comparison by hand.
        #[test]
        fn it_counts_as_a_comparison_by_hand_does(
            old in prop::collection::btree_map("[a-e]{1,2}", 0_u8..4, 0..20),
            new in prop::collection::btree_map("[a-e]{1,2}", 0_u8..4, 0..20),
        ) {
            let lines = |rows: &BTreeMap<String, u8>| -> Vec<String> {
                rows.iter().enumerate().map(|(line, (id, price))| row(line as u64, id, &price.to_string(), "null")).collect()
            };
            let (summary, told) = run(&Settings::default(), &lines(&old), &lines(&old), &lines(&new));
            let both: Vec<_> = old.iter().filter_map(|(id, price)| Some((price, new.get(id)?))).collect();
            let differing = both.iter().filter(|(before, after)| before != after).count() as u64;
            prop_assert_eq!(summary.matched, both.len() as u64);
            prop_assert_eq!(summary.differing, differing);
            prop_assert_eq!(summary.only_in_old, (old.len() - both.len()) as u64);
            prop_assert_eq!(summary.only_in_new, (new.len() - both.len()) as u64);
            prop_assert_eq!(told.len() as u64, summary.differences());
            if let Some(price) = summary.columns.get("price") {
                prop_assert_eq!(price.equal + price.differing, both.len() as u64);
            }
        }
    }
}
