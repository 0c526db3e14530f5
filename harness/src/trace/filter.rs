//! Narrows a trace to what a reader asked for.
