//! Simulated time.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use whitewater_sim::host;
use whitewater_sim::time::{self, Elapsed};
use whitewater_sim::{process, task};

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
        host::set_clock_skew_ns(host, -90_000_000_000);
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
