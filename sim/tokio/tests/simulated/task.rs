//! Tasks: spawning, joining, aborting, blocking.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::{about, run};
use tokio::task;
use tokio::time::{Instant, sleep};

/// Sets a flag when dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn flag() -> (Flag, impl Fn() -> bool) {
    let dropped = Arc::new(AtomicBool::new(false));
    (Flag(dropped.clone()), move || {
        dropped.load(Ordering::Relaxed)
    })
}

#[test]
fn join_handle_gives_the_output() {
    let output = run(async {
        let handle = tokio::spawn(async {
            sleep(Duration::from_millis(3)).await;
            7
        });
        assert!(!handle.is_finished());
        handle.await.unwrap()
    });
    assert_eq!(output, 7);
}

#[test]
fn dropped_handle_detaches() {
    run(async {
        let (flag, dropped) = flag();
        drop(tokio::spawn(async move {
            sleep(Duration::from_millis(1)).await;
            drop(flag);
        }));
        sleep(Duration::from_millis(2)).await;
        assert!(dropped());
    });
}

#[test]
fn panic_becomes_a_join_error() {
    run(async {
        let handle = tokio::spawn(async {
            let now = Instant::now();
            sleep(Duration::from_secs(1)).await;
            // Text that is not known before it runs, so that the payload is a `String`.
            panic!("boom {}", now.elapsed().as_secs());
        });
        let id = handle.id();
        let error = handle.await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.id(), id);
        assert_eq!(
            error.to_string(),
            format!("task {id} panicked with message \"boom 1\"")
        );
        assert_eq!(
            format!("{error:?}"),
            format!("JoinError::Panic({id:?}, \"boom 1\", ...)")
        );
        let payload = error.into_panic();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "boom 1");
    });
}

#[test]
fn panic_with_another_payload_has_no_message() {
    run(async {
        let handle = tokio::spawn(async { std::panic::panic_any(5_u8) });
        let id = handle.id();
        let error = handle.await.unwrap_err();
        assert_eq!(error.to_string(), format!("task {id} panicked"));
        assert_eq!(std::io::Error::from(error).to_string(), "task panicked");
    });
}

#[test]
fn abort_drops_the_future_and_says_cancelled() {
    run(async {
        let (flag, dropped) = flag();
        let handle = tokio::spawn(async move {
            let _flag = flag;
            std::future::pending::<()>().await;
        });
        task::yield_now().await;
        handle.abort();
        let abort = handle.abort_handle();
        let id = handle.id();
        let error = handle.await.unwrap_err();
        assert!(dropped() && abort.is_finished());
        assert!(error.is_cancelled() && error.to_string() == format!("task {id} was cancelled"));
        assert_eq!(
            format!("{error:?}"),
            format!("JoinError::Cancelled({id:?})")
        );
        assert_eq!(
            std::io::Error::from(error).to_string(),
            "task was cancelled"
        );
    });
}

#[test]
fn abort_before_the_first_poll_never_polls() {
    run(async {
        let (flag, dropped) = flag();
        let polled = Arc::new(AtomicBool::new(false));
        let seen = polled.clone();
        let handle = tokio::spawn(async move {
            let _flag = flag;
            seen.store(true, Ordering::Relaxed);
        });
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
        assert!(dropped() && !polled.load(Ordering::Relaxed));
    });
}

#[test]
fn abort_after_completion_changes_nothing() {
    run(async {
        let handle = tokio::spawn(async { 1 });
        sleep(Duration::from_millis(1)).await;
        assert!(handle.is_finished());
        handle.abort();
        assert_eq!(handle.await.unwrap(), 1);
    });
}

#[test]
fn a_task_that_aborts_itself_ends_at_its_next_yield() {
    run(async {
        let own = Arc::new(Mutex::new(None::<task::AbortHandle>));
        let mine = own.clone();
        let handle = tokio::spawn(async move {
            sleep(Duration::from_millis(1)).await;
            mine.lock().unwrap().take().unwrap().abort();
            task::yield_now().await;
            unreachable!("polled after its abort");
        });
        *own.lock().unwrap() = Some(handle.abort_handle());
        let error: task::JoinError = handle.await.unwrap_err();
        assert!(error.is_cancelled());
    });
}

