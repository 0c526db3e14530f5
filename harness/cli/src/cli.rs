//! The command line: what people type, with examples.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::compare::options::CompareOptions;
use crate::exit_code::TABLE;
use crate::gate::shard::Shard;
use crate::gate::time_budget;
use crate::ramp_costs::{self, Factor};

/// Proves a Kafka data pipeline right before production does.
#[derive(Debug, Parser)]
#[command(name = "cargo whitewater", bin_name = "cargo whitewater", version, after_help = TABLE, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) project: ProjectOptions,
}

/// Where the scenarios and the data are.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProjectOptions {
    /// Folder of the scenarios' workspace [default: `scenarios` here or in a parent folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,

    /// Folder of the real data files that some scenarios read
    #[arg(long, global = true, value_name = "DIR", env = "WHITEWATER_DATA")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs scenarios over seeds and says which hold
    #[command(after_help = "\
Examples:
    cargo whitewater run                              every scenario in scenarios/fast
    cargo whitewater run rebalance-storm --seeds 500
    cargo whitewater run crash-restart --seed 37      one history, again
    cargo whitewater run negative                     bugs that must be caught
    cargo whitewater run --time-budget 15m --fail-fast --junit junit.xml
    cargo whitewater run --json > events.jsonl
    cargo whitewater run --real crash-restart         also on Apache Kafka, in real time

First come the plans in scenarios/regressions, those of the named scenarios or all. What
scenarios/known-failures.toml lists may fail.")]
    Run(RunOptions),

    /// Tells one history in simulated time: a saved plan, or a scenario and a seed
    #[command(after_help = "\
Examples:
    cargo whitewater replay target/whitewater/failures/crash-restart-37
    cargo whitewater replay crash-restart --seed 37 --process worker-2 --from 12s
    cargo whitewater replay target/whitewater/failures/crash-restart-37 --key IBM
    cargo whitewater replay target/whitewater/failures/crash-restart-37 --debug

With --debug the last line is a command that runs the same history under rust-gdb: set breakpoints
(`break src/worker/commit.rs:57`, `break rust_panic`) and `run`. Variables are there in a build with
CARGO_PROFILE_SIM_OPT_LEVEL=0 CARGO_PROFILE_SIM_DEBUG=full.")]
    Replay(ReplayOptions),

    /// Runs scenarios and regressions one by one as tests, with libtest's output and filters
    #[command(after_help = "\
Examples:
    cargo whitewater test                          every scenario in scenarios/fast, every regression
    cargo whitewater test storm --seeds 100        those with `storm` in their names
    cargo whitewater test --list")]
    Test(TestOptions),

    /// Judges a sweep whose shards ran apart, as if one machine had run it
    #[command(after_help = "\
Examples:
    cargo whitewater run --shard 1/2 --events 1.jsonl      on one machine
    cargo whitewater run --shard 2/2 --events 2.jsonl      on another
    cargo whitewater merge 1.jsonl 2.jsonl --junit junit.xml")]
    Merge(MergeOptions),

    /// Makes a saved failing plan as small as it gets, and saves that beside it
    #[command(after_help = "\
Examples:
    cargo whitewater shrink target/whitewater/failures/crash-restart-37
    cargo whitewater shrink plan.json --budget 60 --jobs 8

The same checker reports the same kind of violation. Without a budget the outcome is the same
whatever the number of jobs, also with --runs. Ctrl-C saves the smallest plan so far.")]
    Shrink(ShrinkOptions),

    /// Runs one history at several times its load, and says what breaks first, when and by which bound
    #[command(after_help = "\
Examples:
    cargo whitewater ramp steady                                   1x, 2x, 10x and 100x
    cargo whitewater ramp hot-key --steps 1,5,20 --seed 3
    cargo whitewater ramp steady --cost-per-record 2ms --cost-per-fsync 20ms
    cargo whitewater ramp steady --must-hold 10x                   a gate
    cargo whitewater ramp steady --json > ramp.json

The faults of the scenario are left out. Costs pass in simulated time; docs/ramp.md says where, and
where the defaults come from. Exit code 0 whatever breaks, unless --must-hold says that it must not.")]
    Ramp(RampOptions),

    /// Lists the scenarios
    List,

    /// Runs each seed twice, in another process, under another load, with address randomisation on,
    /// and compares the histories line by line
    #[command(after_help = "\
