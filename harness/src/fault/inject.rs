//! How a runner brings a drawn fault about, and ends it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::runner::injector::Injector;

/// A fault that has begun.
pub(crate) struct Begun {
    /// Whether it took effect at once.
    pub(crate) hit: bool,
    /// Undoes it, and says whether it took effect since. Nothing happens before it is polled.
    pub(crate) end: Pin<Box<dyn Future<Output = bool>>>,
}

impl Begun {
    /// It is over already; `hit`: it took effect.
    pub(crate) fn over(hit: bool) -> Self {
        Self::until(hit, async {})
    }

    /// It goes on until `end`; `hit`: it took effect.
    pub(crate) fn until(hit: bool, end: impl Future<Output = ()> + 'static) -> Self {
        let end = Box::pin(async move {
            end.await;
            false
        });
        Self { hit, end }
    }

    /// It takes effect when somebody runs into it. `end` says whether somebody did.
    pub(crate) fn armed(end: impl Future<Output = bool> + 'static) -> Self {
        Self {
            hit: false,
            end: Box::pin(end),
        }
    }
}

/// A kind's action, as a runner performs it.
pub(crate) trait Inject {
    /// Brings it about; what it does ends at `ends_at` at the latest.
    async fn begin(&self, on: &Injector, ends_at: Duration) -> Begun;
}
