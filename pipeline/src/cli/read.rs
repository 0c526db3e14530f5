//! `pipeline read`.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};

use crate::cli::args::ReadArgs;
use crate::cli::exit_code;
use crate::cli::failure::Failure;
use crate::cli::terminal::{grouped, say};
use crate::config::Config;
use crate::topic_read::{self, TopicReadError};

pub(super) fn read(args: &ReadArgs) -> Result<u8, Failure> {
    let mut config = Config::new(
        &args.brokers,
        [args.topic.clone()],
        "pipeline-read",
        "none",
        BTreeMap::new(),
        "none",
    );
    config.worker = "pipeline-read".to_owned();
    config.kafka = args.kafka.iter().cloned().collect();
    let output = BufWriter::with_capacity(1 << 18, io::stdout().lock());
    let lines = topic_read::read(&config, &args.topic, args.timeout(), output)?;
    say(
        "Read",
        &format!("{} records of `{}`", grouped(lines), args.topic),
    );
    Ok(exit_code::OK)
}

impl From<TopicReadError> for Failure {
    fn from(error: TopicReadError) -> Self {
        match error {
            TopicReadError::Log(error) => error.into(),
            TopicReadError::Write(error) => error.into(),
            error => Self::new(
                exit_code::KAFKA,
                error.to_string(),
                Some("check the brokers and the network, or wait longer with --timeout"),
            ),
        }
    }
}
