//! What people see while work goes on: one verb per line, as cargo prints.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use whitewater::report::style::Style;

/// A status line on stderr: what comes on stdout is for reading back.
pub(crate) fn status(verb: &str, text: &str) {
    eprintln!("{verb:>11}  {text}");
}

/// Colours where a person reads on a terminal and does not mind (`NO_COLOR`, no-color.org).
pub(crate) fn style(stream: &impl IsTerminal) -> Style {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && stream.is_terminal() {
        Style::Colour
    } else {
        Style::Plain
    }
}

/// A bar over the seeds of one scenario; nothing where stderr is no terminal.
pub(crate) fn seeds_bar(name: &str, seeds: Option<u64>) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("{prefix:>11}  {msg} {bar:32} {pos}/{len} seeds, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(seeds, target).with_style(style);
    bar.set_prefix("Running");
    bar.set_message(name.to_owned());
    bar
}

/// A line that says how far something has come whose end is not known; nothing where stderr is no
/// terminal.
pub(crate) fn spinner(verb: &'static str) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{prefix:>11}  {msg} · {pos} runs, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(None, target).with_style(style);
    bar.set_prefix(verb);
    bar
}
