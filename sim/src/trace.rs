//! The one ordered stream of what happened. Checkers, reports and the run's hash are views of it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3Default;

use crate::process::ProcessId;
use crate::world::{self, World};

/// A field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// A truth value.
    Bool(bool),
}

macro_rules! value_from_int {
    ($($int:ty),*) => {$(
        impl From<$int> for Value {
            fn from(value: $int) -> Self {
                Self::Int(i64::from(value))
            }
        }
    )*};
}
value_from_int!(i8, i16, i32, i64, u8, u16, u32);

/// Counts past `i64::MAX` are cut off there.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// Counts past `i64::MAX` are cut off there.
impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(value) => value.fmt(formatter),
            Self::Text(value) => formatter.pad(value),
            Self::Bool(value) => value.fmt(formatter),
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Monotonic simulated time.
    pub at: Duration,
    /// Name of the host.
    pub host: Arc<str>,
    /// Name of the process.
    pub process: Arc<str>,
    /// What kind of event, from the vocabulary that checkers know.
    pub kind: &'static str,
    /// Its fields, in the order in which they were given.
    pub fields: Vec<(&'static str, Value)>,
}

impl Event {
    /// The value of the field `name`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find_map(|(field, value)| (*field == name).then_some(value))
    }

    /// The whole number in the field `name`.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.field(name)? {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The text in the field `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }
}

/// Receives each event as it happens.
pub type Sink = Box<dyn FnMut(Event)>;

pub(crate) struct Trace {
    events: Vec<Event>,
    sink: Option<Sink>,
    hasher: Box<Xxh3Default>,
    scratch: Vec<u8>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            events: Vec::new(),
            sink: None,
            hasher: Box::default(),
            scratch: Vec::with_capacity(256),
        }
    }

    fn push(&mut self, event: Event) {
        self.scratch.clear();
        encode(&event, &mut self.scratch);
        self.hasher.update(&self.scratch);
        match &mut self.sink {
            Some(sink) => sink(event),
            None => self.events.push(event),
        }
    }
}

/// An encoding in which no two different events are alike: every text is preceded by its length,
/// every value by its type.
fn encode(event: &Event, out: &mut Vec<u8>) {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(&event.at.as_nanos().to_le_bytes());
    text(out, &event.host);
    text(out, &event.process);
    text(out, event.kind);
    out.extend_from_slice(&(event.fields.len() as u64).to_le_bytes());
    for (name, value) in &event.fields {
        text(out, name);
        match value {
            Value::Int(value) => {
                out.push(0);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Value::Text(value) => {
                out.push(1);
                text(out, value);
            }
            Value::Bool(value) => out.extend_from_slice(&[2, u8::from(*value)]),
        }
    }
}

/// Records that the current process did something.
#[track_caller]
pub fn event(kind: &'static str, fields: &[(&'static str, Value)]) {
    event_owned(kind, fields.to_vec());
}

/// As [`event`], without a copy of the fields.
#[track_caller]
pub fn event_owned(kind: &'static str, fields: Vec<(&'static str, Value)>) {
    world::with(|world| record(world, world.executor.current_process(), kind, fields));
}

/// Records that a code point was reached.
#[track_caller]
pub fn probe(name: &'static str) {
    event_owned("probe", vec![("name", name.into())]);
}

/// Takes the events recorded since the last call. The hash keeps covering them.
#[track_caller]
pub fn take() -> Vec<Event> {
    world::with(|world| std::mem::take(&mut world.trace.borrow_mut().events))
}

/// From now on hands every event to `sink` instead of keeping it: for runs whose trace does not
/// fit into memory. The sink must not record events itself.
#[track_caller]
pub fn stream_to(sink: Sink) {
    world::with(|world| world.trace.borrow_mut().sink = Some(sink));
}

/// XXH3-128 over every event so far.
#[track_caller]
pub fn hash() -> u128 {
    world::with(|world| world.trace.borrow().hasher.digest128())
}

/// Records an event of `process`. Dropped where the trace is in use: then a panic inside the
/// trace itself is being reported.
pub(crate) fn record(
    world: &World,
    process: ProcessId,
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
) {
    let (Ok(mut trace), Ok(processes), Ok(hosts)) = (
        world.trace.try_borrow_mut(),
        world.processes.try_borrow(),
        world.hosts.try_borrow(),
    ) else {
        return;
    };
    let owner = processes.get(process);
    trace.push(Event {
        at: Duration::from_nanos(world.now_ns()),
        host: hosts.get(owner.host).name.clone(),
        process: owner.name.clone(),
        kind,
        fields,
    });
}
