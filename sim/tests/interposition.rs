//! A simulated build: what code gets that asks libc, and knows nothing of the simulator.
#![cfg(madsim)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "this is what foreign code does"
)]
#![expect(unsafe_code, reason = "calls libc directly")]

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use whitewater_sim::process::{self, ExitStatus};
use whitewater_sim::world::{self, WorldConfig, WorldError};
use whitewater_sim::{host, interpose_check, task, time, wall_clock};

fn run<T: 'static>(seed: u64, main: impl Future<Output = T> + 'static) -> T {
    let config = WorldConfig {
        seed,
        poll_budget: 1_000_000,
        ..WorldConfig::default()
    };
    world::run(config, main).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_interposition_is_in_force() {
    interpose_check::self_check().unwrap();
}

#[test]
fn outside_of_a_world_everything_is_real() {
    let year_2020 = Duration::from_secs(1_577_836_800);
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(before > year_2020);
    let started = Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    assert!(started.elapsed() >= Duration::from_millis(2));
    assert!(std::thread::spawn(|| 1).join().is_ok());
}

#[test]
fn clocks_are_simulated() {
    run(1, async {
        let (instant, now) = (Instant::now(), time::now());
        time::sleep(Duration::from_secs(3_600)).await;
        let (elapsed, simulated) = (instant.elapsed(), time::now() - now);
        assert!(elapsed >= Duration::from_secs(3_600));
        assert_eq!(elapsed, simulated);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(wall.as_millis(), time::wall_ms() as u128);
    });
}

#[test]
fn only_the_wall_clock_is_skewed() {
    run(1, async {
        let host = host::create_host("alpha");
        wall_clock::jump(host, 5_000_000_000);
        let instant = Instant::now();
        let worker = process::create_process(host, "worker");
        let wall_ms = time::wall_ms();
        process::start(worker, move || async move {
            assert!(instant.elapsed() < Duration::from_secs(1));
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let ahead = wall.as_millis() as i64 - wall_ms;
            assert!((5_000..5_010).contains(&ahead), "{ahead}");
        });
        assert_eq!(process::exited(worker).await, ExitStatus::Ok);
    });
}

#[test]
fn a_loop_that_only_looks_at_the_clock_ends() {
    run(1, async {
        let end = Instant::now() + Duration::from_millis(1);
        while Instant::now() < end {}
    });
}

/// What foreign code draws: hash map keys and raw randomness.
fn drawn(seed: u64) -> (Vec<u32>, [u8; 32]) {
    std::thread::spawn(move || {
        run(seed, async {
            let map: HashMap<u32, ()> = (0..100).map(|n| (n, ())).collect();
            let mut raw = [0; 32];
            let (first, second) = raw.split_at_mut(16);
            // SAFETY: each buffer is as long as it says.
            unsafe {
                libc::getrandom(first.as_mut_ptr().cast(), 16, 0);
                libc::syscall(libc::SYS_getrandom, second.as_mut_ptr(), 16, 0);
            }
            (map.into_keys().collect(), raw)
        })
    })
    .join()
    .unwrap()
}

#[test]
fn randomness_comes_from_the_seed() {
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1).0, drawn(2).0);
    assert_ne!(drawn(1).1, drawn(2).1);
}

#[test]
fn sleeping_in_the_thread_takes_simulated_time() {
    run(1, async {
        let slept = task::spawn_coroutine(async {
            let before = time::now();
            std::thread::sleep(Duration::from_secs(60));
            time::now() - before
        });
        let other = task::spawn(async { time::now() });
        assert!(other.await.unwrap() < Duration::from_secs(1));
        assert!(slept.await.unwrap() >= Duration::from_secs(60));
    });
}

