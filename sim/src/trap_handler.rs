//! The signals by which an escape is noticed: SIGSYS from the filter, SIGSEGV from the time stamp
//! counter and from the vDSO's missing clock page.
//!
//! Handlers only use what is safe in one: no allocation, no lock, no panic.
#![expect(unsafe_code, reason = "handles signals")]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{io, mem, ptr};

use libc::{greg_t, siginfo_t, ucontext_t};

use crate::trap_filter::PASS;
use crate::trap_record;

/// Stack of the handlers: a coroutine's own may be nearly used up.
const STACK_BYTES: usize = 64 << 10;

/// What the handlers need to know; made once and never freed.
pub(crate) struct Known {
    /// Absolute paths that may be opened for reading.
    pub(crate) readable: Vec<CString>,
    /// Where the vDSO's clock pages were.
    pub(crate) clock_pages: Vec<Range<usize>>,
    previous_segv: libc::sigaction,
}

static KNOWN: AtomicPtr<Known> = AtomicPtr::new(ptr::null_mut());

fn known() -> Option<&'static Known> {
    // SAFETY: null, or leaked by `install` and only read since.
    unsafe { KNOWN.load(Ordering::SeqCst).as_ref() }
}

/// Handles both signals from now on, on a stack of their own.
pub(crate) fn install(readable: Vec<CString>, clock_pages: Vec<Range<usize>>) -> io::Result<()> {
    let stack = Box::leak(vec![0_u8; STACK_BYTES].into_boxed_slice());
    let stack = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: STACK_BYTES,
    };
    // SAFETY: the stack is leaked, so it is there for as long as the thread.
    check(unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) })?;
    let previous_segv = handle(libc::SIGSEGV, on_segv)?;
    let known = Box::new(Known {
        readable,
        clock_pages,
        previous_segv,
    });
    KNOWN.store(Box::into_raw(known), Ordering::SeqCst);
    handle(libc::SIGSYS, on_sys)?;
    Ok(())
}

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

fn handle(signal: c_int, handler: Handler) -> io::Result<libc::sigaction> {
    // SAFETY: plain structs for which zeros are valid, filled as sigaction(2) asks.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        let mut previous: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler as usize;
        // A fault inside the handler comes in again and ends the child at once.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        check(libc::sigaction(
            signal,
            &raw const action,
            &raw mut previous,
        ))?;
        Ok(previous)
    }
}

