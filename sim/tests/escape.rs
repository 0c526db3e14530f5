//! Every way out of a simulated run is ended, and the message names the function and line that took
//! it. A program of its own, since it forks.

#[cfg(not(madsim))]
fn main() {
    // The nets are part of a simulated build: `--cfg madsim`.
}

#[cfg(madsim)]
fn main() -> std::process::ExitCode {
    escape::main()
}

#[cfg(madsim)]
mod escape {
    #![expect(
        unsafe_code,
        reason = "escapes as dependencies do: by raw system calls"
    )]

    use std::ffi::c_void;
    use std::io::{Read, Write};
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use whitewater_sim::isolation::{ChildEnd, ChildOptions, ChildOutcome, Zygote, ZygoteOptions};
    use whitewater_sim::symbol::Symbols;
    use whitewater_sim::trap::{self, EscapeRecord, TrapOptions};
    use whitewater_sim::trap_channel::EscapeChannel;
    use whitewater_sim::world::{self, WorldConfig};
    use whitewater_sim::{task, time};

    /// A file that is there on every Linux machine, and is not declared.
    const UNDECLARED: &str = "/proc/self/status";

    // Each of these escapes on the line after the one that says so.

    fn system_call(number: i64, a: usize, b: usize) -> i64 {
        let result: i64;
        // SAFETY: the caller passes what the call of this number takes.
        unsafe {
            std::arch::asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b,
                in("rdx") 0, lateout("rcx") _, lateout("r11") _);
        }
        result
    }

    fn reads_the_clock_by_number() {
        let mut now = [0_i64; 2];
        // escapes: reads_the_clock_by_number
        system_call(libc::SYS_clock_gettime, 0, now.as_mut_ptr() as usize);
    }

    fn draws_randomness_by_number() {
        let mut bytes = [0_u8; 16];
        // escapes: draws_randomness_by_number
        system_call(
            libc::SYS_getrandom,
            bytes.as_mut_ptr() as usize,
            bytes.len(),
        );
    }

    /// The C library's own function, as a shared library calls it.
    fn real(name: &std::ffi::CStr) -> *mut c_void {
        // SAFETY: the name ends with a zero.
        unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) }
    }

    fn reads_the_coarse_clock() {
        type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> i32;
        let mut now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let function = real(c"clock_gettime");
        // SAFETY: the C library defines the function of this name with this signature.
        let function = unsafe { std::mem::transmute::<*mut c_void, ClockGettime>(function) };
        // SAFETY: a place for the result.
        // escapes: reads_the_coarse_clock
        unsafe { function(libc::CLOCK_REALTIME_COARSE, &raw mut now) };
    }

    fn asks_for_the_time() {
        type Time = unsafe extern "C" fn(*mut libc::time_t) -> libc::time_t;
        let function = real(c"time");
        // SAFETY: the C library defines the function of this name with this signature.
        let function = unsafe { std::mem::transmute::<*mut c_void, Time>(function) };
        // SAFETY: null is for "no second copy of the result, please".
        // escapes: asks_for_the_time
        unsafe { function(std::ptr::null_mut()) };
    }

    fn reads_the_time_stamp_counter() {
        // SAFETY: it changes the two registers named.
        // escapes: reads_the_time_stamp_counter
        unsafe { std::arch::asm!("rdtsc", out("rax") _, out("rdx") _) };
    }

    #[expect(clippy::disallowed_methods, reason = "it is the escape")]
    fn starts_a_thread() {
        // escapes: starts_a_thread
        let _ = std::thread::spawn(|| {});
    }

    fn forks() {
        // SAFETY: the child does nothing, as there is none.
        // escapes: forks
        unsafe { libc::fork() };
    }

    fn opens_a_file() {
        // escapes: opens_a_file
        let _ = std::fs::File::open(UNDECLARED);
    }

    fn opens_a_socket() {
        // escapes: opens_a_socket
        let _ = std::net::UdpSocket::bind("127.0.0.1:0");
    }

    fn waits_in_real_time() {
        let mut none: [libc::pollfd; 0] = [];
        // SAFETY: no descriptor, as it says.
        // escapes: waits_in_real_time
        unsafe { libc::poll(none.as_mut_ptr(), 0, 1) };
    }

    /// Function, what is said of it.
    type Case = (&'static str, fn(), &'static str);

    const CASES: [Case; 10] = [
        (
            "reads_the_clock_by_number",
            reads_the_clock_by_number,
            "clock_gettime",
        ),
        (
            "draws_randomness_by_number",
            draws_randomness_by_number,
            "getrandom",
        ),
        ("reads_the_coarse_clock", reads_the_coarse_clock, "vDSO"),
        ("asks_for_the_time", asks_for_the_time, "vDSO"),
        (
            "reads_the_time_stamp_counter",
            reads_the_time_stamp_counter,
            "rdtsc",
        ),
        ("starts_a_thread", starts_a_thread, "thread"),
        ("forks", forks, "clone"),
        ("opens_a_file", opens_a_file, "openat of /proc/self/status"),
        ("opens_a_socket", opens_a_socket, "socket"),
        ("waits_in_real_time", waits_in_real_time, "poll"),
    ];

    type Test = (&'static str, fn(&Zygote));

    pub(super) fn main() -> ExitCode {
        if std::env::args().any(|argument| argument == "--list") {
            println!("escape: test");
            return ExitCode::SUCCESS;
        }
        let zygote = Zygote::enter(ZygoteOptions::default()).expect("a zygote");
        let symbols = Symbols::load();
        for (name, escapes, what) in CASES {
            each_escape_is_named(&zygote, &symbols, name, escapes, what);
            println!("test {name} ... ok");
        }
        let tests: [Test; 4] = [
            ("what stays inside goes on", what_stays_inside_goes_on),
            ("a declared file can be read", a_declared_file_can_be_read),
            (
                "a declared file can't be written",
                a_declared_file_cannot_be_written,
            ),
            ("a real fault is a crash", a_real_fault_is_a_crash),
        ];
        for (name, test) in tests {
            test(&zygote);
            println!("test {name} ... ok");
        }
        ExitCode::SUCCESS
    }

    /// Runs `body` in a trapped child, inside a coroutine of a world.
    fn run(
        zygote: &Zygote,
        readable: Vec<PathBuf>,
        body: fn(),
    ) -> (ChildOutcome, Option<EscapeRecord>) {
        let options = ChildOptions {
            seed: 1,
            output: None,
            wall_time_max: Duration::from_secs(60),
        };
        let channel = EscapeChannel::new().expect("a channel");
        let trap = TrapOptions {
            descriptor: channel.descriptor(),
            readable,
        };
        let child = move |out: &mut dyn Write| {
            let nets = trap::install(&trap).expect("the trap");
            assert_eq!(nets.warning(), None);
            let ended = world::run(WorldConfig::default(), async move {
                task::spawn_coroutine(async move { body() })
                    .await
                    .expect("it does not panic");
            });
            ended.expect("the world ends");
            out.write_all(b"done").expect("the parent reads");
        };
        let (outcome, _) = zygote.run(&options, child).expect("a child");
        (outcome, channel.read().expect("it is ours"))
    }

    /// The line after the mark in this file.
    fn line_of(name: &str) -> u32 {
        let mark = format!("// escapes: {name}");
        let lines = include_str!("escape.rs").lines();
        let index = lines.into_iter().position(|line| line.trim() == mark);
        index.expect("a marked line") as u32 + 2
    }

    fn each_escape_is_named(
        zygote: &Zygote,
        symbols: &Symbols,
        name: &str,
        escapes: fn(),
        what: &str,
    ) {
        let (outcome, record) = run(zygote, Vec::new(), escapes);
        assert_eq!(
            outcome.end,
            ChildEnd::Exited {
                code: trap::ESCAPED
            },
            "{name}: {outcome:?}"
        );
        let escape = symbols.resolve(&record.expect("a record"));
        assert!(escape.what.contains(what), "{name}: {escape}");
        // A helper may be innermost; the function that it helped comes next.
        let frame = escape
            .frames
            .iter()
            .find(|frame| !frame.function.ends_with("escape::system_call"))
            .unwrap_or_else(|| panic!("{name}: nobody is named in {escape:?}"));
        assert_eq!(
            frame.function,
            format!("escape::escape::{name}"),
            "{escape:#?}"
        );
        let file = frame.file.as_deref().unwrap_or_default();
        assert!(file.ends_with("tests/escape.rs"), "{escape:#?}");
        assert_eq!(frame.line, Some(line_of(name)), "{escape:#?}");
    }

    fn what_stays_inside_goes_on(zygote: &Zygote) {
        let (outcome, escape) = run(zygote, Vec::new(), || {
            let started = Instant::now();
            task::block_on(time::sleep(Duration::from_secs(3600)));
            assert!(started.elapsed() >= Duration::from_secs(3600));
            let map: std::collections::BTreeMap<u32, Vec<u8>> =
                (0..100).map(|n| (n, vec![1; 100_000])).collect();
            drop(map);
            let lock = std::sync::Mutex::new(1);
            *lock.lock().expect("not poisoned") += 1;
            println!("output");
            eprintln!("output");
            let caught = std::panic::catch_unwind(|| panic!("caught"));
            assert!(caught.is_err());
        });
        assert_eq!((outcome.end, escape), (ChildEnd::Finished, None));
    }

    fn a_declared_file_can_be_read(zygote: &Zygote) {
        let (outcome, escape) = run(zygote, vec![UNDECLARED.into()], || {
            let text = std::fs::read_to_string(UNDECLARED).expect("it is declared");
            assert!(text.contains("Name:"));
            let mut file = std::fs::File::open(UNDECLARED).expect("it is declared");
            assert!(file.metadata().expect("it is open").is_file());
            assert_eq!(file.read(&mut [0; 4]).expect("it is open"), 4);
        });
        assert_eq!((outcome.end, escape), (ChildEnd::Finished, None));
    }

    fn a_declared_file_cannot_be_written(zygote: &Zygote) {
        let (outcome, escape) = run(zygote, vec![UNDECLARED.into()], || {
            let _ = std::fs::File::options().write(true).open(UNDECLARED);
        });
        assert_eq!(
            outcome.end,
            ChildEnd::Exited {
                code: trap::ESCAPED
            }
        );
        assert!(escape.expect("a record").what.contains("openat"));
    }

    fn a_real_fault_is_a_crash(zygote: &Zygote) {
        let (outcome, escape) = run(zygote, Vec::new(), || {
            let nowhere: *const u8 = std::hint::black_box(std::ptr::without_provenance(8));
            // SAFETY: none: the fault is the test.
            unsafe { nowhere.read_volatile() };
        });
        let ChildEnd::Signalled { name, .. } = outcome.end else {
            panic!("{outcome:?}");
        };
        assert_eq!((name, escape), ("SIGSEGV", None));
    }
}
