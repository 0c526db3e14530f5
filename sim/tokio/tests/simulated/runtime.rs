//! Runtimes, their handles, and their end.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task;
use tokio::time::{Instant, sleep};
use whitewater_sim::{host, process};

use crate::world::{about, run};

#[test]
fn block_on_drives_a_future_and_what_it_spawned() {
    run(async {
        let runtime = Runtime::new().unwrap();
        let started = Instant::now();
        let output = runtime.block_on(async {
            tokio::spawn(async {
                sleep(Duration::from_secs(2)).await;
                3
            })
            .await
            .unwrap()
        });
        assert_eq!(output, 3);
        assert!(about(started.elapsed(), Duration::from_secs(2)));
    });
}

#[test]
fn drop_aborts_the_tasks_and_waits_for_their_destructors() {
    run(async {
        let held = Arc::new(());
        let runtime = Runtime::new().unwrap();
        let mine = held.clone();
        let handle = runtime.spawn(async move {
            std::future::pending::<()>().await;
            drop(mine);
        });
        sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&held), 2);
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(handle.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn drop_leaves_the_tasks_of_other_runtimes_alone() {
    run(async {
        let outer = tokio::spawn(sleep(Duration::from_millis(10)));
        let runtime = Runtime::new().unwrap();
        let inner = runtime.spawn(sleep(Duration::from_millis(10)));
        drop(runtime);
        assert!(inner.await.is_err());
        assert!(outer.await.is_ok());
    });
}

#[test]
fn drop_waits_for_blocking_code_and_shutdown_only_so_long() {
    run(async {
        let block = |runtime: &Runtime| {
            let handle = runtime.handle().clone();
            runtime.spawn_blocking(move || handle.block_on(sleep(Duration::from_secs(5))))
        };
        let runtime = Runtime::new().unwrap();
        let blocking = block(&runtime);
        sleep(Duration::from_millis(1)).await;
        let started = Instant::now();
        drop(runtime);
        assert!(started.elapsed() > Duration::from_millis(4_990));
        blocking.await.unwrap();

        let runtime = Runtime::new().unwrap();
        let _blocking = block(&runtime);
        sleep(Duration::from_millis(1)).await;
        let started = Instant::now();
        runtime.shutdown_timeout(Duration::from_secs(1));
        assert!(about(started.elapsed(), Duration::from_secs(1)));

        let runtime = Runtime::new().unwrap();
        let _blocking = block(&runtime);
        sleep(Duration::from_millis(1)).await;
        let started = Instant::now();
        runtime.shutdown_background();
        assert!(about(started.elapsed(), Duration::ZERO));
    });
}

#[test]
fn a_runtime_that_was_shut_down_cancels_what_is_spawned_on_it() {
    run(async {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let late = handle.spawn(async { 1 });
        assert!(late.is_finished());
        assert!(late.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn enter_makes_a_runtime_current() {
    run(async {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let implicit = Handle::current();
        assert_eq!(implicit.runtime_flavor(), RuntimeFlavor::MultiThread);
        {
            let _guard = runtime.enter();
            assert_eq!(Handle::current().id(), runtime.handle().id());
        }
        assert_eq!(Handle::current().id(), implicit.id());
        let inside = runtime.spawn(async { Handle::current().id() });
        assert_eq!(inside.await.unwrap(), runtime.handle().id());
    });
}

#[test]
#[should_panic(expected = "Cannot start a runtime from within a runtime.")]
fn block_on_inside_a_task_panics() {
    run(async {
        let runtime = Arc::new(Runtime::new().unwrap());
        let inner = runtime.clone();
        runtime.block_on(async move { inner.block_on(async {}) });
    });
}

#[test]
#[should_panic(expected = "Cannot drop a runtime in a context where blocking is not allowed.")]
fn drop_inside_a_task_panics() {
    run(async {
        let runtime = Runtime::new().unwrap();
        let dropped = tokio::spawn(async move { drop(runtime) }).await;
        std::panic::resume_unwind(dropped.unwrap_err().into_panic());
    });
}

#[test]
#[should_panic(expected = "can call blocking only when running on the multi-threaded runtime")]
fn block_in_place_on_a_current_thread_runtime_panics() {
    run(async {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { task::block_in_place(|| ()) });
    });
}

#[test]
fn the_blocking_pool_is_bounded() {
    run(async {
        let runtime = Builder::new_multi_thread()
            .max_blocking_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let handle = runtime.handle().clone();
                let (running, most) = (running.clone(), most.clone());
                runtime.spawn_blocking(move || {
                    let now = running.fetch_add(1, Ordering::Relaxed) + 1;
                    most.fetch_max(now, Ordering::Relaxed);
                    handle.block_on(sleep(Duration::from_millis(10)));
                    running.fetch_sub(1, Ordering::Relaxed);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(most.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn metrics_and_names() {
    run(async {
        let runtime = Builder::new_multi_thread()
            .worker_threads(3)
            .name("pool")
            .enable_all()
            .build()
            .unwrap();
        assert_eq!(runtime.handle().name(), Some("pool"));
        assert_eq!(runtime.metrics().num_workers(), 3);
        let task = runtime.spawn(sleep(Duration::from_millis(1)));
        assert_eq!(runtime.metrics().num_alive_tasks(), 1);
        task.await.unwrap();
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    });
}

#[test]
fn no_current_runtime_outside_a_world() {
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
    assert_eq!(
        error.to_string(),
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
    );
}

#[test]
#[should_panic(expected = "block_on was called outside of one")]
fn block_on_outside_a_world_says_so() {
    Runtime::new().unwrap().block_on(async {});
}

#[test]
fn a_restarted_process_has_a_new_runtime() {
    run(async {
        let worker = process::create_process(host::create_host("worker-host"), "worker");
        let seen = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..2 {
            let seen = seen.clone();
            process::start(worker, || async move {
                let runtime = Handle::current();
                let alive = runtime.metrics().num_alive_tasks();
                seen.borrow_mut().push((runtime.id(), alive));
                tokio::spawn(std::future::pending::<()>());
                std::future::pending::<()>().await;
            });
            sleep(Duration::from_millis(1)).await;
            process::kill(worker);
        }
        let seen = seen.borrow();
        assert_ne!(seen[0].0, seen[1].0);
        assert_eq!((seen[0].1, seen[1].1), (0, 0), "the old tasks died");
    });
}
