//! Two versions of a processor, compared on the same events. Pure: who runs them and sorts what
//! they say is the command's business.
//!
//! A [`sample`] says which events to take; each version gives an [`outcome`] for each of them;
//! sorted outcomes are read as [`group`]s, one for each message id; the [`comparison`] of the groups
//! goes to a [`text`] for people, to JSON and to [`junit`].

pub mod cell;
pub mod comparison;
pub mod difference;
pub mod group;
pub mod junit;
pub mod outcome;
pub mod sample;
pub mod summary;
pub mod text;
