//! Tells a trace as lines for people.