fn check(status: c_int) -> io::Result<()> {
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A register of the interrupted code.
///
/// # Safety
/// `context` is what the kernel gave a handler, for as long as the result is used.
unsafe fn register<'a>(context: *mut c_void, index: c_int) -> &'a mut greg_t {
    // SAFETY: promised by the caller.
    unsafe { &mut (*context.cast::<ucontext_t>()).uc_mcontext.gregs[index as usize] }
}

extern "C" fn on_sys(_signal: c_int, _info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the context. It puts the call's number back before the signal.
    let (result, number, arguments) = unsafe {
        let result = register(context, libc::REG_RAX);
        let number = *result;
        let arguments = [
            libc::REG_RDI,
            libc::REG_RSI,
            libc::REG_RDX,
            libc::REG_R10,
            libc::REG_R8,
        ]
        .map(|index| *register(context, index));
        (result, number, arguments)
    };
    match pass(number, arguments) {
        Some(value) => *result = value,
        None => escape_by_call(number, arguments),
    }
}

/// Makes a call that reads a declared file, or the state of an open one; `None` for any other.
fn pass(number: c_long, arguments: [c_long; 5]) -> Option<c_long> {
    let [a, b, c, d, e] = arguments;
    let allowed = match number {
        libc::SYS_open => {
            let only_reads = b as c_int & libc::O_ACCMODE == libc::O_RDONLY;
            if only_reads && is_readable(a) {
                let at = c_long::from(libc::AT_FDCWD);
                return Some(call(libc::SYS_openat, [at, a, b, c, 0]));
            }
            false
        }
        libc::SYS_openat => c as c_int & libc::O_ACCMODE == libc::O_RDONLY && is_readable(b),
        libc::SYS_statx => is_readable(b) || is_empty_path(b, c),
        libc::SYS_newfstatat => is_readable(b) || is_empty_path(b, d),
        _ => false,
    };
    allowed.then(|| call(number, [a, b, c, d, e]))
}

/// Makes the call with the argument that the filter lets pass; the kernel's own result, an error
/// as a negative number.
fn call(number: c_long, [a, b, c, d, e]: [c_long; 5]) -> c_long {
    let result: c_long;
    // SAFETY: the arguments are those that the interrupted code made the call with. Not by way of
    // libc, whose function for it is interposed.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") c_long::from(PASS),
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// # Safety
/// A string that ends with a zero is at the address, as the kernel expects of the call.
unsafe fn path_at<'a>(address: c_long) -> Option<&'a CStr> {
    let path: *const c_char = ptr::with_exposed_provenance(address as usize);
    // SAFETY: promised by the caller. A wrong address faults, which ends the child as well.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })
}

/// glibc's allocator reads it before it gives memory back; nobody else sees what is in there.
const READ_BY_ALLOCATOR: &CStr = c"/proc/sys/vm/overcommit_memory";

fn is_readable(address: c_long) -> bool {
    // SAFETY: the argument of a call that takes a path there.
    let (Some(path), Some(known)) = (unsafe { path_at(address) }, known()) else {
        return false;
    };
    path == READ_BY_ALLOCATOR || known.readable.iter().any(|known| known.as_c_str() == path)
}

fn is_empty_path(address: c_long, flags: c_long) -> bool {
    // SAFETY: the argument of a call that takes a path there.
    let path = unsafe { path_at(address) };
    flags as c_int & libc::AT_EMPTY_PATH != 0 && path.is_none_or(|path| path.is_empty())
}

/// What a system call would do to the world outside, its name, and which argument is a path.
const CALLS: &[(c_long, &str, Option<usize>)] = &[
    (
        libc::SYS_clock_gettime,
        "reads the clock: clock_gettime",
        None,
    ),
    (
        libc::SYS_clock_getres,
        "reads the clock: clock_getres",
        None,
    ),
    (
        libc::SYS_gettimeofday,
        "reads the clock: gettimeofday",
        None,
    ),
    (libc::SYS_time, "reads the clock: time", None),
    (libc::SYS_times, "reads the clock: times", None),
    (libc::SYS_getrusage, "reads the clock: getrusage", None),
    (
        libc::SYS_timerfd_create,
        "reads the clock: timerfd_create",
        None,
    ),
    (libc::SYS_nanosleep, "sleeps in real time: nanosleep", None),
    (
        libc::SYS_clock_nanosleep,
        "sleeps in real time: clock_nanosleep",
        None,
    ),
    (libc::SYS_poll, "waits in real time: poll", None),
    (libc::SYS_ppoll, "waits in real time: ppoll", None),
    (libc::SYS_select, "waits in real time: select", None),
    (
        libc::SYS_epoll_create1,
        "waits in real time: epoll_create1",
        None,
    ),
    (libc::SYS_epoll_wait, "waits in real time: epoll_wait", None),
    (
        libc::SYS_getrandom,
        "reads real randomness: getrandom",
        None,
    ),
    (libc::SYS_clone, "starts a thread or a process: clone", None),
    (
        libc::SYS_clone3,
        "starts a thread or a process: clone3",
        None,
    ),
    (libc::SYS_fork, "starts a process: fork", None),
    (libc::SYS_vfork, "starts a process: vfork", None),
    (libc::SYS_execve, "starts a program: execve", Some(0)),
    (libc::SYS_open, "opens a file: open", Some(0)),
    (libc::SYS_openat, "opens a file: openat", Some(1)),
    (libc::SYS_openat2, "opens a file: openat2", Some(1)),
    (libc::SYS_creat, "creates a file: creat", Some(0)),
    (libc::SYS_stat, "looks at a file: stat", Some(0)),
    (libc::SYS_lstat, "looks at a file: lstat", Some(0)),
    (libc::SYS_statx, "looks at a file: statx", Some(1)),
    (libc::SYS_newfstatat, "looks at a file: newfstatat", Some(1)),
    (libc::SYS_access, "looks at a file: access", Some(0)),
    (libc::SYS_faccessat, "looks at a file: faccessat", Some(1)),
    (libc::SYS_faccessat2, "looks at a file: faccessat2", Some(1)),
    (libc::SYS_readlink, "looks at a file: readlink", Some(0)),
    (libc::SYS_readlinkat, "looks at a file: readlinkat", Some(1)),
    (
        libc::SYS_getcwd,
        "looks at the working directory: getcwd",
        None,
    ),
    (libc::SYS_getdents64, "lists a directory: getdents64", None),
    (libc::SYS_mkdir, "makes a directory: mkdir", Some(0)),
    (libc::SYS_mkdirat, "makes a directory: mkdirat", Some(1)),
    (libc::SYS_unlink, "removes a file: unlink", Some(0)),
    (libc::SYS_unlinkat, "removes a file: unlinkat", Some(1)),
    (libc::SYS_rename, "renames a file: rename", Some(0)),
    (libc::SYS_renameat2, "renames a file: renameat2", Some(1)),
    (libc::SYS_mmap, "maps a file: mmap", None),
    (libc::SYS_memfd_create, "creates a file: memfd_create", None),
    (libc::SYS_pipe2, "makes a pipe: pipe2", None),
    (
        libc::SYS_eventfd2,
        "makes an event descriptor: eventfd2",
        None,
    ),
    (libc::SYS_socket, "opens a socket: socket", None),
    (libc::SYS_socketpair, "opens a socket: socketpair", None),
    (libc::SYS_connect, "connects a socket: connect", None),
    (libc::SYS_kill, "signals a process: kill", None),
    (
        libc::SYS_sched_getaffinity,
        "counts processors: sched_getaffinity",
        None,
    ),
    (
        libc::SYS_getcpu,
        "asks which processor it is on: getcpu",
        None,
    ),
    (libc::SYS_uname, "asks which machine it is on: uname", None),
    (
        libc::SYS_sysinfo,
        "asks which machine it is on: sysinfo",
        None,
    ),
];

fn escape_by_call(number: c_long, arguments: [c_long; 5]) -> ! {
    let known = CALLS.iter().find(|(call, ..)| *call == number);
    match known {
        Some((_, what, Some(argument))) => {
            // SAFETY: the argument of a call that takes a path there.
            let path = unsafe { path_at(arguments[*argument]) };
            let path = path.map_or(&b""[..], CStr::to_bytes);
            trap_record::end_with(&[what.as_bytes(), b" of ", path])
        }
        Some((_, what, None)) => trap_record::end_with(&[what.as_bytes()]),
        None => {
            let mut digits = [0; 20];
            let digits = decimal(number.unsigned_abs(), &mut digits);
            trap_record::end_with(&[
                b"makes a system call that leaves the simulation: number ",
                digits,
            ])
        }
    }
}

fn decimal(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[at..];
        }
    }
}

