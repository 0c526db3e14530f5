//! `LocalSet` and `spawn_local`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::world::{about, run};
use tokio::runtime::{Builder, LocalRuntime};
use tokio::task::{self, LocalSet};
use tokio::time::{Instant, sleep};

#[test]
fn run_until_drives_local_tasks() {
    run(async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let local = LocalSet::new();
        let inner = log.clone();
        local
            .run_until(async move {
                let mine = inner.clone();
                let handle = task::spawn_local(async move {
                    sleep(Duration::from_millis(2)).await;
                    mine.borrow_mut().push("task");
                    task::id()
                });
                let id = handle.id();
                inner.borrow_mut().push("main");
                assert_eq!(handle.await.unwrap(), id);
            })
            .await;
        assert_eq!(*log.borrow(), ["main", "task"]);
    });
}

#[test]
fn tasks_run_only_while_the_set_is_driven() {
    run(async {
        let ran = Rc::new(Cell::new(false));
        let local = LocalSet::new();
        let mine = ran.clone();
        local.spawn_local(async move { mine.set(true) });
        sleep(Duration::from_secs(1)).await;
        assert!(!ran.get());
        local.await;
        assert!(ran.get());
    });
}

#[test]
fn awaiting_the_set_waits_for_tasks_that_its_tasks_spawned() {
    run(async {
        let count = Rc::new(Cell::new(0));
        let local = LocalSet::new();
        let outer = count.clone();
        local.spawn_local(async move {
            for _ in 0..100 {
                let inner = outer.clone();
                task::spawn_local(async move {
                    sleep(Duration::from_millis(1)).await;
                    inner.set(inner.get() + 1);
                });
            }
        });
        let started = Instant::now();
        local.await;
        assert_eq!(count.get(), 100);
        assert!(about(started.elapsed(), Duration::from_millis(1)));
    });
}

#[test]
fn dropping_the_set_drops_its_tasks() {
    run(async {
        let held = Rc::new(());
        let local = LocalSet::new();
        let mine = held.clone();
        let handle = local.spawn_local(async move {
            std::future::pending::<()>().await;
            drop(mine);
        });
        drop(local);
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(handle.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn abort_and_panic_of_local_tasks() {
    run(async {
        let local = LocalSet::new();
        local
            .run_until(async {
                let aborted = task::spawn_local(std::future::pending::<()>());
                aborted.abort();
                assert!(aborted.await.unwrap_err().is_cancelled());
                let panicked = task::spawn_local(async { panic!("no") });
                assert!(panicked.await.unwrap_err().is_panic());
            })
            .await;
    });
}

#[test]
#[should_panic(expected = "`spawn_local` called from outside of a `task::LocalSet`")]
fn spawn_local_needs_a_set() {
    run(async {
        task::spawn_local(async {});
    });
}

#[test]
fn enter_makes_a_set_current() {
    run(async {
        let local = LocalSet::new();
        let ran = Rc::new(Cell::new(false));
        let mine = ran.clone();
        {
            let _guard = local.enter();
            task::spawn_local(async move { mine.set(true) });
        }
        local.await;
        assert!(ran.get());
    });
}

#[test]
fn block_on_a_current_thread_runtime() {
    run(async {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let local = LocalSet::new();
        let output = local.block_on(&runtime, async {
            let shared = Rc::new(5);
            task::spawn_local(async move { *shared }).await.unwrap()
        });
        assert_eq!(output, 5);
    });
}

#[test]
fn local_runtime() {
    run(async {
        let runtime = LocalRuntime::new().unwrap();
        let held = Rc::new(2);
        let mine = held.clone();
        let spawned = runtime.spawn_local(async move { *mine });
        let sum = runtime.block_on(async {
            let inner = task::spawn_local(async move { *held + 1 });
            spawned.await.unwrap() + inner.await.unwrap()
        });
        assert_eq!(sum, 5);
    });
}