#[test]
fn ids_are_those_of_the_handles() {
    run(async {
        assert_eq!(task::try_id(), None, "a process's main is not a task");
        let first = tokio::spawn(async { task::id() });
        let second = tokio::spawn(async { task::id() });
        let ids = (first.id(), second.id());
        assert_ne!(ids.0, ids.1);
        assert_eq!((first.await.unwrap(), second.await.unwrap()), ids);
    });
}

#[test]
#[should_panic(expected = "Can't get a task id when not inside a task")]
fn no_id_outside_a_task() {
    run(async { task::id() });
}

#[test]
fn blocking_tasks_run_side_by_side_in_simulated_time() {
    run(async {
        let handle = tokio::runtime::Handle::current();
        let started = Instant::now();
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let handle = handle.clone();
                task::spawn_blocking(move || {
                    handle.block_on(sleep(Duration::from_millis(50)));
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        let took = started.elapsed();
        assert_eq!(sum, 6);
        assert!(took > Duration::from_millis(50) && took < Duration::from_millis(60));
    });
}

#[test]
fn blocking_task_does_not_hold_up_the_others() {
    run(async {
        let blocked = tokio::spawn(async {
            // What a synchronous client does inside an asynchronous task.
            whitewater_sim::task::block_on(sleep(Duration::from_secs(60)));
        });
        let started = Instant::now();
        tokio::spawn(sleep(Duration::from_millis(5))).await.unwrap();
        assert!(about(started.elapsed(), Duration::from_millis(5)));
        blocked.await.unwrap();
        assert!(about(started.elapsed(), Duration::from_secs(60)));
    });
}

#[test]
fn block_in_place_may_block() {
    let took = run(async {
        let started = Instant::now();
        let handle = tokio::runtime::Handle::current();
        tokio::spawn(async move {
            task::block_in_place(|| handle.block_on(sleep(Duration::from_secs(1))));
        })
        .await
        .unwrap();
        started.elapsed()
    });
    assert!(about(took, Duration::from_secs(1)));
}

#[test]
fn yield_now_lets_the_others_run() {
    run(async {
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let count = count.clone();
            tokio::spawn(async move { count.fetch_add(1, Ordering::Relaxed) });
        }
        let mut yields = 0;
        while count.load(Ordering::Relaxed) < 5 {
            task::yield_now().await;
            yields += 1;
            assert!(yields < 100, "the others never ran");
        }
    });
}

#[test]
fn budget_makes_a_busy_task_yield() {
    run(async {
        let busy = tokio::spawn(async {
            loop {
                task::coop::consume_budget().await;
            }
        });
        let stop = busy.abort_handle();
        tokio::spawn(async move { stop.abort() }).await.unwrap();
        assert!(busy.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn unconstrained_has_no_budget() {
    run(async {
        let remaining = tokio::spawn(async {
            for _ in 0..127 {
                task::coop::consume_budget().await;
            }
            let before = task::coop::has_budget_remaining();
            let unconstrained = task::coop::unconstrained(async {
                for _ in 0..1000 {
                    task::coop::consume_budget().await;
                }
                task::coop::has_budget_remaining()
            });
            (before, unconstrained.await)
        });
        assert_eq!(remaining.await.unwrap(), (true, true));
    });
}

#[test]
#[should_panic(
    expected = "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
)]
fn spawn_outside_a_world_panics_as_outside_a_runtime() {
    tokio::spawn(async {});
}

#[test]
fn handles_are_send_whatever_the_future_held() {
    fn assert_send<T: Send + Sync>(_: &T) {}
    run(async {
        let handle = tokio::spawn(async { 1 });
        assert_send(&handle);
        assert_send(&handle.abort_handle());
        handle.await.unwrap();
    });
}
