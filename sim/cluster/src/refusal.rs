//! Why a part of a request is refused.

use kafka_protocol::ResponseError;

/// Error code and the text that goes with it.
pub(crate) type Refusal = (ResponseError, String);
