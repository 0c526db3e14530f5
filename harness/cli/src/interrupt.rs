//! Ctrl-C: the first press ends the work with a summary of what is known, the second at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit_code::ExitCode;
use crate::setup_error::SetupError;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and SIGTERM from now on.
pub(crate) fn listen() -> Result<(), SetupError> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(ExitCode::Interrupted as i32);
        }
    })
    .map_err(|error| SetupError::Other {
        message: format!("can't listen for Ctrl-C: {error}"),
    })
}

/// Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
