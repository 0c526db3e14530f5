//! The escape trap: in a simulated run, code that reads the real clock or real randomness, starts a
//! thread, or touches a real file or socket ends the run, and says where it is.
//!
//! Three nets, set in the child after its start and before the code under test runs:
//! a seccomp filter over the thread (by whatever way a system call is made), the processor's refusal
//! of `rdtsc`, and the removal of the page from which the vDSO reads the clock. What goes by way of
//! libc's functions never gets there: those are simulated ([`escaped`] is for those that can't be).
//!
//! *Files that the code needs.* A path in [`TrapOptions::readable`] can be opened and read as it is
//! on the machine, at any time in the run, by exactly that path; nothing else can. Such files are not on
//! a simulated disk: no fault hits them, and the run is a function of their contents too. The
//! environment is the process's own.
//!
//! The nets stay for the rest of the child's life: descriptors that it needs later (the verdict, a
//! trace file) have to be open before.
#![expect(unsafe_code, reason = "asks the kernel for the processor's help")]

use std::ffi::{CString, c_int};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub use crate::trap_record::{ESCAPED, EscapeRecord};
use crate::{trap_filter, trap_handler, trap_record, trap_vdso};

/// How to set the trap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrapOptions {
    /// Gets the record of an escape (see [`EscapeRecord::parse`]). Stays open.
    pub descriptor: RawFd,
    /// Files that may be opened for reading, as the code under test names them.
    pub readable: Vec<PathBuf>,
}

/// Which nets are in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nets {
    /// System calls.
    pub system_calls: bool,
    /// `rdtsc`.
    pub time_stamp_counter: bool,
    /// The clock of the vDSO.
    pub vdso: bool,
}

impl Nets {
    /// One sentence that says what can escape unnoticed; `None` where nothing can.
    #[must_use]
    pub fn warning(self) -> Option<String> {
        let holes: Vec<&str> = [
            (self.system_calls, "system calls that bypass libc"),
            (self.time_stamp_counter, "the time stamp counter"),
            (self.vdso, "the vDSO's clock"),
        ]
        .into_iter()
        .filter_map(|(closed, hole)| (!closed).then_some(hole))
        .collect();
        (!holes.is_empty()).then(|| {
            format!(
                "this system does not permit the whole escape trap: {} would not be noticed",
                holes.join(", ")
            )
        })
    }
}

/// Sets the trap on the calling thread, which runs the world, for good.
///
/// A net that the system refuses is left out, and the result says so.
///
/// # Errors
/// Where the signals can't be handled, or a path holds a zero byte.
pub fn install(options: &TrapOptions) -> io::Result<Nets> {
    let readable = options
        .readable
        .iter()
        .map(|path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from))
        .collect::<io::Result<Vec<_>>>()?;
    trap_record::warm_up();
    trap_record::write_to(options.descriptor);
    let pages = trap_vdso::unmap();
    let vdso = pages.is_ok();
    trap_handler::install(readable, pages.unwrap_or_default())?;
    let time_stamp_counter = forbid_time_stamp_counter();
    let system_calls = trap_filter::install().is_ok();
    Ok(Nets {
        system_calls,
        time_stamp_counter,
        vdso,
    })
}

fn forbid_time_stamp_counter() -> bool {
    // SAFETY: takes numbers; changes how this thread may use one instruction.
    unsafe { libc::prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0 }
}

/// Of linux/prctl.h.
const PR_SET_TSC: c_int = 26;
const PR_TSC_SIGSEGV: c_int = 2;

/// Ends the run because of something that can't be simulated: for a function of libc's that was
/// interposed. `what` reads as "starts a thread: pthread_create". Returns where no trap is set.
pub fn escaped(what: &str) {
    if trap_record::is_set() {
        trap_record::end_with(&[what.as_bytes()]);
    }
}
