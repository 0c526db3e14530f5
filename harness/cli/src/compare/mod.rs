//! Running two versions of a processor over the same events and sorting what they say, in bounded
//! memory. What the outcomes mean is [`whitewater::compare`]'s business.

pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod options;
pub(crate) mod outcomes;
pub(crate) mod sort;
pub(crate) mod version;