extern "C" fn on_segv(_signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes both.
    let (address, instruction) = unsafe {
        let address = (*info).si_addr() as usize;
        (address, *register(context, libc::REG_RIP) as usize)
    };
    let Some(known) = known() else {
        return;
    };
    if known.clock_pages.iter().any(|page| page.contains(&address)) {
        trap_record::end_with(&[
            b"reads the clock: the vDSO, not by way of the C library's functions",
        ]);
    }
    // SAFETY: the kernel passes the info.
    if unsafe { (*info).si_code } == SI_KERNEL && is_time_stamp_counter(instruction) {
        trap_record::end_with(&[b"reads the time stamp counter: rdtsc"]);
    }
    // A real fault: as if this handler had never been there, the instruction runs again.
    // SAFETY: the action is the one that was in force before.
    unsafe {
        libc::sigaction(
            libc::SIGSEGV,
            &raw const known.previous_segv,
            ptr::null_mut(),
        )
    };
}

/// A fault without an address (a general protection fault), as a forbidden `rdtsc` is.
const SI_KERNEL: c_int = 0x80;

fn is_time_stamp_counter(instruction: usize) -> bool {
    let code: *const u8 = ptr::with_exposed_provenance(instruction);
    // SAFETY: the processor has just read the instruction there. The third byte belongs to it
    // where the first two are rdtscp's.
    unsafe {
        match [*code, *code.add(1)] {
            [0x0F, 0x31] => true,
            [0x0F, 0x01] => *code.add(2) == 0xF9,
            _ => false,
        }
    }
}
