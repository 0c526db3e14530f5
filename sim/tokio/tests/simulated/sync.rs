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
