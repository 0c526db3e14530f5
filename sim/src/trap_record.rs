//! What the child says of an escape, in a form that a signal handler can write: a line of words,
//! then a line with each return address, innermost first.
#![expect(unsafe_code, reason = "walks the stack and writes to a descriptor")]

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Exit code of a child that was ended by an escape.
pub const ESCAPED: i32 = 113;

/// Return addresses at most: a runaway recursion must not make a record without end.
const FRAMES_MAX: usize = 128;

/// Where the record goes; −1 before the trap is set.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);
/// Set once a record is begun: a fault while it is written ends the child with what there is.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// An escape as the child wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscapeRecord {
    /// What the code tried, as "reads the clock: clock_gettime".
    pub what: String,
    /// Where it was, in the address space of the child (and of the zygote, which is the same).
    pub addresses: Vec<usize>,
}

impl EscapeRecord {
    /// Reads what a child wrote; `None` where it wrote nothing.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let what = lines.next().filter(|what| !what.is_empty())?.to_owned();
        let addresses = lines
            .map_while(|line| usize::from_str_radix(line, 16).ok())
            .collect();
        Some(Self { what, addresses })
    }
}

pub(crate) fn write_to(descriptor: c_int) {
    DESCRIPTOR.store(descriptor, Ordering::SeqCst);
}

/// Whether records go anywhere: the trap is set in this process.
pub(crate) fn is_set() -> bool {
    DESCRIPTOR.load(Ordering::SeqCst) >= 0
}

/// Writes the record, made of `parts`, and ends the process. Safe in a signal handler.
pub(crate) fn end_with(parts: &[&[u8]]) -> ! {
    if !BEGUN.swap(true, Ordering::SeqCst) {
        for part in parts {
            write(part);
        }
        write(b"\n");
        each_address(write_address);
    }
    // SAFETY: takes a number; runs no destructor.
    unsafe { libc::_exit(ESCAPED) }
}

fn write(mut bytes: &[u8]) {
    let descriptor = DESCRIPTOR.load(Ordering::SeqCst);
    while !bytes.is_empty() {
        // SAFETY: a buffer with its length.
        let written = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(count) if count > 0 => bytes = &bytes[count..],
            // Nobody is left to be told.
            _ => return,
        }
    }
}

fn write_address(address: usize) {
    let mut digits = [b'0'; 17];
    digits[16] = b'\n';
    let mut rest = address;
    for digit in digits[..16].iter_mut().rev() {
        *digit = b"0123456789abcdef"[rest & 0xF];
        rest >>= 4;
    }
    write(&digits);
}

#[repr(C)]
struct UnwindContext {
    _opaque: [u8; 0],
}

const KEEP_GOING: c_int = 0;
const STOP: c_int = 4;

// The unwinder that the standard library is linked with.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        visit: extern "C" fn(*mut UnwindContext, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIPInfo(context: *mut UnwindContext, before_instruction: *mut c_int) -> usize;
}

struct Walk {
    visit: fn(usize),
    frames: usize,
}

extern "C" fn visit_frame(context: *mut UnwindContext, walk: *mut c_void) -> c_int {
    // SAFETY: the unwinder passes on what `each_address` gave it.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    let mut before_instruction = 0;
    // SAFETY: the context is valid during the visit.
    let address = unsafe { _Unwind_GetIPInfo(context, &raw mut before_instruction) };
    if address == 0 || walk.frames == FRAMES_MAX {
        return STOP;
    }
    walk.frames += 1;
    // A return address is the instruction after the call, which may belong to another line.
    (walk.visit)(address - usize::from(before_instruction == 0));
    KEEP_GOING
}

/// Visits the calls on the stack, innermost first; from a signal handler also those below it.
fn each_address(visit: fn(usize)) {
    let mut walk = Walk { visit, frames: 0 };
    // SAFETY: the callback gets the walk, which outlives the call.
    unsafe { _Unwind_Backtrace(visit_frame, (&raw mut walk).cast()) };
}

/// Lets the unwinder load what it loads at its first use, while it still may.
pub(crate) fn warm_up() {
    each_address(|_| {});
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written() {
        let record =
            EscapeRecord::parse(b"opens a file: openat\n00000000000000ff\n0000000000001000\n");
        let expected = EscapeRecord {
            what: "opens a file: openat".to_owned(),
            addresses: vec![0xFF, 0x1000],
        };
        assert_eq!(record, Some(expected));
        assert_eq!(EscapeRecord::parse(b""), None);
    }

    #[test]
    fn keeps_what_was_written_before_a_fault() {
        let record =
            EscapeRecord::parse(b"reads the time stamp counter: rdtsc\n00000000000000ff\n0000");
        assert_eq!(record.unwrap().addresses, [0xFF, 0]);
    }
}
