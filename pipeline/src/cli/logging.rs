//! The log on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::exit_code;
use crate::cli::failure::Failure;

/// Starts the log. Probes are for simulations and stay out unless asked for by name.
pub(super) fn start(filter: &str) -> Result<(), Failure> {
    let directives = if filter.contains("probe") {
        filter.to_owned()
    } else {
        format!("{filter},probe=off")
    };
    let filter = EnvFilter::try_new(directives).map_err(|error| {
        Failure::new(
            exit_code::USAGE,
            format!("--log: {error}"),
            Some("for example --log debug"),
        )
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}
