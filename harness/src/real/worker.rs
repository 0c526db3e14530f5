//! The main of one worker process: runs the pipeline under test, and writes down what it logs.

#![expect(
    clippy::disallowed_methods,
    reason = "real threads and real time: no part of a simulated build"
)]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use super::clock::nanos;
use super::protocol::WorkerOrder;
use crate::pipeline_under_test::PipelineEntry;
use crate::trace::{Event, Value};
use crate::tracing_fields::{Fields, PROBE};

/// Runs the pipeline that the order names, until it ends.
pub(super) fn main(pipelines: &[PipelineEntry], order: &str) -> ExitCode {
    match run(pipelines, order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(pipelines: &[PipelineEntry], order: &str) -> Result<(), String> {
    let order: WorkerOrder = serde_json::from_str(order).map_err(|error| error.to_string())?;
    let named = pipelines.iter().find(|(name, _)| *name == order.pipeline);
    let (_, pipeline) = named.ok_or_else(|| format!("no pipeline is called {}", order.pipeline))?;
    let events = Events::open(&order).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let events: &'static Events = Box::leak(Box::new(events));
    // The only error is that there is one already, and nothing ran before.
    let _ = tracing::subscriber::set_global_default(Subscribed(events));
    tell_panics(events);
    end_with_parent();
    runtime
        .block_on(pipeline.start(order.context))
        .map_err(|error| {
            let error = crate::pipeline_under_test::chain(error.as_ref());
            let fields = [
                ("level", Value::from("ERROR")),
                ("target", "main".into()),
                ("message", error.clone().into()),
            ];
            events.write("log", fields.into_iter().collect());
            error
        })
}

/// How soon a worker ends whose runner is gone.
const PARENT_LOOK: Duration = Duration::from_millis(500);

/// A runner that was killed can't end its workers; they see that it is gone.
fn end_with_parent() {
    let parent = std::os::unix::process::parent_id();
    std::thread::spawn(move || {
        while std::os::unix::process::parent_id() == parent {
            std::thread::sleep(PARENT_LOOK);
        }
        std::process::exit(1);
    });
}

fn tell_panics(events: &'static Events) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let fields = [
            ("message", panic.payload_as_str().unwrap_or_default().into()),
            (
                "location",
                panic
                    .location()
                    .map(ToString::to_string)
                    .unwrap_or_default()
                    .into(),
            ),
        ];
        events.write("panic", fields.into_iter().collect());
        print(panic);
    }));
}

/// Where the events go, a line each, written at once: a kill loses none that happened.
struct Events {
    file: Mutex<File>,
    began_unix: Duration,
    host: String,
    process: String,
}

impl Events {
    fn open(order: &WorkerOrder) -> std::io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&order.events)?;
        Ok(Self {
            file: Mutex::new(file),
            began_unix: Duration::from_nanos(order.began_unix_ns),
            host: order.host.clone(),
            process: order.context.worker.clone(),
        })
    }

    fn write(&self, kind: &'static str, fields: crate::trace::fields::Fields) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = since_1970
            .unwrap_or_default()
            .saturating_sub(self.began_unix);
        let event = Event {
            at_ns: nanos(at),
            host: self.host.as_str().into(),
            process: self.process.as_str().into(),
            kind: kind.into(),
            fields,
        };
        let Ok(mut line) = serde_json::to_string(&event) else {
            return;
        };
        line.push('\n');
        if let Ok(mut file) = self.file.lock() {
            // A worker goes on where nobody can write down what it says.
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// Receives the `tracing` events of the whole process. Spans are accepted and ignored.
struct Subscribed(&'static Events);

/// Libraries beside the pipeline log at a finer level what no history needs.
const LEVEL: tracing::Level = tracing::Level::DEBUG;

impl Subscriber for Subscribed {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= LEVEL
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::<Value>::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let named = |(name, value): (&'static str, Value)| (name == "name").then_some(value);
        if metadata.target() == PROBE {
            let name = fields.others.into_iter().find_map(named);
            self.0.write(
                "probe",
                name.map(|name| ("name", name)).into_iter().collect(),
            );
            return;
        }
        let own = [
            ("level", Value::from(metadata.level().as_str())),
            ("target", metadata.target().into()),
            ("message", fields.message.into()),
        ];
        self.0
            .write("log", own.into_iter().chain(fields.others).collect());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