Examples:
    cargo whitewater determinism --seeds 100
    cargo whitewater determinism negative --seeds 20")]
    Determinism(DeterminismOptions),

    /// Makes the small workspace `scenarios/` beside a crate that consumes from Kafka
    #[command(after_help = "\
Examples:
    cargo whitewater init                 for the crate in this folder
    cargo whitewater init services/orders

Writes scenarios/Cargo.toml, scenarios/src/main.rs and three scenarios; touches nothing that exists.")]
    Init(InitOptions),

    /// Compares two versions of a processor on the same real events
    #[command(after_help = "\
A version is PROCESSOR@VERSION in one `pipeline` binary, or BINARY:PROCESSOR@VERSION. A binary is
called as `BINARY process --processor PROCESSOR@VERSION [--config FILE]`: events as JSON lines in,
one outcome a line out, as `pipeline process` writes them. The old version runs twice, so that
noise is told from change. Nothing is sent or stored anywhere.

Examples:
    cargo whitewater compare --old trades@1 --new trades@2 --config pipeline.toml --sample 1% trades.jsonl.gz
    cargo whitewater compare --old ./pipeline-1.4:trades@1 --new ./pipeline-1.5:trades@1 trades.jsonl
    cargo whitewater compare --old trades@1 --new trades@2 --config pipeline.toml --sample 1% kafka://localhost:9092/trades
    cargo whitewater compare --old activity@1 --new activity@2 --sample 5% --sample-by user events.jsonl.zst
    cargo whitewater compare --old trades@1 --new trades@2 --tolerance notional=0.01 --ignore event_time --allow 0.1% trades.jsonl")]
    Compare(CompareOptions),

    /// Serves the simulated Kafka cluster over TCP, in real time
    #[command(after_help = "\
Examples:
    cargo whitewater serve --brokers 3 --port 19092
    kcat -b localhost:19092 -L")]
    Serve(ServeOptions),

    /// Says what this machine lacks, and what to do
    Doctor,
}

/// `run`
#[derive(Args, Debug)]
pub(crate) struct RunOptions {
    /// Scenario names, folders (fast, negative) or files [default: fast]
    #[arg(value_name = "SCENARIO")]
    pub(crate) names: Vec<String>,

    /// Runs seeds 1 to N [default: 100, or as many as there is time for; MADSIM_TEST_NUM]
    #[arg(long, value_name = "N", conflicts_with = "seed", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,

    /// Runs this one seed [default: MADSIM_TEST_SEED]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,

    /// Begins with a seed made of the commit, so that each commit sweeps other seeds
    #[arg(long, conflicts_with = "seed")]
    pub(crate) seed_from_commit: bool,

    /// Runs the I-th of N parts of the seeds (2/5); `merge` judges the whole
    #[arg(long, value_name = "I/N", conflicts_with = "seed")]
    pub(crate) shard: Option<Shard>,

    /// Begins no seed after so much real time (90, 90s, 15m, 2h), shared by the scenarios
    #[arg(long, value_name = "TIME", value_parser = time_budget::parse)]
    pub(crate) time_budget: Option<Duration>,

    /// Ends at the first failure
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Runners at the same time [default: MADSIM_TEST_JOBS, or the machine's processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) report: ReportOptions,

    /// Shrinks a failure for so much real time; 0 turns it off [default: 30; 0 for a negative's catch]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) shrink_budget: Option<u64>,

    /// Executes each plan on Apache Kafka too, in containers and in real time: both verdicts, side by side
    /// [default: --seeds 1]
    #[arg(long, requires = "names", conflicts_with_all = ["shard", "time_budget", "seed_from_commit", "jobs", "shrink_budget"])]
    pub(crate) real: bool,

    /// The image that the brokers of --real run [default: WHITEWATER_KAFKA_IMAGE, or Apache's]
    #[arg(long, value_name = "NAME:TAG", requires = "real")]
    pub(crate) image: Option<String>,

    /// Fails where a scenario's data file is missing, instead of skipping it
    #[arg(long, env = "WHITEWATER_REQUIRE_DATA", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) require_data: bool,
}

/// How a run is written down.
#[derive(Args, Debug)]
pub(crate) struct ReportOptions {
    /// Prints one JSON object per line instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// Writes the same JSON lines to this file; `merge` reads it
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    /// Writes JUnit's XML to this file: a suite per scenario, a case per seed
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// `test`
#[derive(Args, Debug)]
pub(crate) struct TestOptions {
    /// Runs seeds 1 to N of each scenario
    #[arg(long, value_name = "N", default_value_t = 20, env = "MADSIM_TEST_NUM", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: u64,

