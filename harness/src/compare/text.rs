//! A comparison as people read it.

use std::fmt::Write as _;

use super::difference::{Change, Difference};
use super::sample::{Sample, Share};
use super::summary::{Summary, Version, percent};
use crate::report::number::{counted, grouped};
use crate::report::style::{Style, Tone};

/// How many events are shown in full.
const EVENTS_SHOWN: usize = 3;
/// How much of a value or an event is shown.
const WIDTH_MAX: usize = 160;

/// What was compared.
#[derive(Debug, Clone)]
pub struct Compared<'a> {
    /// The old version, as it was named.
    pub old: &'a str,
    /// The new version.
    pub new: &'a str,
    /// Which events were taken.
    pub sample: &'a Sample,
    /// How many they are.
    pub taken: u64,
    /// Of how many.
    pub events: u64,
    /// What may differ.
    pub allowed: Option<Share>,
    /// Where all differences are written.
    pub rows: &'a str,
}

/// The report.
#[must_use]
pub fn render(compared: &Compared<'_>, summary: &Summary, style: Style) -> String {
    let mut lines = vec![
        style.line(Tone::Neutral, "Sample", &sample(compared)),
        style.line(
            Tone::Neutral,
            "Old",
            &format!("{} · {}", version(&summary.old), noise(summary)),
        ),
        style.line(Tone::Neutral, "New", &version(&summary.new)),
    ];
    let found = summary.differences();
    lines.push(style.line(
        Tone::Neutral,
        "Differs",
        &format!(
            "{} ({}) · only in old {} · only in new {}{}",
            counted(summary.differing, "row"),
            percent(summary.differing, summary.matched),
            grouped(summary.only_in_old),
            grouped(summary.only_in_new),
            others(summary),
        ),
    ));
    lines.extend(columns(summary));
    lines.extend(worst(summary, style));
    if summary.stopped_early {
        let text = format!("after {}, as asked", counted(found, "difference"));
        lines.push(style.line(Tone::Doubtful, "Stopped", &text));
    }
    lines.push(verdict(compared, summary, style));
    lines.join("\n") + "\n"
}

fn sample(compared: &Compared<'_>) -> String {
    let (taken, events) = (grouped(compared.taken), counted(compared.events, "event"));
    let Sample { share, by } = compared.sample;
    if *share == Share::ALL {
        return format!("all of {events}");
    }
    format!(
        "{taken} of {events} ({share} by {}, the same every time)",
        by.join(".")
    )
}

fn version(version: &Version) -> String {
    let mut text = counted(version.rows, "row");
    let mut add = |number: u64, what: &str| {
        if number > 0 {
            // Writing to a String can't fail.
            let _ = write!(text, " · {} {what}", grouped(number));
        }
    };
    add(version.filtered, "filtered");
    for (cause, number) in &version.quarantined {
        add(*number, &format!("quarantined ({cause})"));
    }
    add(version.duplicates, "duplicates");
    add(version.conflicts, "conflicts");
    text
}

fn noise(summary: &Summary) -> String {
    match summary.noise {
        0 => "twice, no noise".to_owned(),
        noise => format!(
            "twice, and {} ({}) differ from themselves: noise, not counted",
            grouped(noise),
            percent(noise, summary.compared)
        ),
    }
}

fn others(summary: &Summary) -> String {
    let mut text = String::new();
    if summary.outcomes_differing > 0 {
        let _ = write!(
            text,
            " · other outcome {}",
            grouped(summary.outcomes_differing)
        );
    }
    if summary.repeats_differing > 0 {
        let _ = write!(
            text,
            " · other repeats {}",
            grouped(summary.repeats_differing)
        );
    }
    text
}

