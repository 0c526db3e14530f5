//! A forked child per plan, so that no run sees what another one left behind.
//!
//! The parent (the zygote) has one thread and never runs a world itself: lazily made globals,
//! counters and leaks of a run end with its child. The child runs its body on a fresh thread, whose
//! thread-locals are as new. A watchdog ends one that spins.
#![expect(unsafe_code, reason = "forks, and gives the child its descriptors")]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::boot;

/// How a zygote starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ZygoteOptions {
    /// Leave address randomisation on: to show that nothing depends on an address.
    pub keep_address_randomisation: bool,
}

/// Why a plan could not be run in a child. The plan itself is not to blame.
#[derive(Debug, thiserror::Error)]
pub enum IsolationError {
    /// A fork would copy one thread, and leave the locks of the others taken for ever.
    #[error("the zygote has {threads} threads, and must have one when it forks")]
    ManyThreads {
        /// How many there are.
        threads: usize,
    },
    /// The file for the child's output can't be made.
    #[error("can't write the child's output to {}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refused something.
    #[error("can't {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> IsolationError {
    move |source| IsolationError::System { what, source }
}

/// The single-threaded parent from which the children are forked.
#[derive(Debug)]
pub struct Zygote {
    fixed_addresses: bool,
}

/// How one child runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildOptions {
    /// Decides what the child draws outside of its world (keys of hash maps, above all).
    pub seed: u64,
    /// Gets the child's stdout and stderr. Without it they are kept in memory.
    pub output: Option<PathBuf>,
    /// The child is killed when it has run for so long, in real time.
    pub wall_time_max: Duration,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEnd {
    /// Its body returned.
    Finished,
    /// Its body panicked, or something called `_exit`.
    Exited {
        /// The exit code: 101 after a panic.
        code: i32,
    },
    /// It crashed.
    Signalled {
        /// The signal's number.
        signal: i32,
        /// The signal's name, as `SIGSEGV`.
        name: &'static str,
    },
    /// The watchdog killed it: it says nothing about the plan, neither way.
    TimedOut,
}

/// What came out of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildOutcome {
    /// How it ended.
    pub end: ChildEnd,
    /// The last part of its stdout and stderr; empty where it finished.
    pub output_tail: String,
}

/// As much of a failed child's output is given back.
const OUTPUT_TAIL_BYTES: u64 = 64 << 10;
/// The stack of the thread that runs the body.
const STACK_BYTES: usize = 8 << 20;
/// What a Rust program exits with after a panic.
const PANICKED: i32 = 101;

impl Zygote {
    /// Makes the calling process a zygote, first thing in its `main`: address randomisation is
    /// switched off, for which the process executes itself once more, with the same arguments and
    /// descriptors. Where the system refuses that (some container engines do), it goes on with
    /// randomisation.
    ///
    /// # Errors
    ///
    /// Where the process has other threads.
    pub fn enter(options: ZygoteOptions) -> Result<Self, IsolationError> {
        check_single_thread()?;
        let fixed_addresses = if options.keep_address_randomisation {
            addresses_are_fixed()
        } else {
            fix_addresses()
        };
        Ok(Self { fixed_addresses })
    }

    /// Whether address randomisation is off.
    pub fn addresses_are_fixed(&self) -> bool {
        self.fixed_addresses
    }

    /// Runs `body` on a fresh thread of a forked child; gives all that it wrote.
    ///
    /// # Errors
    ///
    /// Where no child can be made. A child that fails is an outcome.
    pub fn run(
        &self,
        options: &ChildOptions,
        body: impl FnOnce(&mut dyn Write) + Send + 'static,
    ) -> Result<(ChildOutcome, Vec<u8>), IsolationError> {
        let mut written = Vec::new();
        let outcome =
            self.run_streaming(options, body, |bytes| written.extend_from_slice(bytes))?;
        Ok((outcome, written))
    }

