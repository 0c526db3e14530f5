//! Lines for people: one verb first, aligned; numbers with separators; progress on terminals only.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::audit::Accounting;

/// `     Sent  5 records`, on standard error.
pub(super) fn say(verb: &str, text: &str) {
    eprintln!("{verb:>12}  {text}");
}

/// `1,234,567`.
pub(super) fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A table without lines, for people and `awk` alike.
pub(super) fn plain(table: &mut Table) -> String {
    table.load_style(NOTHING);
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// What became of records, in one line.
pub(super) fn accounting(accounting: &Accounting) -> String {
    format!(
        "{} records in · {} results · {} filtered · {} duplicates · {} redelivered · {} quarantined",
        grouped(accounting.records_in),
        grouped(accounting.results),
        grouped(accounting.filtered),
        grouped(accounting.duplicates),
        grouped(accounting.redelivered),
        grouped(accounting.quarantined),
    )
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar(total: Option<u64>, template: &str) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if std::io::stderr().is_terminal() {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

/// Asks on a terminal; `None` if there is nobody to ask.
pub(super) fn confirm(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush().ok()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let all: Vec<String> = [0_u64, 999, 1_000, 123_456, 1_234_567]
            .into_iter()
            .map(grouped)
            .collect();
        assert_eq!(all.join(" "), "0 999 1,000 123,456 1,234,567");
    }
}
