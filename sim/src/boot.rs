//! What a forked child knows of its seed before its world begins, and after it is over.
//!
//! Hash maps of the fresh thread draw their keys before the world exists, and the verdict is
//! written when it is over: neither may see the machine's randomness or clock.
#![cfg_attr(
    not(madsim),
    expect(dead_code, reason = "only interposed functions of libc ask")
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::random::generator;

/// The stream of the seed that a child draws from outside of its world.
const BOOT_STREAM: u64 = u64::MAX;
/// What the wall clock says outside of the world: 2026-01-01T00:00:00Z.
pub(crate) const WALL_MS: i64 = 1_767_225_600_000;

/// Asked at every call into libc, so it must not wait for the lock (whose own wait asks again).
static CHILD: AtomicBool = AtomicBool::new(false);
static GENERATOR: Mutex<Option<ChaCha8Rng>> = Mutex::new(None);

/// From now on this process is a child that runs `seed`.
pub(crate) fn begin(seed: u64) {
    *lock() = Some(generator(seed, BOOT_STREAM));
    CHILD.store(true, Ordering::SeqCst);
}

pub(crate) fn is_child() -> bool {
    CHILD.load(Ordering::Relaxed)
}

pub(crate) fn fill(bytes: &mut [u8]) {
    if let Some(generator) = lock().as_mut() {
        generator.fill_bytes(bytes);
    }
}

/// Drawing numbers can't panic, so the generator is whole even where a holder did.
fn lock() -> std::sync::MutexGuard<'static, Option<ChaCha8Rng>> {
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}