#[test]
fn a_contended_lock_suspends_its_waiter() {
    for seed in 1..=20 {
        run(seed, async {
            let lock = Arc::new(Mutex::new(0));
            let tasks: Vec<_> = (0..5)
                .map(|_| {
                    let lock = lock.clone();
                    task::spawn_coroutine(async move {
                        let mut count = lock.lock().unwrap();
                        // Holds the lock while it is suspended.
                        std::thread::sleep(Duration::from_millis(10));
                        *count += 1;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*lock.lock().unwrap(), 5);
            assert!(time::now() >= Duration::from_millis(50));
        });
    }
}

#[test]
fn condition_variables_and_their_timeouts_work() {
    run(1, async {
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let waiting = pair.clone();
        let waiter = task::spawn_coroutine(async move {
            let (lock, condition) = &*waiting;
            let before = time::now();
            let hour = Duration::from_secs(3_600);
            let (guard, timeout) = condition
                .wait_timeout_while(lock.lock().unwrap(), hour, |ready| !*ready)
                .unwrap();
            assert!(*guard && !timeout.timed_out());
            drop(guard);
            let minute = Duration::from_secs(60);
            let (_guard, timeout) = condition
                .wait_timeout_while(lock.lock().unwrap(), minute, |_| true)
                .unwrap();
            assert!(timeout.timed_out());
            time::now() - before
        });
        time::sleep(Duration::from_secs(5)).await;
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
        let took = waiter.await.unwrap().as_secs();
        assert_eq!(took, 65);
    });
}

#[test]
fn channels_of_the_standard_library_time_out_in_simulated_time() {
    run(1, async {
        let (sender, receiver) = std::sync::mpsc::channel();
        let received = task::spawn_coroutine(async move {
            let early = receiver.recv_timeout(Duration::from_secs(1));
            assert!(early.is_err());
            task::block_on(time::sleep(Duration::from_secs(60)));
            receiver.recv().unwrap()
        });
        time::sleep(Duration::from_secs(30)).await;
        sender.send(7).unwrap();
        assert_eq!(received.await.unwrap(), 7);
    });
}

/// A limit, pinned so that it is noticed when it goes: `std`'s channels never wake a receiver on
/// the sender's own thread, since a thread that waits could not be sending. Here all tasks share
/// one thread. It ends as a deadlock that names the task, not as a hang.
#[test]
fn a_channel_of_the_standard_library_does_not_wake_its_receiver() {
    let error = world::run(WorldConfig::default(), async {
        let (sender, receiver) = std::sync::mpsc::channel();
        let received = task::spawn_coroutine(async move { receiver.recv() });
        time::sleep(Duration::from_secs(1)).await;
        sender.send(7).unwrap();
        received.await.unwrap().unwrap()
    })
    .unwrap_err();
    let WorldError::Deadlock { tasks } = error else {
        panic!("{error}");
    };
    assert!(tasks.iter().any(|task| task.blocked));
}

#[test]
fn a_lock_that_is_never_released_is_a_deadlock() {
    let error = world::run(WorldConfig::default(), async {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.clone();
        task::spawn_coroutine(async move {
            let _guard = held.lock().unwrap();
            task::block_on(std::future::pending::<()>());
        });
        time::sleep(Duration::from_millis(1)).await;
        let _ = task::spawn_coroutine(async move { drop(lock.lock()) }).await;
    })
    .unwrap_err();
    let WorldError::Deadlock { tasks } = error else {
        panic!("{error}");
    };
    assert_eq!(tasks.iter().filter(|task| task.blocked).count(), 2);
}

#[test]
fn a_process_sees_its_own_host_and_pid() {
    run(1, async {
        let worker = process::create_process(host::create_host("alpha"), "worker");
        process::start(worker, move || async move {
            assert_eq!(std::process::id(), process::pid(worker));
            let mut name = [0_u8; 64];
            // SAFETY: the buffer is as long as it says.
            unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
            assert!(name.starts_with(b"alpha\0"));
            assert_eq!(std::thread::available_parallelism().unwrap().get(), 4);
        });
        assert_eq!(process::exited(worker).await, ExitStatus::Ok);
    });
}
