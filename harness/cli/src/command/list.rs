//! `list`: the scenarios and why each exists.

use whitewater::scenario::Scenario;

use crate::catalogue;
use crate::exit_code::ExitCode;
use crate::project::Project;
use crate::setup_error::SetupError;

/// Prints a line per scenario; one that can't be read says so and makes the exit code "setup error".
pub(crate) fn list(project: &Project) -> Result<ExitCode, SetupError> {
    let entries = catalogue::all(project)?;
    let width = entries
        .iter()
        .map(|entry| entry.name.len())
        .max()
        .unwrap_or(0);
    let mut code = ExitCode::Passed;
    for entry in entries {
        match Scenario::read(&entry.path) {
            Ok(scenario) => {
                let first = first_sentence(&scenario.about);
                println!("{:width$}  {:<12} {first}", entry.name, scenario.pipeline);
            }
            Err(error) => {
                println!(
                    "{:width$}  can't be read: {error} (`cargo whitewater run {}` shows where)",
                    entry.name, entry.name
                );
                code = ExitCode::Setup;
            }
        }
    }
    Ok(code)
}

fn first_sentence(about: &str) -> String {
    let text = about.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::first_sentence;

    #[test]
    fn only_the_first_sentence_in_one_line() {
        assert_eq!(
            first_sentence("\nMembers come\nand go. What is lost is lost."),
            "Members come and go."
        );
        assert_eq!(first_sentence("One sentence."), "One sentence.");
    }
}