/// One line for each column that changed, and one for all others.
fn columns(summary: &Summary) -> Vec<String> {
    let mut table = vec![
        [
            "column",
            "equal",
            "differs",
            "null in one",
            "noise",
            "largest",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let (mut equal, mut ignored) = (0, Vec::new());
    for (name, column) in &summary.columns {
        if column.ignored {
            ignored.push(name.as_str());
        } else if !column.changed() && column.noise == 0 {
            equal += 1;
        } else {
            let largest = column.largest.as_ref().map_or(String::new(), |largest| {
                let (old, new) = (largest.pair.old.to_string(), largest.pair.new.to_string());
                format!("{}   {} -> {}", largest.id, short(&old), short(&new))
            });
            table.push(vec![
                name.clone(),
                grouped(column.equal),
                grouped(column.differing),
                grouped(column.null_in_one),
                grouped(column.noise),
                largest,
            ]);
        }
    }
    let mut lines = Vec::new();
    if table.len() > 1 {
        lines.extend(align(&table).iter().map(|line| Style::continuation(line)));
    }
    if equal > 0 {
        let more = if table.len() > 1 { "more " } else { "" };
        let columns = counted(equal, &format!("{more}column"));
        lines.push(Style::continuation(&format!("({columns} equal)")));
    }
    if !ignored.is_empty() {
        lines.push(Style::continuation(&format!(
            "(ignored: {})",
            ignored.join(", ")
        )));
    }
    lines
}

/// Aligned columns; one that holds only zeros is left out.
fn align(table: &[Vec<String>]) -> Vec<String> {
    let shown: Vec<usize> = (0..table[0].len())
        .filter(|index| {
            table[1..]
                .iter()
                .any(|row| row[*index] != "0" && !row[*index].is_empty())
        })
        .collect();
    let width = |index: &usize| {
        table
            .iter()
            .map(|row| row[*index].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = shown.iter().map(width).collect();
    table
        .iter()
        .map(|row| {
            let cells: Vec<String> = shown
                .iter()
                .zip(&widths)
                .map(|(index, width)| format!("{:width$}", row[*index]))
                .collect();
            cells.join("    ").trim_end().to_owned()
        })
        .collect()
}

/// The worst differences with their events. Keys that the table has named need no second line.
fn worst(summary: &Summary, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, difference) in summary.worst.iter().enumerate() {
        let verb = if index == 0 { "Worst" } else { "" };
        lines.push(style.line(Tone::Neutral, verb, &told(difference)));
        if index < EVENTS_SHOWN
            && let Some(event) = &difference.event
        {
            lines.push(Style::continuation(&format!("  {}", short(event))));
        }
    }
    lines
}

fn told(difference: &Difference) -> String {
    let what = match &difference.change {
        Change::Differs { columns } => {
            let all: Vec<String> = columns
                .iter()
                .map(|(name, pair)| {
                    let (old, new) = (pair.old.to_string(), pair.new.to_string());
                    format!("{name} {} -> {}", short(&old), short(&new))
                })
                .collect();
            all.join(", ")
        }
        Change::OnlyInOld { .. } | Change::OnlyInNew { .. } => difference.kind().to_owned(),
        Change::Outcome { old, new } => format!("{old} -> {new}"),
        Change::Repeats { old, new } => format!(
            "repeats {} -> {} ({} -> {} with another payload)",
            old.duplicates + old.conflicts,
            new.duplicates + new.conflicts,
            old.conflicts,
            new.conflicts
        ),
    };
    match &difference.id {
        Some(id) => format!("{id}  {what}"),
        None => format!("event {} of the sample  {what}", difference.line),
    }
}

fn verdict(compared: &Compared<'_>, summary: &Summary, style: Style) -> String {
    let found = summary.differences();
    let allowed = compared
        .allowed
        .map_or("0 %".to_owned(), |share| share.to_string());
    if found == 0 {
        let nothing = "nothing differs";
        return style.line(Tone::Good, "PASS", nothing);
    }
    let text = format!(
        "{} of {} differ ({}), allowed {allowed}   · rows: {}",
        grouped(found),
        grouped(summary.compared),
        percent(found, summary.compared),
        compared.rows
    );
    if summary.within(compared.allowed) {
        style.line(Tone::Good, "PASS", &text)
    } else {
        style.line(Tone::Bad, "FAIL", &text)
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= WIDTH_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(WIDTH_MAX).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::difference::{Pair, Repeats};
    use super::super::summary::{Column, Largest};
    use super::*;

    fn pair(old: &str, new: &str, by: Option<&str>) -> Pair {
        Pair {
            old: Cell::Text(old.to_owned()),
            new: Cell::Text(new.to_owned()),
            by: by.map(|by| by.parse().expect("a decimal")),
        }
    }

    fn shown(summary: &Summary, allowed: Option<Share>) -> String {
        let sample = Sample::new("1%".parse().expect("a share"), "id");
        let compared = Compared {
            old: "trades@1",
            new: "trades@2",
            sample: &sample,
            taken: 3_871,
            events: 388_417,
            allowed,
            rows: "target/whitewater/compare/trades@1-trades@2.jsonl",
        };
        render(&compared, summary, Style::Plain)
    }

    fn planted() -> Summary {
        let version = Version {
            rows: 3_871,
            ..Version::default()
        };
        let notional = pair("16741.00", "16741.01", Some("0.01"));
        let id = "SPY-20131007-118204".to_owned();
        let equal = Column {
            equal: 3_871,
            ..Column::default()
        };
        let differing = Column {
            equal: 3_852,
            differing: 19,
            largest: Some(Largest {
                id: id.clone(),
                line: 5,
                pair: notional.clone(),
            }),
            ..Column::default()
        };
        Summary {
            old: version.clone(),
            new: version,
            compared: 3_871,
            matched: 3_871,
            differing: 19,
            columns: [
                ("price".to_owned(), equal),
                ("notional".to_owned(), differing),
            ]
            .into_iter()
            .collect(),
            worst: vec![Difference {
                id: Some(id),
                line: 5,
                change: Change::Differs {
                    columns: [("notional".to_owned(), notional)].into_iter().collect(),
                },
                event: Some(
                    r#"{"id":"SPY-20131007-118204","price":"167.4100","quantity":100}"#.to_owned(),
                ),
            }],
            ..Summary::default()
        }
    }

    #[test]
    fn a_column_that_changed() {
        insta::assert_snapshot!(shown(&planted(), None));
    }

    #[test]
    fn what_is_allowed_passes() {
        let text = shown(&planted(), Some("0.5%".parse().expect("a share")));
        insta::assert_snapshot!(text.lines().last().unwrap_or_default(), @"       PASS  19 of 3,871 differ (0.49 %), allowed 0.5 %   · rows: target/whitewater/compare/trades@1-trades@2.jsonl");
    }

    #[test]
    fn nothing_differs() {
        let mut summary = planted();
        summary.differing = 0;
        summary.worst.clear();
        summary.columns.shift_remove("notional");
        insta::assert_snapshot!(shown(&summary, None));
    }

    #[test]
    fn noise_outcomes_and_rows_in_one_only() {
        let mut summary = planted();
        summary.noise = 4;
        summary.columns["price"].noise = 4;
        summary.columns["price"].equal -= 4;
        summary.columns.insert(
            "note".to_owned(),
            Column {
                ignored: true,
                ..Column::default()
            },
        );
        summary.old.quarantined.insert("not_json".to_owned(), 2);
        summary.old.duplicates = 3;
        (
            summary.only_in_old,
            summary.outcomes_differing,
            summary.repeats_differing,
        ) = (1, 1, 1);
        summary.stopped_early = true;
        let difference = |id: Option<&str>, change| Difference {
            id: id.map(str::to_owned),
            line: 7,
            change,
            event: None,
        };
        summary.worst.extend([
            difference(
                Some("a"),
                Change::OnlyInOld {
                    columns: [].into_iter().collect(),
                },
            ),
            difference(
                None,
                Change::Outcome {
                    old: "filtered".to_owned(),
                    new: "nothing".to_owned(),
                },
            ),
            difference(
                Some("b"),
                Change::Repeats {
                    old: Repeats {
                        duplicates: 1,
                        conflicts: 0,
                    },
                    new: Repeats::default(),
                },
            ),
        ]);
        insta::assert_snapshot!(shown(&summary, None));
    }

    #[test]
    fn percentages_never_hide_something() {
        let all = [
            (0, 10),
            (19, 3_871),
            (1, 10_000_000),
            (1, 3),
            (3, 3),
            (9_999_999, 10_000_000),
        ]
        .map(|(part, whole)| percent(part, whole));
        insta::assert_snapshot!(all.join(" · "), @"0 % · 0.49 % · 0.00001 % · 33.33 % · 100 % · over 99.99 %");
    }
}
