//! libc's clock, randomness, sleeps and identities, as the simulated world has them.
//!
//! The linker takes these definitions before those of the C library, so the standard library and
//! every dependency that goes through libc gets them without knowing. On a thread without a world
//! they call the real ones; in a forked child ([`crate::isolation`]) before its world starts the
//! clock stands still and randomness comes from the seed.
#![expect(
    unsafe_code,
    reason = "defines functions of the C library, which get and give raw pointers"
)]

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use libc::{clockid_t, pthread_attr_t, pthread_t, size_t, ssize_t, time_t, timespec, timeval};

use crate::futex::{self, Waited};
use crate::process::{self, HARNESS};
use crate::{boot, host, random, task, time, world};

/// What CLOCK_MONOTONIC says when a world begins: a host that has been up for a day, so that
/// subtracting from `Instant::now()` works as usual.
const MONOTONIC_AT_START_NS: u64 = 86_400_000_000_000;
/// Simulated time that one reading of a clock takes, so that a loop that only looks at the clock
/// comes to an end.
const READ_NS: u64 = 100;
/// How many processors every host has.
const PROCESSORS: c_int = 4;

/// The next definition of a libc function, looked up once.
macro_rules! real {
    ($name:literal as $type:ty) => {{
        static REAL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
        let function = real_function(&REAL, $name);
        // SAFETY: the C library defines the function of this name with this signature.
        unsafe { std::mem::transmute::<*mut c_void, $type>(function) }
    }};
}

fn real_function(cache: &AtomicPtr<c_void>, name: &CStr) -> *mut c_void {
    let known = cache.load(Ordering::Relaxed);
    if !known.is_null() {
        return known;
    }
    // SAFETY: `name` ends with a NUL byte.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    if found.is_null() {
        give_up(&format!("the C library has no {}", name.to_string_lossy()));
    }
    cache.store(found, Ordering::Relaxed);
    found
}

/// Ends the run: what was called can't be simulated here.
fn give_up(what: &str) -> ! {
    crate::trap::escaped(what);
    eprintln!("escape: {what}");
    let abort = real!(c"abort" as unsafe extern "C" fn() -> !);
    // SAFETY: it takes nothing, and does not return.
    unsafe { abort() }
}

fn set_errno(errno: c_int) -> c_int {
    // SAFETY: the address of the thread's own errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Whose time and randomness the calling thread gets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    World,
    /// A forked child whose world has not begun, or is over.
    Boot,
    Real,
}

fn source() -> Source {
    if world::in_world() {
        Source::World
    } else if boot::is_child() {
        Source::Boot
    } else {
        Source::Real
    }
}

/// Nanoseconds of a clock; `None` for a clock that does not exist.
fn read_clock(clock: clockid_t, source: Source) -> Option<i128> {
    let (monotonic_ns, wall_ns) = match source {
        Source::World => {
            world::with(|world| world.advance_ns(READ_NS));
            let now = i128::from(time::nanos(time::now()));
            (now + i128::from(MONOTONIC_AT_START_NS), time::wall_ns())
        }
        Source::Boot | Source::Real => (
            i128::from(MONOTONIC_AT_START_NS),
            i128::from(boot::WALL_MS) * 1_000_000,
        ),
    };
    match clock {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => Some(wall_ns),
        libc::CLOCK_MONOTONIC
        | libc::CLOCK_MONOTONIC_RAW
        | libc::CLOCK_MONOTONIC_COARSE
        | libc::CLOCK_BOOTTIME
        | libc::CLOCK_PROCESS_CPUTIME_ID
        | libc::CLOCK_THREAD_CPUTIME_ID => Some(monotonic_ns),
        _ => None,
    }
}

fn to_timespec(ns: i128) -> timespec {
    timespec {
        tv_sec: ns.div_euclid(1_000_000_000) as time_t,
        tv_nsec: ns.rem_euclid(1_000_000_000) as c_long,
    }
}

/// # Safety
///
/// `time` points to a timespec.
unsafe fn to_ns(time: *const timespec) -> u64 {
    // SAFETY: by this function's contract.
    let time = unsafe { &*time };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// # Safety
///
/// As POSIX has it: `time` points to a timespec, or is null.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let source = source();
    if source == Source::Real {
        let real =
            real!(c"clock_gettime" as unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int);
        // SAFETY: the caller's own arguments.
        return unsafe { real(clock, time) };
    }
    let Some(ns) = read_clock(clock, source) else {
        return set_errno(libc::EINVAL);
    };
    if !time.is_null() {
        // SAFETY: the caller gave a place for the result.
        unsafe { *time = to_timespec(ns) };
    }
    0
}

