//! The real tokio's synchronisation, and standard output, on simulated tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use crate::world::{about, run};

#[test]
fn channels_wake_tasks() {
    run(async {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = tokio::spawn(async move {
            for n in 0..10 {
                tx.send(n).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        });
        let mut received = Vec::new();
        while let Some(n) = rx.recv().await {
            received.push(n);
        }
        assert_eq!(received, (0..10).collect::<Vec<_>>());
        sender.await.unwrap();

        let (tx, rx) = oneshot::channel();
        tokio::spawn(async move { tx.send(4).unwrap() });
        assert_eq!(rx.await, Ok(4));

        let (tx, mut rx) = watch::channel(0);
        tokio::spawn(async move { tx.send(1).unwrap() });
        rx.changed().await.unwrap();
        assert_eq!(*rx.borrow(), 1);

        let (tx, mut rx) = broadcast::channel(4);
        tokio::spawn(async move { tx.send("all").unwrap() });
        assert_eq!(rx.recv().await, Ok("all"));
    });
}

#[test]
fn locks_are_held_over_simulated_time() {
    run(async {
        let lock = Arc::new(Mutex::new(0));
        let started = Instant::now();
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let lock = lock.clone();
                tokio::spawn(async move {
                    let mut count = lock.lock().await;
                    sleep(Duration::from_millis(10)).await;
                    *count += 1;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*lock.lock().await, 5);
        assert!(about(started.elapsed(), Duration::from_millis(50)));

        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await.unwrap();
        assert!(semaphore.try_acquire().is_err());
        drop(permit);
        let notify = Notify::new();
        notify.notify_one();
        notify.notified().await;
    });
}

#[test]
fn output_can_be_written() {
    run(async {
        let mut stdout = tokio::io::stdout();
        stdout.write_all(b"out\n").await.unwrap();
        stdout.flush().await.unwrap();
        tokio::io::stderr().write_all(b"err\n").await.unwrap();
    });
}

#[test]
fn duplex_pipes_connect_tasks() {
    run(async {
        use tokio::io::AsyncReadExt;
        let (mut near, mut far) = tokio::io::duplex(8);
        let writer = tokio::spawn(async move { near.write_all(&[1; 100]).await });
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        writer.await.unwrap().unwrap();
        assert_eq!(read, [1; 100]);
    });
}

#[test]
fn blocking_ends_of_channels_suspend_only_their_task() {
    run(async {
        let started = Instant::now();
        let consumers: Vec<_> = (0..2)
            .map(|_| {
                let (tx, mut rx) = mpsc::channel(1);
                let consumer = tokio::task::spawn_blocking(move || {
                    let mut sum = 0;
                    while let Some(n) = rx.blocking_recv() {
                        sum += n;
                    }
                    sum
                });
                (tx, consumer)
            })
            .collect();
        for (tx, consumer) in consumers {
            let producer = tokio::task::spawn_blocking(move || {
                for n in 0..10 {
                    tx.blocking_send(n).unwrap();
                }
            });
            producer.await.unwrap();
            assert_eq!(consumer.await.unwrap(), 45);
        }
        let (tx, rx) = oneshot::channel();
        let waiting = tokio::task::spawn_blocking(move || rx.blocking_recv());
        sleep(Duration::from_secs(1)).await;
        tx.send(1).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(1));
        assert!(started.elapsed() >= Duration::from_secs(1));
    });
}

#[test]
#[should_panic(expected = "Cannot block the current thread from within a runtime.")]
fn blocking_inside_an_asynchronous_task_panics() {
    run(async {
        let (_tx, mut rx) = mpsc::channel::<()>(1);
        let task = tokio::spawn(async move { rx.blocking_recv() });
        std::panic::resume_unwind(task.await.unwrap_err().into_panic());
    });
}

#[test]
fn send_timeout_takes_simulated_time() {
    run(async {
        use mpsc::error::SendTimeoutError;
        let (tx, mut rx) = mpsc::channel(1);
        let second = Duration::from_secs(1);
        tx.send_timeout(1, second).await.unwrap();
        let started = Instant::now();
        let late = tx.send_timeout(2, second).await;
        assert_eq!(late, Err(SendTimeoutError::Timeout(2)));
        assert!(about(started.elapsed(), second));
        assert_eq!(rx.recv().await, Some(1));
        drop(rx);
        let closed = tx.send_timeout(3, second).await.unwrap_err();
        assert_eq!(closed.to_string(), "channel closed");
        assert_eq!(closed.into_inner(), 3);
    });
}

#[test]
fn weak_senders_and_owned_permits() {
    run(async {
        let (tx, mut rx) = mpsc::channel(2);
        let weak = tx.downgrade();
        let permit = weak.upgrade().unwrap().reserve_owned().await.unwrap();
        assert!(permit.same_channel_as_sender(&tx));
        let sender = permit.send(1);
        let full = sender.try_reserve_owned().unwrap().send(2);
        assert!(full.clone().try_reserve_owned().is_err());
        drop((full, tx));
        assert!(weak.upgrade().is_none());
        assert_eq!((rx.recv().await, rx.recv().await), (Some(1), Some(2)));
        assert_eq!(rx.recv().await, None);
    });
}
