//! `cargo whitewater`: builds and drives simulation runners, replays, reports, serves a cluster.

mod build;
mod catalogue;
mod cli;
mod command;
mod compare;
mod console;
mod debug_run;
mod exit_code;
mod failure;
mod gate;
mod init;
mod interrupt;
mod outcome;
mod project;
mod ramp_costs;
mod real_runner;
mod report_handler;
mod reporter;
mod runner_process;
mod saved_file;
mod session;
mod setup_error;
mod shrinking;
mod sweep;
mod sweep_run;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::exit_code::ExitCode;
use crate::project::Project;

fn main() -> std::process::ExitCode {
    // Cargo runs `cargo-whitewater whitewater …`; by hand it is `cargo-whitewater …`.
    let mut words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "whitewater") {
        words.remove(1);
    }
    let cli = Cli::parse_from(words);
    match dispatch(&cli) {
        Ok(code) => code.into(),
        Err(report) => {
            report_handler::print(&report);
            ExitCode::Setup.into()
        }
    }
}

fn dispatch(cli: &Cli) -> miette::Result<ExitCode> {
    let code = match &cli.command {
        Command::Run(options) => command::run::run(&Project::find(&cli.project)?, options)?,
        Command::Replay(options) => {
            command::replay::replay(&Project::find(&cli.project)?, options)?
        }
        Command::Test(options) => command::test::test(&Project::find(&cli.project)?, options)?,
        Command::Merge(options) => command::merge::merge(options)?,
        Command::Shrink(options) => {
            command::shrink::shrink(&Project::find(&cli.project)?, options)?
        }
        Command::Ramp(options) => command::ramp::ramp(&Project::find(&cli.project)?, options)?,
        Command::List => command::list::list(&Project::find(&cli.project)?)?,
        Command::Determinism(options) => {
            command::determinism::determinism(&Project::find(&cli.project)?, options)?
        }
        Command::Init(options) => init::init(&options.folder)?,
        Command::Compare(options) => command::compare::compare(options)?,
        Command::Serve(options) => command::serve::serve(options)?,
        Command::Doctor => command::doctor::doctor(Project::find(&cli.project).ok().as_ref()),
    };
    Ok(code)
}