/// # Safety
///
/// As POSIX has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_getres(clock: clockid_t, resolution: *mut timespec) -> c_int {
    let source = source();
    if source == Source::Real {
        let real =
            real!(c"clock_getres" as unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int);
        // SAFETY: the caller's own arguments.
        return unsafe { real(clock, resolution) };
    }
    if read_clock(clock, source).is_none() {
        return set_errno(libc::EINVAL);
    }
    if !resolution.is_null() {
        // SAFETY: the caller gave a place for the result.
        unsafe { *resolution = to_timespec(1) };
    }
    0
}

/// # Safety
///
/// As POSIX has it; the time zone is obsolete and left as it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(now: *mut timeval, zone: *mut c_void) -> c_int {
    let source = source();
    if source == Source::Real {
        let real =
            real!(c"gettimeofday" as unsafe extern "C" fn(*mut timeval, *mut c_void) -> c_int);
        // SAFETY: the caller's own arguments.
        return unsafe { real(now, zone) };
    }
    if let (Some(ns), false) = (read_clock(libc::CLOCK_REALTIME, source), now.is_null()) {
        let spec = to_timespec(ns);
        // SAFETY: the caller gave a place for the result.
        unsafe {
            *now = timeval {
                tv_sec: spec.tv_sec,
                tv_usec: spec.tv_nsec / 1_000,
            };
        }
    }
    0
}

/// # Safety
///
/// As POSIX has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn time(now: *mut time_t) -> time_t {
    let source = source();
    if source == Source::Real {
        let real = real!(c"time" as unsafe extern "C" fn(*mut time_t) -> time_t);
        // SAFETY: the caller's own arguments.
        return unsafe { real(now) };
    }
    let seconds = read_clock(libc::CLOCK_REALTIME, source).map_or(0, |ns| to_timespec(ns).tv_sec);
    if !now.is_null() {
        // SAFETY: the caller gave a place for the result.
        unsafe { *now = seconds };
    }
    seconds
}

/// Fills `buffer` from the seed; false where the caller gets real randomness.
///
/// # Safety
///
/// `buffer` is valid for writes of `length` bytes.
unsafe fn fill(buffer: *mut c_void, length: size_t) -> bool {
    let source = source();
    if source == Source::Real {
        return false;
    }
    if length > 0 {
        // SAFETY: by this function's contract; zeroed first, since it may not be initialised.
        let bytes = unsafe {
            ptr::write_bytes(buffer.cast::<u8>(), 0, length);
            slice::from_raw_parts_mut(buffer.cast::<u8>(), length)
        };
        match source {
            Source::World => random::fill(bytes),
            Source::Boot | Source::Real => boot::fill(bytes),
        }
    }
    true
}

/// # Safety
///
/// As Linux has it: `buffer` is valid for writes of `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    // SAFETY: the caller's own arguments.
    if unsafe { fill(buffer, length) } {
        return ssize_t::try_from(length).unwrap_or(ssize_t::MAX);
    }
    let real = real!(c"getrandom" as unsafe extern "C" fn(*mut c_void, size_t, c_uint) -> ssize_t);
    // SAFETY: the caller's own arguments.
    unsafe { real(buffer, length, flags) }
}

/// # Safety
///
/// As POSIX has it: `buffer` is valid for writes of `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut c_void, length: size_t) -> c_int {
    // SAFETY: the caller's own arguments.
    if unsafe { fill(buffer, length) } {
        return 0;
    }
    let real = real!(c"getentropy" as unsafe extern "C" fn(*mut c_void, size_t) -> c_int);
    // SAFETY: the caller's own arguments.
    unsafe { real(buffer, length) }
}

/// Suspends the calling coroutine for `duration`.
fn sleep_simulated(duration: Duration) {
    if let Err(error) = task::try_block_on(time::sleep(duration)) {
        give_up(&format!("sleeps in the thread: {error}"));
    }
}

/// # Safety
///
/// As POSIX has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(request: *const timespec, rest: *mut timespec) -> c_int {
    if source() == Source::World {
        // SAFETY: the caller's own argument.
        sleep_simulated(Duration::from_nanos(unsafe { to_ns(request) }));
        return 0;
    }
    let real = real!(c"nanosleep" as unsafe extern "C" fn(*const timespec, *mut timespec) -> c_int);
    // SAFETY: the caller's own arguments.
    unsafe { real(request, rest) }
}

/// # Safety
///
/// As POSIX has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    request: *const timespec,
    rest: *mut timespec,
) -> c_int {
    if source() == Source::World {
        // SAFETY: the caller's own argument.
        let mut ns = unsafe { to_ns(request) };
        if flags & libc::TIMER_ABSTIME != 0 {
            let now = read_clock(clock, Source::World).unwrap_or(0);
            ns = u64::try_from(i128::from(ns) - now).unwrap_or(0);
        }
        sleep_simulated(Duration::from_nanos(ns));
        return 0;
    }
    let real = real!(
        c"clock_nanosleep"
            as unsafe extern "C" fn(clockid_t, c_int, *const timespec, *mut timespec) -> c_int
    );
    // SAFETY: the caller's own arguments.
    unsafe { real(clock, flags, request, rest) }
}

