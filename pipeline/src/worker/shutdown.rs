//! Noticing that the worker is to end.

use std::future::Future;
use std::pin::Pin;

/// The caller's wish to end, once it was uttered.
pub(super) struct Shutdown<'f> {
    wish: Pin<Box<dyn Future<Output = ()> + 'f>>,
    requested: bool,
}

impl<'f> Shutdown<'f> {
    pub(super) fn new(wish: impl Future<Output = ()> + 'f) -> Self {
        Self {
            wish: Box::pin(wish),
            requested: false,
        }
    }

    /// Lets other tasks and the runtime's drivers have their turn (a signal arrives through
    /// them), then looks whether the worker is to end.
    pub(super) async fn requested(&mut self) -> bool {
        tokio::task::yield_now().await;
        if !self.requested {
            self.requested = futures::poll!(self.wish.as_mut()).is_ready();
        }
        self.requested
    }
}
