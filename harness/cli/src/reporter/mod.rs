//! A run told as it goes: one stream of events, one file per way of writing it down.

pub(crate) mod broadcast;
pub(crate) mod github;
pub(crate) mod json_lines;
pub(crate) mod junit;
#[cfg(test)]
pub(crate) mod planted;
pub(crate) mod sink;
pub(crate) mod terminal;
