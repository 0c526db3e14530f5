//! The fields of a `tracing` event, as a trace holds them.

use std::fmt::{Debug, Write as _};

use tracing::field::{Field, Visit};

/// The target of an event that is a probe; its field `name` says which.
pub const PROBE: &str = "probe";

/// One event's fields, its message apart.
#[derive(Debug)]
pub struct Fields<V> {
    /// The message.
    pub message: String,
    /// The others, in the order in which they were written.
    pub others: Vec<(&'static str, V)>,
}

impl<V> Default for Fields<V> {
    fn default() -> Self {
        Self {
            message: String::new(),
            others: Vec::new(),
        }
    }
}

impl<V> Fields<V> {
    fn push(&mut self, field: &Field, value: V) {
        self.others.push((field.name(), value));
    }
}

impl<V> Visit for Fields<V>
where
    V: From<i64> + From<bool> + for<'t> From<&'t str> + From<String>,
{
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // Nothing that is counted comes near the limit.
        self.push(field, i64::try_from(value).unwrap_or(i64::MAX).into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.push(field, value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a String can't fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.push(field, format!("{value:?}").into());
        }
    }
}
