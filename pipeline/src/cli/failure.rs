//! A failure as people see it, and its exit code.

use std::io::IsTerminal;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, MietteDiagnostic, Report};

use crate::cli::exit_code;
use crate::kafka_log::LogError;
use crate::rebuild::RebuildError;
use crate::send::SendError;
use crate::sink::SinkError;
use crate::sqlite::ReadError;
use crate::status::StatusError;
use crate::worker::WorkerError;

/// What to print, and the number to end with.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: u8,
    report: Report,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl Into<String>, help: Option<&str>) -> Self {
        let mut diagnostic = MietteDiagnostic::new(message);
        if let Some(help) = help {
            diagnostic = diagnostic.with_help(help);
        }
        Self {
            code,
            report: Report::new(diagnostic),
        }
    }

    pub(super) fn diagnostic(
        code: u8,
        diagnostic: impl Diagnostic + Send + Sync + 'static,
    ) -> Self {
        Self {
            code,
            report: Report::new(diagnostic),
        }
    }

    /// Prints it on standard error.
    pub(super) fn print(&self) {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let mut theme = if colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        theme.characters.error = "error:".to_owned();
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_wrap_lines(false)
            .with_links(false);
        let mut text = String::new();
        match handler.render_report(&mut text, self.report.as_ref()) {
            Ok(()) => eprintln!("{}", text.trim()),
            Err(_) => eprintln!("error: {}", self.report),
        }
    }
}

impl From<WorkerError> for Failure {
    fn from(error: WorkerError) -> Self {
        let code = match &error {
            WorkerError::UnknownProcessor(_) | WorkerError::Fields(_) | WorkerError::Client(_) => {
                exit_code::CONFIG
            }
            WorkerError::Unreachable { .. }
            | WorkerError::TopicMissing { .. }
            | WorkerError::Kafka(_) => exit_code::KAFKA,
            WorkerError::Sink(_) => exit_code::SINK,
            WorkerError::LogEndsEarly { .. } | WorkerError::LogRewritten { .. } => {
                exit_code::LOG_CHANGED
            }
        };
        Self::new(code, error.to_string(), error.help())
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let (code, help) = match &error {
            LogError::Client(_) => (exit_code::CONFIG, "check the [kafka] table"),
            LogError::Unreachable { .. } => (exit_code::KAFKA, "check the address and the network"),
            LogError::TopicMissing { .. } => (
                exit_code::KAFKA,
                "check its name, or create it: `pipeline send --create-topic PARTITIONS` does",
            ),
        };
        Self::new(code, error.to_string(), Some(help))
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let help = match &error {
            ReadError::NoSink { .. } | ReadError::NoResultSet { .. } => Some(
                "`pipeline run` makes it; a relative path is relative to the current directory",
            ),
            _ => None,
        };
        Self::new(exit_code::SINK, error.to_string(), help)
    }
}

impl From<StatusError> for Failure {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Log(error) => error.into(),
            StatusError::Sink(error) => error.into(),
        }
    }
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        WorkerError::from(error).into()
    }
}

impl From<RebuildError> for Failure {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Log(error) => error.into(),
            RebuildError::Read(error) => error.into(),
            RebuildError::Reset(error) => error.into(),
            RebuildError::Worker(error) => error.into(),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let code = match &error {
            SendError::Client(_) => exit_code::CONFIG,
            SendError::Source(_) => exit_code::SOURCE,
            SendError::Kafka { .. } | SendError::Create { .. } => exit_code::KAFKA,
        };
        Self::new(code, error.to_string(), None)
    }
}

/// Standard output can't be written, for example because the pager was closed.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(
            exit_code::FAILED,
            format!("writing the output failed: {error}"),
            None,
        )
    }
}
