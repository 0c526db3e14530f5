//! The descriptor over which a runner and its parent talk.
#![expect(
    unsafe_code,
    reason = "takes over a descriptor known by its number only"
)]

use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// Takes over the socket whose descriptor the parent process named in the environment variable
/// `variable`. None where it names none, or was taken over already.
pub fn take(variable: &str) -> Option<UnixStream> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let descriptor: i32 = std::env::var(variable).ok()?.parse().ok()?;
    if descriptor <= libc::STDERR_FILENO || TAKEN.swap(true, Ordering::SeqCst) {
        return None;
    }
    // SAFETY: the parent opened the descriptor for this process and nothing in here opened one of
    // this number before `main`; the guard above makes this its only owner.
    Some(unsafe { UnixStream::from_raw_fd(descriptor) })
}
