//! Whether the interposed functions of libc are in force: which definition a program got is
//! decided when it is linked, so it has to be tried.
#![expect(unsafe_code, reason = "calls libc directly, as dependencies do")]

use std::ffi::{CStr, c_void};
use std::ptr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::random::{Stream, Streams};
use crate::world::{self, WorldConfig, WorldError};
use crate::{process, task, time};

/// Why a simulated build can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Calls of a function go elsewhere.
    #[error(
        "the simulated {function} is not in force: another definition of it came first when this \
         program was linked"
    )]
    NotInterposed {
        /// The libc function.
        function: &'static str,
    },
    /// The check itself did not come to an end.
    #[error("the check of the interposed functions failed")]
    World(#[from] WorldError),
}

/// Tries, in a small world of its own, that the standard library and libc get simulated time,
/// randomness and sleeps. For a thread without a world.
///
/// # Errors
///
/// The first function that gives something real.
pub fn self_check() -> Result<(), CheckError> {
    let config = WorldConfig {
        seed: 0x5e1f,
        ..WorldConfig::default()
    };
    world::run(config, async move {
        check_clock(config)?;
        check_randomness(config)?;
        in_force("getpid", {
            // SAFETY: it takes nothing.
            let pid = unsafe { libc::getpid() };
            u32::try_from(pid).ok() == Some(process::pid(process::current()))
        })?;
        in_force(
            "pthread_create",
            is_ours(c"pthread_create", libc::pthread_create as _),
        )?;
        in_force("exit", is_ours(c"exit", libc::exit as _))?;
        check_sleep().await
    })?
}

fn in_force(function: &'static str, is: bool) -> Result<(), CheckError> {
    if is {
        Ok(())
    } else {
        Err(CheckError::NotInterposed { function })
    }
}

fn check_clock(config: WorldConfig) -> Result<(), CheckError> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let start = Duration::from_millis(config.wall_ms_at_start.unsigned_abs());
    let near_start = |at: Duration| {
        at.checked_sub(start)
            .is_some_and(|late| late < Duration::from_secs(1))
    };
    in_force("clock_gettime", wall.is_ok_and(near_start))?;
    let (before, simulated) = (Instant::now(), time::now());
    let elapsed = before.elapsed();
    in_force("clock_gettime", elapsed == time::now() - simulated)?;
    // SAFETY: it takes null for "no second copy of the result, please".
    let seconds = unsafe { libc::time(ptr::null_mut()) };
    let seconds = u64::try_from(seconds).unwrap_or(0);
    in_force("time", seconds == start.as_secs())
}

fn check_randomness(config: WorldConfig) -> Result<(), CheckError> {
    let mut expected = Streams::new(config.seed);
    let mut next = || {
        let mut bytes = [0_u8; 16];
        expected.fill(Stream::Entropy, &mut bytes);
        bytes
    };
    let mut drawn = [0_u8; 16];
    // SAFETY: the buffer is as long as it says.
    unsafe { libc::getrandom(drawn.as_mut_ptr().cast(), drawn.len(), 0) };
    in_force("getrandom", drawn == next())?;
    // SAFETY: the arguments of getrandom, as above.
    unsafe { libc::syscall(libc::SYS_getrandom, drawn.as_mut_ptr(), drawn.len(), 0) };
    in_force("syscall", drawn == next())
}

async fn check_sleep() -> Result<(), CheckError> {
    let slept = task::spawn_coroutine(async {
        let before = time::now();
        #[expect(
            clippy::disallowed_methods,
            reason = "the check is that it takes simulated time"
        )]
        std::thread::sleep(Duration::from_millis(10));
        time::now() - before
    });
    let slept = slept.await.ok();
    let right = slept.is_some_and(|slept| slept.as_millis() == 10);
    in_force("nanosleep", right)
}

/// Whether `linked`, the function that calls reach, is another one than the C library's.
fn is_ours(name: &CStr, linked: *const c_void) -> bool {
    // SAFETY: the name ends with a NUL byte.
    let real = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    !real.is_null() && real.cast_const() != linked
}
