//! Plans in forked children. A program of its own, since the test harness's threads forbid a fork.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use whitewater_sim::isolation::{
    ChildEnd, ChildOptions, ChildOutcome, IsolationError, Zygote, ZygoteOptions, run_here,
};
use whitewater_sim::world::{self, WorldConfig};
use whitewater_sim::{task, time, trace};

type Test = (&'static str, fn(&Zygote));

/// Makes this program print where its stack is, and nothing else.
const PRINT_ADDRESS: &str = "--print-address";
/// Makes this program print the hash of seed 1, found in its own process, and nothing else.
const PRINT_HASH: &str = "--print-hash";

fn main() -> ExitCode {
    // What `cargo test` and nextest ask of a program with tests.
    if std::env::args().any(|argument| argument == "--list") {
        println!("isolation: test");
        return ExitCode::SUCCESS;
    }
    let zygote = Zygote::enter(ZygoteOptions::default()).expect("a zygote");
    if std::env::args().any(|argument| argument == PRINT_ADDRESS) {
        let local = 0_u8;
        println!("{:p}", &raw const local);
        return ExitCode::SUCCESS;
    }
    if std::env::args().any(|argument| argument == PRINT_HASH) {
        run_here(1, || {
            print!("{:x}", world_of(1));
            Ok(())
        });
    }
    let tests: [Test; 11] = [
        (
            "what the child writes arrives",
            what_the_child_writes_arrives,
        ),
        ("children share nothing", children_share_nothing),
        (
            "a seed has one hash in every child",
            a_seed_has_one_hash_in_every_child,
        ),
        (
            "a seed has the same hash without a child",
            a_seed_has_the_same_hash_without_a_child,
        ),
        ("output is captured", output_is_captured),
        ("a crash is named", a_crash_is_named),
        ("a panic is an exit", a_panic_is_an_exit),
        ("a stack overflow is a crash", a_stack_overflow_is_a_crash),
        (
            "the watchdog ends a child that spins",
            the_watchdog_ends_a_child_that_spins,
        ),
        (
            "the program was executed at fixed addresses",
            addresses_are_fixed,
        ),
        (
            "a process with threads does not fork",
            a_process_with_threads_does_not_fork,
        ),
    ];
    for (name, test) in tests {
        test(&zygote);
        println!("test {name} ... ok");
    }
    #[cfg(madsim)]
    exit_ends_one_simulated_process(&zygote);
    ExitCode::SUCCESS
}

fn options() -> ChildOptions {
    ChildOptions {
        seed: 1,
        output: None,
        wall_time_max: Duration::from_secs(60),
    }
}

fn run(
    zygote: &Zygote,
    body: impl FnOnce(&mut dyn Write) + Send + 'static,
) -> (ChildOutcome, Vec<u8>) {
    zygote.run(&options(), body).expect("a child")
}

fn what_the_child_writes_arrives(zygote: &Zygote) {
    let (outcome, written) = run(zygote, |out| {
        // More than a pipe holds.
        for n in 0..100_000_u32 {
            writeln!(out, "{n}").expect("the parent reads");
        }
    });
    assert_eq!(outcome.end, ChildEnd::Finished);
    assert_eq!(outcome.output_tail, "");
    let text = String::from_utf8(written).expect("digits");
    assert!(text.lines().eq((0..100_000).map(|n| n.to_string())));
}

fn children_share_nothing(zygote: &Zygote) {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    for _ in 0..3 {
        let (_, written) = run(zygote, |out| {
            let runs = RUNS.fetch_add(1, Ordering::Relaxed);
            write!(out, "{runs}").expect("the parent reads");
        });
        assert_eq!(written, b"0");
    }
}

/// The hash of a small world's trace.
fn world_of(seed: u64) -> u128 {
    let config = WorldConfig {
        seed,
        ..WorldConfig::default()
    };
    let hash = world::run(config, async {
        let tasks: Vec<_> = (0..20_u64)
            .map(|n| {
                task::spawn_coroutine(async move {
                    task::block_on(time::sleep(Duration::from_micros(n % 3)));
                    trace::event("step", &[("n", n.into())]);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it does not panic");
        }
        trace::hash()
    });
    hash.expect("it ends")
}

fn hash_in_a_child(zygote: &Zygote, seed: u64) -> Vec<u8> {
    let (outcome, written) = run(zygote, move |out| {
        write!(out, "{:x}", world_of(seed)).expect("the parent reads");
    });
    assert_eq!(outcome.end, ChildEnd::Finished);
    written
}

fn a_seed_has_one_hash_in_every_child(zygote: &Zygote) {
    assert_eq!(hash_in_a_child(zygote, 1), hash_in_a_child(zygote, 1));
    assert_ne!(hash_in_a_child(zygote, 1), hash_in_a_child(zygote, 2));
}

fn a_seed_has_the_same_hash_without_a_child(zygote: &Zygote) {
    let myself = std::env::current_exe().expect("Linux knows");
    let here = Command::new(myself).arg(PRINT_HASH).output();
    let here = here.expect("this program runs");
    assert!(here.status.success(), "{here:?}");
    assert_eq!(here.stdout, hash_in_a_child(zygote, 1));
}

fn output_is_captured(zygote: &Zygote) {
    let path = std::env::temp_dir().join(format!("whitewater-output-{}", std::process::id()));
    let options = ChildOptions {
        output: Some(path.clone()),
        ..options()
    };
    let (outcome, written) = zygote
        .run(&options, |_| {
            println!("to stdout");
            eprintln!("to stderr");
            print!("without an end of line");
        })
        .expect("a child");
    assert_eq!(outcome.end, ChildEnd::Finished);
    assert!(written.is_empty());
    let output = std::fs::read_to_string(&path).expect("the file is there");
    assert_eq!(output, "to stdout\nto stderr\nwithout an end of line");
    std::fs::remove_file(path).expect("the file is ours");
}

fn a_crash_is_named(zygote: &Zygote) {
    let (outcome, written) = run(zygote, |out| {
        write!(out, "so far").expect("the parent reads");
        println!("last words");
        std::process::abort();
    });
    let name = "SIGABRT";
    assert!(
        matches!(outcome.end, ChildEnd::Signalled { name: n, .. } if n == name),
        "{outcome:?}"
    );
    assert_eq!(written, b"so far");
    assert!(outcome.output_tail.contains("last words"), "{outcome:?}");
}

fn a_panic_is_an_exit(zygote: &Zygote) {
    let (outcome, _) = run(zygote, |_| panic!("no plan"));
    assert_eq!(outcome.end, ChildEnd::Exited { code: 101 });
    assert!(outcome.output_tail.contains("no plan"), "{outcome:?}");
}

fn a_stack_overflow_is_a_crash(zygote: &Zygote) {
    fn recurse(depth: u64) -> u64 {
        let frame = std::hint::black_box([depth; 64]);
        if depth == u64::MAX {
            return 0;
        }
        recurse(depth + 1) + frame[7]
    }
    let (outcome, _) = run(zygote, |_| {
        let overflow = world::run(WorldConfig::default(), async {
            task::spawn_coroutine(async { recurse(0) }).await
        });
        drop(overflow);
    });
    assert!(
        matches!(
            outcome.end,
            ChildEnd::Signalled {
                name: "SIGSEGV",
                ..
            }
        ),
        "{outcome:?}"
    );
}

fn the_watchdog_ends_a_child_that_spins(zygote: &Zygote) {
    let options = ChildOptions {
        wall_time_max: Duration::from_millis(200),
        ..options()
    };
    let (outcome, written) = zygote
        .run(&options, |out| {
            write!(out, "spinning").expect("the parent reads");
            loop {
                std::hint::spin_loop();
            }
        })
        .expect("a child");
    assert_eq!(outcome.end, ChildEnd::TimedOut);
    assert_eq!(written, b"spinning");
}

fn addresses_are_fixed(zygote: &Zygote) {
    if !zygote.addresses_are_fixed() {
        println!("  skipped: this system does not let a program switch randomisation off");
        return;
    }
    let address = || {
        let myself = std::env::current_exe().expect("Linux knows");
        let run = Command::new(myself).arg(PRINT_ADDRESS).output();
        run.expect("this program runs").stdout
    };
    let first = address();
    assert!(first.starts_with(b"0x"));
    assert_eq!(first, address());
}

fn a_process_with_threads_does_not_fork(zygote: &Zygote) {
    let (stop, wait) = std::sync::mpsc::channel::<()>();
    #[expect(
        clippy::disallowed_methods,
        reason = "a thread is what must be noticed"
    )]
    let thread = std::thread::spawn(move || wait.recv());
    let refused = zygote.run(&options(), |_| ());
    assert!(
        matches!(refused, Err(IsolationError::ManyThreads { threads: 2 })),
        "{refused:?}"
    );
    drop(stop);
    let ended = thread.join().expect("it ends by itself");
    assert!(ended.is_err());
}

/// In a child, since `std` keeps in mind that this process is exiting: its own end would hang.
#[cfg(madsim)]
fn exit_ends_one_simulated_process(zygote: &Zygote) {
    use whitewater_sim::{host, process};

    let (outcome, written) = run(zygote, |out| {
        let ends = world::run(WorldConfig::default(), async {
            let worker = process::create_process(host::create_host("alpha"), "worker");
            process::start(worker, || async { std::process::exit(3) });
            let exited = process::exited(worker).await;
            process::start(worker, || async { std::process::abort() });
            (exited, process::exited(worker).await)
        });
        write!(out, "{:?}", ends.expect("it ends")).expect("the parent reads");
    });
    assert_eq!(outcome.end, ChildEnd::Finished, "{outcome:?}");
    assert_eq!(written, b"(Exited(3), Exited(134))");
    println!("test exit ends one simulated process ... ok");
}
