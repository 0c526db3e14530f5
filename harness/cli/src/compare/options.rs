//! What `compare` is told.

use std::path::PathBuf;

use clap::Args;
use rust_decimal::Decimal;
use whitewater::compare::sample::Share;

/// `compare`
#[derive(Args, Debug)]
pub(crate) struct CompareOptions {
    /// Events as JSON lines, plain, gzip or zstd (- for standard input), or a topic as it is now:
    /// kafka://HOST:PORT/TOPIC
    #[arg(value_name = "INPUT")]
    pub(crate) input: PathBuf,

    /// The version that is trusted
    #[arg(long, value_name = "VERSION")]
    pub(crate) old: String,

    /// The version in question
    #[arg(long, value_name = "VERSION")]
    pub(crate) new: String,

    /// The share of events to take, the same ones every time
    #[arg(long, value_name = "SHARE", default_value = "100%")]
    pub(crate) sample: Share,

    /// The field that decides what is taken, so that its events stay together (user, actor.login)
    /// [default: the message id]
    #[arg(long, value_name = "FIELD")]
    pub(crate) sample_by: Option<String>,

    /// The pipeline's configuration, which says where the fields stand
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Another configuration for the new version
    #[arg(long, value_name = "FILE")]
    pub(crate) new_config: Option<PathBuf>,

    /// How far apart numbers may be, in all columns or one; 0 lets 1.50 be 1.5
    #[arg(long, value_name = "[COLUMN=]NUMBER", value_parser = tolerance)]
    pub(crate) tolerance: Vec<(Option<String>, Decimal)>,

    /// A column not to compare
    #[arg(long, value_name = "COLUMN")]
    pub(crate) ignore: Vec<String>,

    /// The share that may differ [default: none]
    #[arg(long, value_name = "SHARE")]
    pub(crate) allow: Option<Share>,

    /// Ends after so many differences
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stop_after: Option<u64>,

    /// Prints one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// Writes the report as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Where every difference goes, a JSON object a line [default: target/whitewater/compare/OLD-NEW.jsonl]
    #[arg(long, value_name = "FILE")]
    pub(crate) rows: Option<PathBuf>,

    /// The `pipeline` binary [default: the one beside this command, else on the PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) pipeline: Option<PathBuf>,
}

fn tolerance(text: &str) -> Result<(Option<String>, Decimal), String> {
    let (column, number) = match text.rsplit_once('=') {
        Some((column, number)) => (Some(column.to_owned()), number),
        None => (None, text),
    };
    match number.parse::<Decimal>() {
        Ok(number) if !number.is_sign_negative() => Ok((column, number)),
        _ => Err("expected a number such as 0.01, or COLUMN=0.01".to_owned()),
    }
}
