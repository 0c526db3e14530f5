//! Ctrl-C.

use std::io;

use super::unix::{SignalKind, signal};

/// Completes when the process receives the next SIGINT. From the first poll on, that signal no
/// longer ends the process.
///
/// # Errors
/// None here.
pub async fn ctrl_c() -> io::Result<()> {
    signal(SignalKind::interrupt())?.recv().await;
    Ok(())
}
