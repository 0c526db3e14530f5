//! Timers.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::world::{about, run};
use tokio::time::{
    Instant, MissedTickBehavior, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn sleep_takes_exactly_its_time() {
    run(async {
        for duration in [
            Duration::ZERO,
            Duration::from_micros(10),
            ms(1),
            ms(86_400_000),
        ] {
            let started = Instant::now();
            sleep(duration).await;
            assert!(about(started.elapsed(), duration));
        }
        let deadline = Instant::now() + ms(4);
        sleep_until(deadline).await;
        assert!(about(deadline.elapsed(), Duration::ZERO));
    });
}

#[test]
fn sleep_for_ever_is_far_away() {
    run(async {
        let elapsed = timeout(Duration::from_secs(3_600), sleep(Duration::MAX)).await;
        elapsed.unwrap_err();
    });
}

#[test]
fn reset_moves_a_deadline_both_ways() {
    run(async {
        let started = Instant::now();
        let mut timer = pin!(sleep(ms(10)));
        assert_eq!(timer.deadline(), started + ms(10));
        timer.as_mut().reset(started + ms(20));
        timer.as_mut().await;
        assert!(about(started.elapsed(), ms(20)));
        assert!(timer.is_elapsed());
        timer.as_mut().reset(started + ms(25));
        assert!(!timer.is_elapsed());
        timer.as_mut().await;
        assert!(about(started.elapsed(), ms(25)));
    });
}

#[test]
fn reset_wakes_whoever_polled_last() {
    run(async {
        let started = Instant::now();
        let mut timer = Box::pin(sleep(ms(1_000)));
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            let polled = timer.as_mut().poll(cx);
            if polls == 1 {
                timer.as_mut().reset(started + ms(5));
            }
            polled
        })
        .await;
        assert_eq!(polls, 2);
        assert!(about(started.elapsed(), ms(5)));
    });
}

#[test]
fn interval_ticks_at_once_and_then_every_period() {
    run(async {
        let started = Instant::now();
        let mut ticks = interval(ms(10));
        for n in 0..4 {
            assert_eq!(ticks.tick().await, started + ms(10) * n);
            assert!(about(started.elapsed(), ms(10) * n));
        }
        ticks.reset();
        ticks.tick().await;
        assert!(about(started.elapsed(), ms(40)));
        ticks.reset_after(ms(3));
        ticks.tick().await;
        assert!(about(started.elapsed(), ms(43)));
        ticks.reset_immediately();
        ticks.tick().await;
        assert!(about(started.elapsed(), ms(43)));
        assert_eq!(ticks.period(), ms(10));
    });
}

/// When the ticks after one that was 25 ms late are due, since the start.
async fn after_a_late_tick(behavior: MissedTickBehavior) -> Vec<u128> {
    let started = Instant::now();
    let mut ticks = interval_at(started, ms(10));
    ticks.set_missed_tick_behavior(behavior);
    ticks.tick().await;
    sleep(ms(35)).await;
    let mut at = Vec::new();
    for _ in 0..5 {
        ticks.tick().await;
        at.push(started.elapsed().as_millis());
    }
    at
}

#[test]
fn missed_ticks_burst_are_delayed_or_skipped() {
    run(async {
        let burst = after_a_late_tick(MissedTickBehavior::Burst).await;
        assert_eq!(burst, [35, 35, 35, 40, 50]);
        let delay = after_a_late_tick(MissedTickBehavior::Delay).await;
        assert_eq!(delay, [35, 45, 55, 65, 75]);
        let skip = after_a_late_tick(MissedTickBehavior::Skip).await;
        assert_eq!(skip, [35, 40, 50, 60, 70]);
    });
}

#[test]
#[should_panic(expected = "`period` must be non-zero.")]
fn interval_of_zero_panics() {
    run(async { interval(Duration::ZERO) });
}

#[test]
fn timeout_polls_its_future_before_it_looks_at_the_time() {
    run(async {
        let ready = timeout(Duration::ZERO, async { 1 }).await;
        assert_eq!(ready.unwrap(), 1);
        let past = Instant::now();
        sleep(ms(1)).await;
        assert_eq!(timeout_at(past, async { 2 }).await.unwrap(), 2);

        let started = Instant::now();
        let elapsed = timeout(ms(7), std::future::pending::<()>()).await;
        let elapsed = elapsed.unwrap_err();
        assert!(about(started.elapsed(), ms(7)));
        assert_eq!(elapsed.to_string(), "deadline has elapsed");
        let error = std::io::Error::from(elapsed);
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    });
}

#[test]
fn timeout_fires_for_a_future_that_spends_the_whole_budget() {
    run(async {
        let started = Instant::now();
        let hungry = tokio::spawn(timeout(ms(5), async {
            loop {
                sleep(Duration::from_nanos(100)).await;
                tokio::task::coop::consume_budget().await;
            }
        }));
        let outcome: Result<(), _> = hungry.await.unwrap();
        outcome.unwrap_err();
        assert!(started.elapsed() >= ms(5));
    });
}

#[test]
fn instants_convert_and_compare() {
    run(async {
        let start = Instant::now();
        let std: std::time::Instant = start.into();
        assert_eq!(Instant::from(std), start);
        let later = start + ms(3);
        assert_eq!(later - start, ms(3));
        assert_eq!(start - later, Duration::ZERO);
        assert_eq!(start.checked_duration_since(later), None);
        assert_eq!(later - ms(3), start);
        assert_eq!(start.checked_add(Duration::MAX), None);
    });
}

#[test]
fn timers_and_their_futures_are_send() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    run(async {
        let timer = assert_send(timeout(ms(1), sleep(ms(2))));
        let mut timer = Box::pin(timer);
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(Pin::new(&mut timer).poll(&mut cx), Poll::Pending);
        let _interval = assert_send(interval(ms(1)));
    });
}

#[test]
#[should_panic(expected = "timers are disabled. Call `enable_time`")]
fn timers_need_a_runtime_that_has_them() {
    run(async {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async { sleep(ms(1)).await });
    });
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn no_timer_outside_a_world() {
    drop(sleep(ms(1)));
}
