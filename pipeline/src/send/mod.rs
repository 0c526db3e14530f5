//! Sending a file of JSON lines, as it is or with stated rates of what goes wrong in the world.

mod disorder;
mod producer;
mod rate;
mod source;

pub use disorder::{Disorder, DisorderRates, Kind, Outgoing};
pub use producer::{Counts, SendError, SendOptions, create_topic, send};
pub use rate::{Rate, RateError};
pub use source::{Lines, SourceError};