#[unsafe(no_mangle)]
extern "C" fn usleep(micros: c_uint) -> c_int {
    if source() == Source::World {
        sleep_simulated(Duration::from_micros(micros.into()));
        return 0;
    }
    let real = real!(c"usleep" as unsafe extern "C" fn(c_uint) -> c_int);
    // SAFETY: it takes no pointer.
    unsafe { real(micros) }
}

#[unsafe(no_mangle)]
extern "C" fn sleep(seconds: c_uint) -> c_uint {
    if source() == Source::World {
        sleep_simulated(Duration::from_secs(seconds.into()));
        return 0;
    }
    let real = real!(c"sleep" as unsafe extern "C" fn(c_uint) -> c_uint);
    // SAFETY: it takes no pointer.
    unsafe { real(seconds) }
}

#[unsafe(no_mangle)]
extern "C" fn sched_yield() -> c_int {
    if source() == Source::World {
        // Where the caller can't yield to anybody, it just goes on, as the real one may.
        let _ = task::try_block_on(task::yield_now());
        return 0;
    }
    let real = real!(c"sched_yield" as unsafe extern "C" fn() -> c_int);
    // SAFETY: it takes nothing.
    unsafe { real() }
}

/// The system calls that code makes by number. Variadic in C; on the platforms that the simulator
/// supports, integer arguments travel in the same registers either way.
///
/// # Safety
///
/// As Linux has it for `number`.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if source() != Source::Real {
        // SAFETY: the caller's own arguments, as the system call has them.
        let simulated = unsafe { simulated_syscall(number, [a, b, c, d]) };
        if let Some(result) = simulated {
            return result;
        }
    }
    let real = real!(
        c"syscall"
            as unsafe extern "C" fn(
                c_long,
                c_long,
                c_long,
                c_long,
                c_long,
                c_long,
                c_long,
            ) -> c_long
    );
    // SAFETY: the caller's own arguments.
    unsafe { real(number, a, b, c, d, e, f) }
}

fn pointer<T>(argument: c_long) -> *mut T {
    ptr::with_exposed_provenance_mut(argument as usize)
}

