//! A comparison as JUnit XML, as CI systems show it: one case for each column, and one for each
//! other way to differ.

use super::summary::Summary;
use super::text::Compared;

/// The report as XML. Like the terminal's, it fails only where more differs than is allowed; what
/// differs within bounds is told in a case that passes.
#[must_use]
pub fn render(compared: &Compared<'_>, summary: &Summary) -> String {
    let passes = summary.within(compared.allowed);
    let mut cases: Vec<(String, Option<String>)> = summary
        .columns
        .iter()
        .filter(|(_, column)| !column.ignored)
        .map(|(name, column)| {
            let failure = column.changed().then(|| {
                let count = column.differing + column.null_in_one;
                match &column.largest {
                    Some(largest) => format!(
                        "{count} rows differ; {}: {} -> {}",
                        largest.id, largest.pair.old, largest.pair.new
                    ),
                    None => format!("{count} rows differ"),
                }
            });
            (format!("column {name}"), failure)
        })
        .collect();
    for (name, count) in [
        ("rows only in old", summary.only_in_old),
        ("rows only in new", summary.only_in_new),
        (
            "outcomes of events without a row",
            summary.outcomes_differing,
        ),
        ("repeats of message ids", summary.repeats_differing),
    ] {
        let failure = (count > 0).then(|| format!("{count} differ"));
        cases.push((name.to_owned(), failure));
    }
    let failures = cases
        .iter()
        .filter(|(_, failure)| failure.is_some() && !passes)
        .count();
    let suite = escape(&format!("compare {} {}", compared.old, compared.new));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failures}\">\n",
        cases.len(),
    );
    for (name, failure) in cases {
        let name = escape(&name);
        let line = match failure {
            None => format!("    <testcase name=\"{name}\"/>\n"),
            Some(told) if passes => format!(
                "    <testcase name=\"{name}\">\n      <system-out>allowed: {}</system-out>\n    </testcase>\n",
                escape(&told)
            ),
            Some(told) => format!(
                "    <testcase name=\"{name}\">\n      <failure message=\"{}\"/>\n    </testcase>\n",
                escape(&told)
            ),
        };
        xml.push_str(&line);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// XML 1.0: markup is escaped, and what no document may hold is replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' => escaped.push_str("&#9;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::difference::Pair;
    use super::super::sample::{Sample, Share};
    use super::super::summary::{Column, Largest};
    use super::*;

    #[test]
    fn columns_are_cases() {
        let pair = Pair {
            old: Cell::Text("<1&\u{1}>".to_owned()),
            new: Cell::Null,
            by: None,
        };
        let largest = Largest {
            id: "a\"b".to_owned(),
            line: 1,
            pair,
        };
        let changed = Column {
            differing: 1,
            null_in_one: 1,
            largest: Some(largest),
            ..Column::default()
        };
        let summary = Summary {
            compared: 10,
            differing: 2,
            columns: [
                ("price".to_owned(), Column::default()),
                ("note".to_owned(), changed),
            ]
            .into_iter()
            .collect(),
            ..Summary::default()
        };
        let sample = Sample::new(Share::ALL, "id");
        let mut compared = Compared {
            old: "trades@1",
            new: "trades@2",
            sample: &sample,
            taken: 10,
            events: 10,
            allowed: None,
            rows: "rows.jsonl",
        };
        insta::assert_snapshot!(render(&compared, &summary));
        compared.allowed = Some(Share::ALL);
        assert!(render(&compared, &summary).contains("failures=\"0\""));
    }
}