    /// Takes another folder's scenarios, or one scenario (several times for several) [default: fast]
    #[arg(long = "scenario", value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,

    #[command(flatten)]
    pub(crate) libtest: libtest_mimic::Arguments,
}

/// `merge`
#[derive(Args, Debug)]
pub(crate) struct MergeOptions {
    /// What each shard wrote with --events
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) report: ReportOptions,
}

/// `replay`
#[derive(Args, Debug)]
pub(crate) struct ReplayOptions {
    /// A failure's folder, its plan.json, or a scenario's name (with --seed)
    #[arg(value_name = "PLAN | SCENARIO")]
    pub(crate) what: String,

    /// The seed of a scenario
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,

    /// Starts the story at this simulated time (12s, 1500ms)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,

    /// Only what this process did (worker-2, broker-1), and the faults
    #[arg(long, value_name = "NAME")]
    pub(crate) process: Option<String>,

    /// Only what touches this key, id or partition (IBM-000412, trades-3)
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Writes the whole trace, a JSON object per event, to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,

    /// Runs it in one process, without fork and escape trap, and says how to do so under a debugger
    #[arg(long)]
    pub(crate) debug: bool,
}

/// `shrink`
#[derive(Args, Debug)]
pub(crate) struct ShrinkOptions {
    /// A failure's folder or a saved plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,

    /// Ends after so much real time with the smallest plan so far [default: when nothing gets smaller]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) budget: Option<u64>,

    /// Ends after so many runs with the smallest plan so far [default: when nothing gets smaller]
    #[arg(long, value_name = "N")]
    pub(crate) runs: Option<u64>,

    /// Runners at the same time [default: the machine's processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

/// `ramp`
#[derive(Args, Debug)]
pub(crate) struct RampOptions {
    /// A scenario's name
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: String,

    /// How many times the load, one after another
    #[arg(
        long,
        value_name = "N,N",
        value_delimiter = ',',
        default_value = "1,2,10,100"
    )]
    pub(crate) steps: Vec<Factor>,

    /// The seed of the history
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,

    /// What a record costs a worker [default: as the benchmarks measured, else 10us]
    #[arg(long, value_name = "TIME", value_parser = ramp_costs::parse_cost)]
    pub(crate) cost_per_record: Option<Duration>,

    /// What a batch costs besides [default: 200us]
    #[arg(long, value_name = "TIME", value_parser = ramp_costs::parse_cost)]
    pub(crate) cost_per_batch: Option<Duration>,

    /// How long an fsync of the sink's disk takes [default: 1ms]
    #[arg(long, value_name = "TIME", value_parser = ramp_costs::parse_cost)]
    pub(crate) cost_per_fsync: Option<Duration>,

    /// Ends with exit code 1 if anything breaks at so many times the load, or at a step below
    #[arg(long, value_name = "N")]
    pub(crate) must_hold: Option<Factor>,

    /// Prints one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// `determinism`
#[derive(Args, Debug)]
pub(crate) struct DeterminismOptions {
    /// Scenario names, folders or files [default: fast and negative]
    #[arg(value_name = "SCENARIO")]
    pub(crate) names: Vec<String>,

    /// Compares seeds 1 to N
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: u64,
}

/// `init`
#[derive(Args, Debug)]
pub(crate) struct InitOptions {
    /// The crate's folder
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// `serve`
#[derive(Args, Debug)]
pub(crate) struct ServeOptions {
    /// Number of brokers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub(crate) brokers: u8,

    /// Port of the first broker; the others take the next ones (0: any free ports)
    #[arg(long, value_name = "PORT", default_value_t = 19092)]
    pub(crate) port: u16,

    /// Address to listen on, which clients are told too
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: String,
}
