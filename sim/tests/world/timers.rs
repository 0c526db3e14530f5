//! Simulated time.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use whitewater_sim::host;
use whitewater_sim::time::{self, Elapsed};
use whitewater_sim::{process, task, wall_clock};

use crate::{ms, run};

/// How much later than asked something may happen: a few polls.
const SLACK: Duration = Duration::from_micros(20);

#[test]
fn sleeping_takes_simulated_time_and_has_no_minimum() {
    run(1, async {
        for duration in [
            Duration::ZERO,
            Duration::from_nanos(1),
            ms(1),
            ms(3_600_000),
        ] {
            let before = time::now();
            time::sleep(duration).await;
            let took = time::now() - before;
            assert!(took >= duration && took <= duration + SLACK, "{took:?}");
        }
    });
}

#[test]
fn timers_fire_in_order() {
    run(3, async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = [30, 10, 20]
            .map(|n| {
                let order = order.clone();
                task::spawn(async move {
                    time::sleep(ms(n)).await;
                    order.borrow_mut().push(n);
                })
            })
            .into();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.borrow(), [10, 20, 30]);
    });
}

#[test]
fn a_sleep_can_be_moved() {
    run(1, async {
        let mut sleep = pin!(time::sleep(ms(10)));
        assert!(
            std::future::poll_fn(|c| std::task::Poll::Ready(sleep.as_mut().poll(c)))
                .await
                .is_pending()
        );
        sleep.reset(ms(50));
        assert_eq!(sleep.deadline(), ms(50));
        sleep.as_mut().await;
        assert!(sleep.is_elapsed());
        assert!(time::now() >= ms(50) && time::now() < ms(50) + SLACK);
    });
}

#[test]
fn a_dropped_timer_is_cancelled() {
    let end = run(1, async {
        assert_eq!(time::timeout(ms(60_000), async {}).await, Ok(()));
        let pending = time::timeout(ms(5), time::sleep(ms(60_000))).await;
        assert_eq!(pending, Err(Elapsed));
        time::now()
    });
    assert!(
        end < ms(6),
        "the run waited for a timer that nobody holds: {end:?}"
    );
}

#[test]
fn for_ever_is_not_a_timer() {
    run(1, async {
        let forever = time::timeout(ms(1), time::sleep(Duration::MAX)).await;
        assert_eq!(forever, Err(Elapsed));
    });
}

#[test]
fn wall_clocks_are_skewed_per_host() {
    run(1, async {
        let host = host::create_host("alpha");
        wall_clock::jump(host, -90_000_000_000);
        let worker = process::create_process(host, "worker");
        let seen = Rc::new(RefCell::new(0));
        let out = seen.clone();
        process::start(worker, move || async move {
            *out.borrow_mut() = time::wall_ms();
        });
        process::exited(worker).await;
        assert_eq!(*seen.borrow(), time::wall_ms() - 90_000);
    });
}

/// What a process of the host reads, in milliseconds ahead of true time.
async fn ahead_ms(host: host::HostId) -> i64 {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("reader-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let reader = process::create_process(host, &name);
    let seen = Rc::new(RefCell::new(0));
    let out = seen.clone();
    process::start(reader, move || async move {
        *out.borrow_mut() = time::wall_ms();
    });
    process::exited(reader).await;
    let seen = *seen.borrow();
    seen - time::wall_ms()
}

#[test]
fn a_wall_clock_drifts_without_a_jump_and_is_set_right() {
    run(1, async {
        let (fast, slow) = (host::create_host("fast"), host::create_host("slow"));
        let monotonic = time::now();
        wall_clock::drift(fast, 100_000);
        wall_clock::drift(slow, -50_000);
        assert_eq!(wall_clock::offset_ns(fast), 0, "a drift takes time");
        time::sleep(Duration::from_secs(100)).await;
        assert_eq!(ahead_ms(fast).await, 10_000);
        assert_eq!(ahead_ms(slow).await, -5_000);

        // What it has gained stays when the drift ends; jumps come on top.
        wall_clock::drift(fast, -100_000);
        wall_clock::jump(fast, 3_600_000_000_000);
        wall_clock::jump(fast, -60_000_000_000);
        time::sleep(Duration::from_secs(100)).await;
        assert_eq!(ahead_ms(fast).await, 10_000 + 3_540_000);

        wall_clock::set_right(fast);
        wall_clock::set_right(slow);
        time::sleep(Duration::from_secs(100)).await;
        assert_eq!((ahead_ms(fast).await, ahead_ms(slow).await), (0, 0));
        let passed = time::now() - monotonic;
        assert!(
            passed < Duration::from_secs(301),
            "only wall clocks are wrong: {passed:?}"
        );
    });
}

#[test]
fn looking_at_a_wall_clock_is_counted() {
    run(1, async {
        let (alpha, beta) = (host::create_host("alpha"), host::create_host("beta"));
        let _ = ahead_ms(alpha).await;
        assert_eq!((wall_clock::reads(alpha), wall_clock::reads(beta)), (1, 0));
    });
}
