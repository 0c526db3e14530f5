//! What a runtime was built with: code that would panic under tokio for want of a driver panics
//! here too.

use super::shared::Settings;
use crate::context::{self, CONTEXT_MISSING};

/// # Panics
/// Outside a runtime, or in one without timers.
#[track_caller]
pub(crate) fn require_time() {
    assert!(
        has(|settings| settings.time),
        "A Tokio 1.x context was found, but timers are disabled. Call `enable_time` on the runtime \
         builder to enable timers."
    );
}

/// # Panics
/// Outside a runtime, or in one without I/O.
#[track_caller]
pub(crate) fn require_io() {
    assert!(
        has(|settings| settings.io),
        "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the runtime \
         builder to enable IO."
    );
}

#[track_caller]
fn has(driver: fn(&Settings) -> bool) -> bool {
    assert!(whitewater_sim::world::in_world(), "{CONTEXT_MISSING}");
    context::read(|context| {
        let runtime = context.runtime.as_ref();
        // The runtime that every process has is built with everything.
        runtime.is_none_or(|runtime| driver(&runtime.shared().settings))
    })
}
