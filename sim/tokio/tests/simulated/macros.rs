//! `select!`, `join!`, `try_join!`, `pin!`, and the attributes.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::world::{run, run_seed};

/// Which of four ready branches won, a hundred times.
fn winners(seed: u64) -> Vec<u8> {
    run_seed(seed, async {
        let mut winners = Vec::new();
        for _ in 0..100 {
            winners.push(tokio::select! {
                () = async {} => 0,
                () = async {} => 1,
                () = async {} => 2,
                () = async {} => 3,
            });
        }
        winners
    })
}

#[test]
fn select_is_fair_and_the_seed_decides() {
    let first = winners(1);
    assert_eq!(first, winners(1));
    assert_ne!(first, winners(2));
    let every: BTreeSet<u8> = first.into_iter().collect();
    assert_eq!(every, BTreeSet::from([0, 1, 2, 3]));
}

#[test]
fn biased_select_prefers_the_first() {
    run(async {
        for _ in 0..100 {
            let winner = tokio::select! {
                biased;
                () = async {} => 0,
                () = async {} => 1,
            };
            assert_eq!(winner, 0);
        }
    });
}

#[test]
fn select_has_preconditions_patterns_and_else() {
    run(async {
        let (tx, mut rx) = mpsc::channel(4);
        tx.send(Some(1)).await.unwrap();
        tx.send(None).await.unwrap();
        drop(tx);
        let mut log = Vec::new();
        loop {
            let enabled = log.len() > 10;
            tokio::select! {
                Some(received) = rx.recv() => log.push(received),
                () = std::future::pending(), if enabled => unreachable!(),
                else => break,
            }
        }
        assert_eq!(log, [Some(1), None]);
    });
}

#[test]
fn select_drops_the_losers() {
    run(async {
        let (tx, mut rx) = mpsc::channel::<()>(1);
        tokio::select! {
            _ = async { let _tx = tx; sleep(Duration::from_secs(10)).await } => unreachable!(),
            () = sleep(Duration::from_millis(1)) => {}
        }
        assert_eq!(rx.recv().await, None);
    });
}

#[test]
fn join_and_try_join() {
    run(async {
        let (a, b) = tokio::join!(async { 1 }, async {
            sleep(Duration::from_millis(1)).await;
            2
        });
        assert_eq!((a, b), (1, 2));
        let failed: Result<((), ()), &str> = tokio::try_join!(
            async {
                sleep(Duration::from_secs(1)).await;
                Ok(())
            },
            async { Err("failed") }
        );
        assert_eq!(failed, Err("failed"));
        let future = async { 3 };
        tokio::pin!(future);
        assert_eq!(future.await, 3);
    });
}

#[tokio::main]
async fn attribute_main() -> u8 {
    tokio::spawn(async { 5 }).await.unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn attribute_current_thread() -> tokio::runtime::RuntimeFlavor {
    tokio::runtime::Handle::current().runtime_flavor()
}

#[test]
fn a_process_may_call_a_tokio_main() {
    run(async {
        assert_eq!(attribute_main(), 5);
        let flavor = attribute_current_thread();
        assert_eq!(flavor, tokio::runtime::RuntimeFlavor::CurrentThread);
    });
}
