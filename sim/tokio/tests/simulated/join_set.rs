//! `JoinSet`.

use std::sync::Arc;
use std::time::Duration;

use crate::world::{about, run};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, sleep, timeout};

#[test]
fn joins_in_order_of_completion() {
    let order = run(async {
        let mut set = JoinSet::new();
        for n in [30_u64, 10, 20] {
            set.spawn(async move {
                sleep(Duration::from_millis(n)).await;
                n
            });
        }
        assert_eq!(set.len(), 3);
        let mut order = Vec::new();
        while let Some(joined) = set.join_next().await {
            order.push(joined.unwrap());
        }
        assert!(set.is_empty());
        order
    });
    assert_eq!(order, [10, 20, 30]);
}

#[test]
fn aborts_its_tasks_when_dropped() {
    run(async {
        let held = Arc::new(());
        let mut set = JoinSet::new();
        for _ in 0..3 {
            let held = held.clone();
            set.spawn(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
        sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&held), 4);
        drop(set);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

#[test]
fn detached_tasks_go_on() {
    run(async {
        let held = Arc::new(());
        let mut set = JoinSet::new();
        let mine = held.clone();
        set.spawn(async move {
            sleep(Duration::from_millis(5)).await;
            drop(mine);
        });
        set.detach_all();
        drop(set);
        sleep(Duration::from_millis(4)).await;
        assert_eq!(Arc::strong_count(&held), 2);
        sleep(Duration::from_millis(2)).await;
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

#[test]
fn aborted_and_panicked_tasks_are_joined_with_their_errors() {
    run(async {
        let mut set = JoinSet::new();
        let aborted = set.spawn(std::future::pending::<()>());
        let panicked = set.spawn(async { panic!("no") });
        aborted.abort();
        let mut cancelled = 0;
        let mut panics = 0;
        while let Some(joined) = set.join_next_with_id().await {
            let error = joined.unwrap_err();
            if error.is_cancelled() {
                assert_eq!(error.id(), aborted.id());
                cancelled += 1;
            } else {
                assert_eq!(error.id(), panicked.id());
                panics += 1;
            }
        }
        assert_eq!((cancelled, panics), (1, 1));
    });
}

#[test]
fn shutdown_waits_for_the_destructors() {
    run(async {
        let held = Arc::new(());
        let mut set = JoinSet::new();
        let mine = held.clone();
        set.spawn(async move {
            std::future::pending::<()>().await;
            drop(mine);
        });
        set.shutdown().await;
        assert!(set.is_empty());
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

#[test]
fn try_join_next_takes_only_what_is_done() {
    run(async {
        let mut set: JoinSet<u8> = [1, 2]
            .map(|n| async move {
                sleep(Duration::from_millis(n.into())).await;
                n
            })
            .into_iter()
            .collect();
        assert!(set.try_join_next().is_none());
        sleep(Duration::from_micros(1_500)).await;
        assert_eq!(set.try_join_next().unwrap().unwrap(), 1);
        assert!(set.try_join_next().is_none());
        sleep(Duration::from_millis(1)).await;
        let (_, last) = set.try_join_next_with_id().unwrap().unwrap();
        assert_eq!(last, 2);
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn join_all_collects() {
    run(async {
        let set: JoinSet<u32> = (0..10).map(|n| async move { n }).collect();
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn join_next_is_cancel_safe() {
    run(async {
        let mut set = JoinSet::new();
        set.spawn(sleep(Duration::from_millis(10)));
        for _ in 0..3 {
            let joined = timeout(Duration::from_millis(2), set.join_next()).await;
            assert!(joined.is_err());
        }
        let started = Instant::now();
        set.join_next().await.unwrap().unwrap();
        assert!(about(started.elapsed(), Duration::from_millis(4)));
    });
}

#[test]
fn blocking_and_local_tasks() {
    run(async {
        let local = LocalSet::new();
        local
            .run_until(async {
                let mut set = JoinSet::new();
                let not_send = std::rc::Rc::new(1);
                set.spawn_local(async move { *not_send });
                set.spawn_blocking(|| 2);
                let mut sum = 0;
                while let Some(joined) = set.join_next().await {
                    sum += joined.unwrap();
                }
                assert_eq!(sum, 3);
            })
            .await;
    });
}
