//! `pipeline`: which command, on which runtime, ending with which code.

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::catch_up::{CaughtUp, catch_up};
use crate::cli::args::{Cli, Command, ConfigArg, RebuildArgs, RunArgs};
use crate::cli::failure::Failure;
use crate::cli::terminal::{accounting, bar, confirm, grouped, say};
use crate::cli::{config_file, exit_code, logging, process, read, results, send, status};
use crate::config::Config;
use crate::kafka_log;
use crate::rebuild;
use crate::worker;

/// Runs the command line and returns the code to end with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(cli: &Cli) -> Result<u8, Failure> {
    logging::start(&cli.log)?;
    match &cli.command {
        Command::Run(args) => run(args),
        Command::Validate(args) => validate(args),
        Command::Send(args) => send::send(args),
        Command::Status(args) => status::status(args),
        Command::Process(args) => process::process(args),
        Command::Read(args) => read::read(args),
        Command::Rebuild(args) => rebuild(args),
        Command::Results(args) => results::results(args),
    }
}

fn validate(args: &ConfigArg) -> Result<u8, Failure> {
    let config = config_file::read(&args.config)?;
    say(
        "Valid",
        &format!(
            "{}: {} of {} into {}",
            args.config.display(),
            config.processor,
            config.topics.join(", "),
            config.sqlite.display()
        ),
    );
    Ok(exit_code::OK)
}

fn run(args: &RunArgs) -> Result<u8, Failure> {
    let config = worker_config(&args.config, args.worker.as_deref())?;
    if args.until_end {
        let ends = kafka_log::extents(&config, config.limits.broker_wait)?;
        let caught_up = on_runtime(async {
            catch_up(&config, &ends, |_| {}, interrupted())
                .await
                .map_err(Failure::from)
        })?;
        return tell_caught_up(&config, &caught_up);
    }
    let summary = on_runtime(async {
        worker::run(&config, interrupted())
            .await
            .map_err(Failure::from)
    })?;
    say("Stopped", &accounting(&summary.accounting));
    Ok(exit_code::OK)
}

fn rebuild(args: &RebuildArgs) -> Result<u8, Failure> {
    let config = worker_config(&args.config, None)?;
    let plan = rebuild::plan(&config)?;
    say(
        "Rebuilding",
        &format!(
            "{} in {} from {} records",
            config.processor,
            config.sqlite.display(),
            grouped(plan.records)
        ),
    );
    if plan.records_lost_max > 0 {
        say(
            "Warning",
            &format!(
                "retention has deleted up to {} records: their rows would be gone for good",
                grouped(plan.records_lost_max)
            ),
        );
    }
    if !args.yes && confirm("Delete the result set and read the log again?") != Some(true) {
        let help = "nothing was deleted; --yes rebuilds without asking";
        return Err(Failure::new(
            exit_code::NOT_CONFIRMED,
            "not confirmed",
            Some(help),
        ));
    }
    let total = u64::try_from(plan.records).unwrap_or(0);
    let bar = bar(
        Some(total),
        "    Building  [{bar:30}] {percent}%  {human_pos} of {human_len}",
    );
    let caught_up = on_runtime(async {
        let progress = |left: i64| bar.set_position(total.saturating_sub(left.unsigned_abs()));
        rebuild::rebuild(&config, &plan, progress, interrupted())
            .await
            .map_err(Failure::from)
    })?;
    bar.finish_and_clear();
    tell_caught_up(&config, &caught_up)
}

fn tell_caught_up(config: &Config, caught_up: &CaughtUp) -> Result<u8, Failure> {
    say("Stopped", &accounting(&caught_up.summary.accounting));
    if caught_up.left == 0 {
        return Ok(exit_code::OK);
    }
    if caught_up.summary.sink_failing {
        return Err(Failure::new(
            exit_code::SINK,
            format!(
                "sink `{}` is full or fails: {} offsets left",
                config.sqlite.display(),
                grouped(caught_up.left)
            ),
            Some(
                "check the disk and its room, then start again: what is not in the sink is read again",
            ),
        ));
    }
    say(
        "Incomplete",
        &format!(
            "{} offsets left; `pipeline run` goes on (transaction markers are never delivered)",
            grouped(caught_up.left)
        ),
    );
    Ok(exit_code::INCOMPLETE)
}

/// A worker without a name of its own is called after its process.
fn worker_config(arg: &ConfigArg, worker: Option<&str>) -> Result<Config, Failure> {
    let mut config = config_file::read(&arg.config)?;
    match worker {
        Some(worker) => worker.clone_into(&mut config.worker),
        None if config.worker == "worker" => {
            config.worker = format!("worker-{}", std::process::id())
        }
        None => {}
    }
    Ok(config)
}

fn on_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit_code::FAILED, format!("no runtime: {error}"), None))?
        .block_on(work)
}

/// Ready at Ctrl-C or SIGTERM.
async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without a handler the signal ends the process at once, which loses nothing either.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => tracing::info!(signal = "interrupt", "stopping"),
        _ = terminate.recv() => tracing::info!(signal = "terminate", "stopping"),
    }
}
