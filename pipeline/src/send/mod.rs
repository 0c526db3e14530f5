//! Sending a file of JSON lines or CSV, as it is or with stated rates of what goes wrong in the world.

mod csv_rows;
mod disorder;
mod producer;
mod rate;
mod source;

pub use disorder::{Disorder, DisorderRates, Kind, Outgoing};
pub use producer::{Counts, SendError, SendOptions, create_topic, send};
pub use rate::{Rate, RateError};
pub use source::{Lines, SourceError, SourceFormat};