/// `None` for a call that is made as it is.
///
/// # Safety
///
/// As Linux has it for `number`.
unsafe fn simulated_syscall(number: c_long, arguments: [c_long; 4]) -> Option<c_long> {
    let [a, b, c, d] = arguments;
    // SAFETY: the caller's own arguments, of the types that the call of this number takes.
    unsafe {
        match number {
            libc::SYS_getrandom => Some(getrandom(pointer(a), b as size_t, c as c_uint) as c_long),
            libc::SYS_clock_gettime => {
                Some(c_long::from(clock_gettime(a as clockid_t, pointer(b))))
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_time => Some(time(pointer(a))),
            libc::SYS_gettimeofday => Some(c_long::from(gettimeofday(pointer(a), pointer(b)))),
            libc::SYS_nanosleep => Some(c_long::from(nanosleep(pointer(a), pointer(b)))),
            libc::SYS_sched_yield => Some(c_long::from(sched_yield())),
            libc::SYS_getpid | libc::SYS_gettid => Some(c_long::from(getpid())),
            libc::SYS_futex if source() == Source::World => {
                simulated_futex(pointer(a), b as c_int, c as u32, pointer(d))
            }
            _ => None,
        }
    }
}

/// # Safety
///
/// As Linux has it: `word` is an aligned futex, `timeout` null or a timespec where the operation
/// takes one.
unsafe fn simulated_futex(
    word: *mut u32,
    operation: c_int,
    value: u32,
    timeout: *const timespec,
) -> Option<c_long> {
    let absolute = match operation & libc::FUTEX_CMD_MASK {
        libc::FUTEX_WAIT => false,
        libc::FUTEX_WAIT_BITSET => true,
        libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET => {
            let count = usize::try_from(value).unwrap_or(usize::MAX);
            return c_long::try_from(futex::wake(word.addr(), count)).ok();
        }
        _ => return None,
    };
    // SAFETY: an aligned futex word, which other code may change only through atomics.
    let current = unsafe { std::sync::atomic::AtomicU32::from_ptr(word) };
    if current.load(Ordering::SeqCst) != value {
        // A turn for the others: code that spins on this answer must not stop the world.
        let _ = task::try_block_on(task::yield_now());
        return Some(set_errno(libc::EAGAIN).into());
    }
    let until_ns = (!timeout.is_null()).then(|| {
        // SAFETY: by this function's contract.
        let ns = unsafe { to_ns(timeout) };
        let now = time::nanos(time::now());
        if !absolute {
            return now.saturating_add(ns);
        }
        let clock = if operation & libc::FUTEX_CLOCK_REALTIME != 0 {
            time::wall_ns()
        } else {
            i128::from(now + MONOTONIC_AT_START_NS)
        };
        now.saturating_add(u64::try_from(i128::from(ns) - clock).unwrap_or(0))
    });
    Some(match futex::wait(word.addr(), until_ns) {
        Ok(Waited::Woken) => 0,
        Ok(Waited::TimedOut) => set_errno(libc::ETIMEDOUT).into(),
        Err(error) => give_up(&format!(
            "waits for a lock that another task holds: {error}"
        )),
    })
}

/// # Safety
///
/// As POSIX has it: `name` is valid for writes of `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn gethostname(name: *mut c_char, length: size_t) -> c_int {
    if source() != Source::World {
        let real = real!(c"gethostname" as unsafe extern "C" fn(*mut c_char, size_t) -> c_int);
        // SAFETY: the caller's own arguments.
        return unsafe { real(name, length) };
    }
    let host = host::host_name(host::current_host());
    if length <= host.len() {
        return set_errno(libc::ENAMETOOLONG);
    }
    // SAFETY: the name and its NUL fit, as was just checked.
    unsafe {
        ptr::copy_nonoverlapping(host.as_ptr(), name.cast::<u8>(), host.len());
        *name.add(host.len()) = 0;
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn sysconf(name: c_int) -> c_long {
    let processors = matches!(
        name,
        libc::_SC_NPROCESSORS_ONLN | libc::_SC_NPROCESSORS_CONF
    );
    if processors && source() != Source::Real {
        return PROCESSORS.into();
    }
    let real = real!(c"sysconf" as unsafe extern "C" fn(c_int) -> c_long);
    // SAFETY: it takes no pointer.
    unsafe { real(name) }
}

/// # Safety
///
/// As Linux has it: `mask` is valid for writes of `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(
    pid: libc::pid_t,
    size: size_t,
    mask: *mut libc::cpu_set_t,
) -> c_int {
    if source() == Source::Real {
        let real = real!(
            c"sched_getaffinity"
                as unsafe extern "C" fn(libc::pid_t, size_t, *mut libc::cpu_set_t) -> c_int
        );
        // SAFETY: the caller's own arguments.
        return unsafe { real(pid, size, mask) };
    }
    if size == 0 {
        return set_errno(libc::EINVAL);
    }
    // SAFETY: by the caller's contract.
    unsafe {
        ptr::write_bytes(mask.cast::<u8>(), 0, size);
        *mask.cast::<u8>() = (1 << PROCESSORS) - 1;
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn getpid() -> libc::pid_t {
    match source() {
        Source::World => {
            let pid = process::pid(process::current());
            libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX)
        }
        // The same in every child, as far as the code under test can see.
        Source::Boot => 1,
        Source::Real => {
            let real = real!(c"getpid" as unsafe extern "C" fn() -> libc::pid_t);
            // SAFETY: it takes nothing.
            unsafe { real() }
        }
    }
}

/// # Safety
///
/// As POSIX has it.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    main: extern "C" fn(*mut c_void) -> *mut c_void,
    argument: *mut c_void,
) -> c_int {
    if source() == Source::World {
        give_up("starts a thread: the simulated world has one, use a tokio task");
    }
    let real = real!(
        c"pthread_create"
            as unsafe extern "C" fn(
                *mut pthread_t,
                *const pthread_attr_t,
                extern "C" fn(*mut c_void) -> *mut c_void,
                *mut c_void,
            ) -> c_int
    );
    // SAFETY: the caller's own arguments.
    unsafe { real(thread, attributes, main, argument) }
}

/// Whether the caller is a simulated process that can end here without the run ending too.
fn may_end_alone() -> bool {
    source() == Source::World && process::current() != HARNESS && task::may_block()
}

/// Ends one simulated process, once in a run: `std::process::exit` itself keeps in mind, for the
/// whole program, that it was called, and aborts when it is called again.
#[unsafe(no_mangle)]
extern "C" fn exit(code: c_int) -> ! {
    if may_end_alone() {
        process::exit(code);
    }
    let real = real!(c"exit" as unsafe extern "C" fn(c_int) -> !);
    // SAFETY: it takes no pointer.
    unsafe { real(code) }
}

/// Exit code of a process that SIGABRT ended, as a shell shows it.
const ABORTED: i32 = 134;

#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    if may_end_alone() {
        process::exit(ABORTED);
    }
    let real = real!(c"abort" as unsafe extern "C" fn() -> !);
    // SAFETY: it takes nothing.
    unsafe { real() }
}
