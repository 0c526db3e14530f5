//! Signals that the world sends.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use whitewater_sim::host;
use whitewater_sim::process::{self, ExitStatus, ProcessId, Signal};

use crate::world::run;

/// Starts a process next to the one that calls.
fn start<Fut: Future<Output = ()> + 'static>(main: impl FnOnce() -> Fut + 'static) -> ProcessId {
    let worker = process::create_process(host::create_host("worker-host"), "worker");
    process::start(worker, main);
    worker
}

#[test]
fn ctrl_c_ends_a_graceful_process() {
    run(async {
        let stopped = Rc::new(Cell::new(false));
        let flag = stopped.clone();
        let worker = start(|| async move {
            tokio::signal::ctrl_c().await.unwrap();
            sleep(Duration::from_millis(5)).await;
            flag.set(true);
        });
        sleep(Duration::from_millis(1)).await;
        process::signal(worker, Signal::Interrupt);
        assert_eq!(process::exited(worker).await, ExitStatus::Ok);
        assert!(stopped.get());
    });
}

#[test]
fn a_signal_that_nobody_listens_to_kills() {
    run(async {
        let worker = start(|| async {
            let mut interrupt = signal(SignalKind::interrupt()).unwrap();
            interrupt.recv().await;
        });
        sleep(Duration::from_millis(1)).await;
        process::signal(worker, Signal::Terminate);
        assert_eq!(process::exited(worker).await, ExitStatus::Killed);
    });
}

#[test]
fn terminate_arrives_once_for_each_look() {
    run(async {
        let count = Rc::new(Cell::new(0));
        let counted = count.clone();
        let worker = start(|| async move {
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            loop {
                assert_eq!(terminate.recv().await, Some(()));
                counted.set(counted.get() + 1);
            }
        });
        sleep(Duration::from_millis(1)).await;
        process::signal(worker, Signal::Terminate);
        process::signal(worker, Signal::Terminate);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(count.get(), 1);
        process::signal(worker, Signal::Terminate);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(count.get(), 2);
    });
}

#[test]
fn other_signals_never_come_and_some_are_refused() {
    run(async {
        let mut hangup = signal(SignalKind::hangup()).unwrap();
        let waited = timeout(Duration::from_secs(60), hangup.recv()).await;
        assert!(waited.is_err());
        let refused = signal(SignalKind::from_raw(9)).unwrap_err();
        assert_eq!(refused.to_string(), "Refusing to register signal 9");
        assert_eq!(SignalKind::terminate().as_raw_value(), 15);
    });
}