    /// As [`Zygote::run`], but hands over what the child writes as it comes.
    ///
    /// # Errors
    ///
    /// As [`Zygote::run`].
    pub fn run_streaming(
        &self,
        options: &ChildOptions,
        body: impl FnOnce(&mut dyn Write) + Send + 'static,
        mut received: impl FnMut(&[u8]),
    ) -> Result<ChildOutcome, IsolationError> {
        check_single_thread()?;
        let mut output = open_output(options)?;
        let (reader, writer) = io::pipe().map_err(system("make a pipe"))?;
        // What is buffered here would be written by the child once more.
        io::stdout().flush().map_err(system("flush stdout"))?;
        // SAFETY: this process has one thread, as was just checked, so the child may do anything.
        let child = unsafe { libc::fork() };
        match child {
            -1 => Err(system("fork")(io::Error::last_os_error())),
            0 => {
                drop(reader);
                run_child(
                    options.seed,
                    &output,
                    File::from(OwnedFd::from(writer)),
                    body,
                )
            }
            pid => {
                drop(writer);
                let file = File::from(OwnedFd::from(reader));
                let timed_out = copy_until_end(pid, file, options.wall_time_max, &mut received)?;
                let end = wait(pid, timed_out)?;
                let output_tail = match end {
                    ChildEnd::Finished => String::new(),
                    _ => tail(&mut output).map_err(system("read the child's output"))?,
                };
                Ok(ChildOutcome { end, output_tail })
            }
        }
    }
}

/// A child's heap grows in such steps, and is never given back.
#[cfg(target_env = "gnu")]
const HEAP_STEP_BYTES: libc::c_int = 64 << 20;
/// The most that glibc takes: anything smaller comes from the heap.
#[cfg(target_env = "gnu")]
const HEAP_BLOCK_BYTES_MAX: libc::c_int = 32 << 20;

/// Lets the child allocate from memory of its own, from the next huge page on. What is left of the
/// parent's last one it would get in small pages, each for a fault; what comes behind it is new, and of
/// huge pages where the parent was started so (`glibc.malloc.hugetlb`).
#[cfg(target_env = "gnu")]
fn begin_fresh_heap() {
    const HUGE_PAGE_BYTES: usize = 2 << 20;
    /// What the allocator needs beside a block, rounded up.
    const BLOCK_HEADER_BYTES: usize = 64;
    // SAFETY: they take numbers. The block is never used, and left to the end of the process.
    unsafe {
        libc::mallopt(libc::M_TOP_PAD, HEAP_STEP_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        libc::mallopt(libc::M_MMAP_THRESHOLD, HEAP_BLOCK_BYTES_MAX);
        let free_at_end = usize::try_from(libc::mallinfo().keepcost).unwrap_or(0);
        let end = libc::sbrk(0).addr();
        let skipped = free_at_end + (end.next_multiple_of(HUGE_PAGE_BYTES) - end);
        // Nobody reads it, so the call would be left out.
        std::hint::black_box(libc::malloc(skipped.saturating_sub(BLOCK_HEADER_BYTES)));
    }
}

#[cfg(not(target_env = "gnu"))]
fn begin_fresh_heap() {}

/// Refuses to fork a process with more than one thread.
fn check_single_thread() -> Result<(), IsolationError> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(system("count the threads in /proc/self/task"))?
        .count();
    if threads == 1 {
        Ok(())
    } else {
        Err(IsolationError::ManyThreads { threads })
    }
}

/// Asks for the current persona without changing it.
const PERSONALITY_QUERY: libc::c_ulong = 0xffff_ffff;

fn addresses_are_fixed() -> bool {
    // SAFETY: it takes a number and changes nothing for this one.
    let persona = unsafe { libc::personality(PERSONALITY_QUERY) };
    persona != -1 && persona & libc::ADDR_NO_RANDOMIZE != 0
}

/// Executes the program again without address randomisation, unless it runs so already. Returns
/// whether it does.
fn fix_addresses() -> bool {
    if addresses_are_fixed() {
        return true;
    }
    // SAFETY: it takes numbers; the query gives the persona to which the flag is added.
    let switched = unsafe {
        let persona = libc::personality(PERSONALITY_QUERY);
        persona != -1
            && libc::personality((persona | libc::ADDR_NO_RANDOMIZE) as libc::c_ulong) != -1
    };
    if switched && addresses_are_fixed() {
        // The new image starts with the flag set, so this happens once. It only returns where it
        // failed.
        execute_again();
    }
    false
}

fn execute_again() {
    let arguments: Result<Vec<CString>, _> = std::env::args_os()
        .map(|argument| CString::new(argument.as_bytes()))
        .collect();
    let Ok(arguments) = arguments else { return };
    let mut pointers: Vec<*const libc::c_char> =
        arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: a path and an array of arguments that end as they must, alive during the call.
    unsafe { libc::execv(c"/proc/self/exe".as_ptr(), pointers.as_ptr()) };
}

