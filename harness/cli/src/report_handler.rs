//! How an error is shown: whole lines, which can be searched and pasted, and its causes below.

use std::io::IsTerminal;

use miette::{GraphicalReportHandler, GraphicalTheme, Report};

/// Prints an error on stderr.
pub(crate) fn print(report: &Report) {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut theme = if wanted && std::io::stderr().is_terminal() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    theme.characters.error = "error:".to_owned();
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_wrap_lines(false)
        .with_links(false);
    let mut text = String::new();
    match handler.render_report(&mut text, report.as_ref()) {
        Ok(()) => eprintln!("{}", text.trim()),
        Err(_) => eprintln!("error: {report}"),
    }
}
