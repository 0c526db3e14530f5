//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::exit_code;
use crate::field_path::FieldPath;
use crate::send::{Rate, SourceFormat};

/// An idempotent Kafka pipeline: every record becomes a result exactly once, or is accounted for.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, after_help = exit_code::HELP, after_long_help = format!("{EXAMPLES}\n\n{}", exit_code::HELP))]
pub(super) struct Cli {
    /// What goes into the log on standard error: a level, or tracing's filter directives
    #[arg(long, global = true, default_value = "info", value_name = "FILTER")]
    pub(super) log: String,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  pipeline send --topic us-equity-trades --key symbol --create-topic 8 trades.jsonl.gz
  pipeline validate pipeline.toml
  pipeline run pipeline.toml
  pipeline status pipeline.toml
  pipeline results pipeline.toml --format csv > results.csv";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run one worker until Ctrl-C or SIGTERM
    #[command(after_help = "\
Start as many as you like on one sink file: they share the partitions.

Examples:
  pipeline run pipeline.toml
  pipeline run pipeline.toml --worker worker-2 --log debug
  pipeline run pipeline.toml --until-end")]
    Run(RunArgs),
    /// Check a configuration file without running it
    #[command(after_help = "Example:\n  pipeline validate pipeline.toml")]
    Validate(ConfigArg),
    /// Send a file of JSON lines or CSV (plain, gzip or zstd) to a topic
    #[command(after_help = "\
The topic must be there, unless --create-topic says how many partitions it gets.
Disorder is the same for the same seed. Malformed records are broken copies: every
record of the file is sent whole, too. A CSV row becomes a JSON object: the header names its
fields, values stay texts, and an empty one is null.

Examples:
  pipeline send --topic trades --key symbol --create-topic 8 trades.jsonl.gz
  pipeline send --topic events --key actor.login --duplicates 1% --out-of-order 5% --malformed 0.1% --seed 7 events.jsonl
  pipeline send --topic quotes --key symbol quotes.csv.zst
  zcat trades.jsonl.gz | head -1000 | pipeline send --topic trades -")]
    Send(SendArgs),
    /// Show how far the sink is behind the log, per partition
    #[command(after_help = "\
The age is that of the oldest record that is not in the sink yet, by its broker timestamp.

Examples:
  pipeline status pipeline.toml
  pipeline status pipeline.toml --watch
  pipeline status pipeline.toml --watch 30 --json >> lag.jsonl")]
    Status(StatusArgs),
    /// Process events from standard input, without Kafka or a sink
    #[command(after_help = "\
Reads one JSON object a line, writes one outcome a line: a row, filtered, or quarantined.
Without a configuration every field is read under its own name.

Examples:
  pipeline process --config pipeline.toml < trades.jsonl > rows.jsonl
  zcat trades.jsonl.gz | pipeline process --config pipeline.toml --processor trades@1 | head")]
    Process(ProcessArgs),
    /// Write a topic's payloads to standard output, one a line, up to where it ends now
    #[command(after_help = "\
Joins no group, commits nothing.

Example:
  pipeline read --topic trades > trades.jsonl")]
    Read(ReadArgs),
    /// Delete the result set and build it again from the log
    #[command(after_help = "\
Audit rows stay. Workers that run meanwhile are fenced and help.

Examples:
  pipeline rebuild pipeline.toml
  pipeline rebuild pipeline.toml --yes")]
    Rebuild(RebuildArgs),
    /// Show the result set
    #[command(after_help = "\
Examples:
  pipeline results pipeline.toml
  pipeline results pipeline.toml --format csv > results.csv
  pipeline results pipeline.toml --format json --limit 5")]
    Results(ResultsArgs),
}

#[derive(Debug, Args)]
pub(super) struct ConfigArg {
    /// The configuration file
    #[arg(value_name = "CONFIG")]
    pub(super) config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// The name of this worker, over the configuration's
    #[arg(long, value_name = "NAME")]
    pub(super) worker: Option<String>,
    /// End when the sink has reached where the log ends now
    #[arg(long)]
    pub(super) until_end: bool,
}

#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// The file, or - for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// How the file is written [default: csv if its name says so, else jsonl]
    #[arg(long, value_enum, hide_default_value = true, value_name = "FORMAT")]
    pub(super) format: Option<SourceFormat>,
    /// The topic to send to
    #[arg(long, value_name = "TOPIC")]
    pub(super) topic: String,
    /// Where to reach the brokers
    #[arg(long, default_value = "localhost:9092", value_name = "HOST:PORT,…")]
    pub(super) brokers: String,
    /// The field that becomes the key: `symbol`, `actor.login`
    #[arg(long, value_name = "PATH", value_parser = FieldPath::dotted)]
    pub(super) key: Option<FieldPath>,
    /// Create the topic if it is not there, with this many partitions
    #[arg(long, value_name = "PARTITIONS", value_parser = clap::value_parser!(i32).range(1..))]
    pub(super) create_topic: Option<i32>,
    /// Share of records to send once more, later
    #[arg(long, default_value = "0%", value_name = "PERCENT")]
    pub(super) duplicates: Rate,
    /// Share of records to send later than their place
    #[arg(long, default_value = "0%", value_name = "PERCENT")]
    pub(super) out_of_order: Rate,
    /// Share of records to send a broken copy of, too
    #[arg(long, default_value = "0%", value_name = "PERCENT")]
    pub(super) malformed: Rate,
    /// What decides which records are hit
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// How long to wait for a broker, and for an acknowledgement, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) timeout: u64,
    /// A property of librdkafka, such as compression.type=zstd
    #[arg(long = "kafka", value_name = "KEY=VALUE", value_parser = property)]
    pub(super) kafka: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// One JSON object, for scripts; one a look with --watch
    #[arg(long)]
    pub(super) json: bool,
    /// Look again every few seconds, until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) watch: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct ProcessArgs {
    /// The processor, over the configuration's
    #[arg(long, value_name = "NAME@VERSION")]
    pub(super) processor: Option<String>,
    /// The configuration file that says where the fields stand
    #[arg(long, value_name = "CONFIG")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    pub(super) topic: String,
    /// Where to reach the brokers
    #[arg(long, default_value = "localhost:9092", value_name = "HOST:PORT,…")]
    pub(super) brokers: String,
    /// How long to wait when nothing comes, in seconds
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) timeout: u64,
    /// A property of librdkafka, such as security.protocol=ssl
    #[arg(long = "kafka", value_name = "KEY=VALUE", value_parser = property)]
    pub(super) kafka: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// Don't ask
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct ResultsArgs {
    #[command(flatten)]
    pub(super) config: ConfigArg,
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// At most this many rows; a table shows 20 unless told
    #[arg(long, value_name = "ROWS")]
    pub(super) limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object a line
    Json,
}

impl SendArgs {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

impl ReadArgs {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

fn property(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