fn open_output(options: &ChildOptions) -> Result<File, IsolationError> {
    match &options.output {
        Some(path) => File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .map_err(|source| IsolationError::Output {
                path: path.clone(),
                source,
            }),
        None => {
            // SAFETY: a name that ends with a NUL byte; the descriptor is new, and ours alone.
            let file = unsafe {
                let descriptor = libc::memfd_create(c"output".as_ptr(), libc::MFD_CLOEXEC);
                if descriptor == -1 {
                    let error = io::Error::last_os_error();
                    return Err(system("make a file in memory")(error));
                }
                File::from_raw_fd(descriptor)
            };
            Ok(file)
        }
    }
}

/// What the child does, to its end.
fn run_child(
    seed: u64,
    output: &File,
    mut writer: File,
    body: impl FnOnce(&mut dyn Write) + Send + 'static,
) -> ! {
    // SAFETY: plain calls with valid descriptors and numbers.
    unsafe {
        // A child that spins must not outlive the zygote.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::dup2(output.as_raw_fd(), libc::STDOUT_FILENO);
        libc::dup2(output.as_raw_fd(), libc::STDERR_FILENO);
    }
    begin_fresh_heap();
    run_here(seed, move || {
        body(&mut writer);
        writer.flush()
    })
}

/// Runs `body` as a child does, on a fresh thread and with the same draws outside of the world, but in
/// this very process, which it ends: with 0 where `body` returned, with 101 where it panicked or failed.
/// For a debugger, which follows one process; nothing else ends a body that spins.
pub fn run_here(seed: u64, body: impl FnOnce() -> io::Result<()> + Send + 'static) -> ! {
    boot::begin(seed);
    let thread = std::thread::Builder::new()
        .name("world".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || -> std::convert::Infallible {
            let flushed = body().and_then(|()| io::stdout().flush());
            // From this thread: it would give back what it holds, block by block, before it ends.
            end_process(if flushed.is_ok() { 0 } else { PANICKED })
        });
    // It comes back only from a panic, or never began.
    let _ = thread.map(std::thread::JoinHandle::join);
    end_process(PANICKED)
}

/// Ends the process without running what the parent registered for its own exit.
fn end_process(code: i32) -> ! {
    // SAFETY: it takes a number.
    unsafe { libc::_exit(code) }
}

/// Copies what the child writes until it has ended, or its time is up (true): then it is killed.
fn copy_until_end(
    pid: libc::pid_t,
    mut pipe: File,
    wall_time_max: Duration,
    received: &mut impl FnMut(&[u8]),
) -> Result<bool, IsolationError> {
    let started = Instant::now();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let left = wall_time_max.saturating_sub(started.elapsed());
        if left.is_zero() {
            // SAFETY: the child is ours and was not waited for, so the number is still its own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            return Ok(true);
        }
        if !is_readable(&pipe, left)? {
            continue;
        }
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(bytes) => received(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(system("read from the child")(error)),
        }
    }
}

/// Waits up to `timeout` for something to read, or the end.
fn is_readable(pipe: &File, timeout: Duration) -> Result<bool, IsolationError> {
    let mut descriptor = libc::pollfd {
        fd: pipe.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout_ms = i32::try_from(timeout.as_millis() + 1).unwrap_or(i32::MAX);
    // SAFETY: one descriptor, as it says.
    match unsafe { libc::poll(&raw mut descriptor, 1, timeout_ms) } {
        -1 => {
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => Ok(false),
                _ => Err(system("wait for the child")(error)),
            }
        }
        ready => Ok(ready > 0),
    }
}

/// Reaps the child.
fn wait(pid: libc::pid_t, timed_out: bool) -> Result<ChildEnd, IsolationError> {
    let mut status = 0;
    // SAFETY: the child is ours, and `status` is valid for a write.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(system("wait for the child's end")(error));
        }
    }
    Ok(if timed_out {
        ChildEnd::TimedOut
    } else if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        ChildEnd::Signalled {
            signal,
            name: signal_name(signal),
        }
    } else {
        match libc::WEXITSTATUS(status) {
            0 => ChildEnd::Finished,
            code => ChildEnd::Exited { code },
        }
    })
}

/// The usual name of a signal that ends programs.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGXCPU => "SIGXCPU",
        _ => "another signal",
    }
}

/// The last part of a file.
fn tail(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
