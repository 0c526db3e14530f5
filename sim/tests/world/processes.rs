//! Processes and hosts: start, end, kill, pause, signals, power.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use whitewater_sim::descriptor::{
    CloseReason, Descriptor, descriptor_peaks, register_descriptor, release_descriptor,
};
use whitewater_sim::host;
use whitewater_sim::process::{self, ExitStatus, ProcessId, Signal};
use whitewater_sim::{cpu, task, time, trace};

use crate::{ms, run};

fn worker() -> ProcessId {
    process::create_process(host::create_host("alpha"), "worker")
}

#[test]
fn a_process_ends_when_its_main_returns() {
    run(1, async {
        let worker = worker();
        assert_eq!(process::exit_status(worker), None);
        process::start(worker, || async {
            // Left behind: it must not run after main has returned.
            task::spawn(async {
                time::sleep(ms(10)).await;
                trace::probe("ran after the end");
            });
            time::sleep(ms(5)).await;
        });
        assert!(process::is_running(worker));
        assert_eq!(process::exited(worker).await, ExitStatus::Ok);
        assert!(time::now() < ms(6));
        time::sleep(ms(20)).await;
        let kinds: Vec<_> = trace::take()
            .iter()
            .map(|event| {
                (
                    event.process.to_string(),
                    event.text("phase").map(str::to_owned),
                )
            })
            .collect();
        let of = |phase: &str| ("worker".to_owned(), Some(phase.to_owned()));
        assert_eq!(kinds, [of("started"), of("exited")]);
    });
}

#[test]
fn a_panic_of_main_ends_the_process() {
    run(1, async {
        let worker = worker();
        process::start(worker, || async { panic!("no config") });
        let status = process::exited(worker).await;
        assert_eq!(status, ExitStatus::Panicked("no config".to_owned()));
        let events = trace::take();
        let exit = events.last().unwrap();
        assert_eq!(exit.text("status"), Some("panicked: no config"));
    });
}

#[test]
fn main_itself_may_block_and_belongs_to_its_process() {
    run(1, async {
        let worker = worker();
        process::start(worker, move || {
            task::block_on(time::sleep(ms(3)));
            assert_eq!(process::current(), worker);
            async {}
        });
        assert_eq!(process::exited(worker).await, ExitStatus::Ok);
        assert!(time::now() >= ms(3));
    });
}

#[test]
fn exit_ends_the_process_where_it_stands() {
    run(1, async {
        let worker = worker();
        process::start(worker, || async {
            process::exit(3);
            trace::probe("went on");
        });
        assert_eq!(process::exited(worker).await, ExitStatus::Exited(3));
        time::sleep(ms(1)).await;
        assert!(trace::take().iter().all(|event| event.kind != "probe"));
    });
}

#[test]
fn a_killed_process_runs_nothing_more_not_even_destructors() {
    run(1, async {
        struct Tell;
        impl Drop for Tell {
            fn drop(&mut self) {
                trace::probe("destructor ran");
            }
        }
        let worker = worker();
        process::start(worker, || async {
            task::spawn(async {
                let _tell = Tell;
                time::sleep(ms(50)).await;
            });
            task::spawn_coroutine(async {
                let _tell = Tell;
                task::block_on(time::sleep(ms(50)));
                trace::probe("went on");
            });
            let _tell = Tell;
            std::future::pending::<()>().await;
        });
        time::sleep(ms(10)).await;
        process::kill(worker);
        assert_eq!(process::exit_status(worker), Some(ExitStatus::Killed));
        time::sleep(ms(100)).await;
        assert!(trace::take().iter().all(|event| event.kind != "probe"));
    });
}

#[test]
fn a_process_can_kill_itself() {
    run(1, async {
        let worker = worker();
        process::start(worker, move || async move {
            process::kill(worker);
            trace::probe("went on");
        });
        assert_eq!(process::exited(worker).await, ExitStatus::Killed);
        time::sleep(ms(1)).await;
        assert!(trace::take().iter().all(|event| event.kind != "probe"));
    });
}

#[test]
fn wakers_of_a_dead_incarnation_do_nothing() {
    run(1, async {
        let worker = worker();
        let polls = Rc::new(Cell::new(0));
        let wakers = Rc::new(RefCell::new(Vec::new()));
        for incarnation in 1..=2 {
            let (polls, kept) = (polls.clone(), wakers.clone());
            process::start(worker, move || {
                std::future::poll_fn(move |context| {
                    polls.set(polls.get() + 1);
                    kept.borrow_mut().push(context.waker().clone());
                    std::task::Poll::Pending
                })
            });
            assert_eq!(process::incarnation(worker), incarnation);
            time::sleep(ms(1)).await;
            if incarnation == 1 {
                process::kill(worker);
            }
        }
        assert_eq!(polls.get(), 2);
        let old = wakers.borrow()[0].clone();
        old.wake();
        time::sleep(ms(1)).await;
        assert_eq!(
            polls.get(),
            2,
            "the first incarnation's waker woke somebody"
        );
        let new = wakers.borrow()[1].clone();
        new.wake();
        time::sleep(ms(1)).await;
        assert_eq!(polls.get(), 3);
    });
}

#[test]
fn a_paused_process_stands_still_while_its_timers_elapse() {
    run(1, async {
        let worker = worker();
        let woke = Rc::new(Cell::new(None));
        let out = woke.clone();
        process::start(worker, move || async move {
            time::sleep(ms(10)).await;
            out.set(Some(time::now()));
        });
        time::sleep(ms(5)).await;
        process::pause(worker);
        process::pause(worker);
        time::sleep(ms(45)).await;
        assert_eq!(woke.get(), None);
        assert!(process::is_running(worker) && process::is_paused(worker));
        process::resume(worker);
        process::exited(worker).await;
        let woke = woke.get().unwrap();
        assert!(woke >= ms(50) && woke < ms(51), "{woke:?}");
    });
}

#[test]
fn a_paused_process_can_be_killed_and_started_again() {
    run(1, async {
        let worker = worker();
        process::start(worker, || async {
            loop {
                time::sleep(ms(1)).await;
            }
        });
        process::pause(worker);
        time::sleep(ms(5)).await;
        process::kill(worker);
        process::start(worker, || async { time::sleep(ms(5)).await });
        assert!(!process::is_paused(worker));
        assert_eq!(process::exited(worker).await, ExitStatus::Ok);
    });
}

#[test]
fn a_signal_kills_unless_somebody_listens() {
    run(1, async {
        let worker = worker();
        process::start(worker, std::future::pending::<()>);
        time::sleep(ms(1)).await;
        process::signal(worker, Signal::Terminate);
        assert_eq!(process::exit_status(worker), Some(ExitStatus::Killed));

        process::start(worker, || async {
            let mut interrupted = process::listen_to_signal(Signal::Interrupt);
            interrupted.recv().await;
            interrupted.recv().await;
        });
        time::sleep(ms(1)).await;
        process::signal(worker, Signal::Interrupt);
        time::sleep(ms(1)).await;
        assert!(process::is_running(worker));
        process::signal(worker, Signal::Interrupt);
        assert_eq!(process::exited(worker).await, ExitStatus::Ok);
    });
}

struct Recorder(Rc<RefCell<Vec<(u32, CloseReason)>>>, u32);

impl Descriptor for Recorder {
    fn close(&mut self, how: CloseReason) {
        self.0.borrow_mut().push((self.1, how));
    }
}

#[test]
fn descriptors_close_with_their_process() {
    run(1, async {
        let host = host::create_host("alpha");
        let worker = process::create_process(host, "worker");
        for (end, reason) in [
            (None, CloseReason::Exited),
            (Some(process::kill as fn(ProcessId)), CloseReason::Killed),
            (
                Some((|worker| host::power_loss(process::host_of(worker))) as fn(ProcessId)),
                CloseReason::PowerLoss,
            ),
        ] {
            let closed = Rc::new(RefCell::new(Vec::new()));
            let table = closed.clone();
            process::start(worker, move || async move {
                for n in 1..=3 {
                    register_descriptor(Box::new(Recorder(table.clone(), n)));
                }
                time::sleep(ms(5)).await;
            });
            time::sleep(ms(1)).await;
            match end {
                Some(end) => end(worker),
                None => drop(process::exited(worker).await),
            }
            assert_eq!(*closed.borrow(), [(1, reason), (2, reason), (3, reason)]);
        }
    });
}

#[test]
fn power_loss_ends_every_process_of_a_host_until_it_boots() {
    run(1, async {
        let host = host::create_host("alpha");
        let elsewhere = process::create_process(host::create_host("beta"), "elsewhere");
        let workers = ["one", "two"].map(|name| process::create_process(host, name));
        for process in workers.into_iter().chain([elsewhere]) {
            process::start(process, std::future::pending::<()>);
        }
        host::power_loss(host);
        assert!(!host::is_up(host));
        assert!(workers.iter().all(|worker| !process::is_running(*worker)));
        assert!(process::is_running(elsewhere));
        host::boot(host);
        assert!(host::running_processes(host).is_empty());
        process::start(workers[0], || async {});
        assert_eq!(process::exited(workers[0]).await, ExitStatus::Ok);
    });
}

#[test]
#[should_panic(expected = "the host of worker has no power")]
fn nothing_starts_on_a_host_without_power() {
    run(1, async {
        let worker = worker();
        host::power_loss(process::host_of(worker));
        process::start(worker, || async {});
    });
}

struct Open;

impl Descriptor for Open {
    fn close(&mut self, _how: CloseReason) {}
}

#[test]
fn what_is_closed_soon_makes_no_new_peaks() {
    run(1, async {
        let worker = worker();
        for _ in 0..2 {
            process::start(worker, || async {
                for _ in 0..5 {
                    let opened = [(); 3].map(|()| register_descriptor(Box::new(Open)));
                    time::sleep(ms(1)).await;
                    for descriptor in opened {
                        drop(release_descriptor(descriptor));
                    }
                }
                register_descriptor(Box::new(Open));
            });
            process::exited(worker).await;
        }
        let peaks: Vec<_> = descriptor_peaks(worker)
            .iter()
            .map(|peak| (peak.incarnation, peak.open))
            .collect();
        // Each life begins anew; the one left open at its end goes with it.
        assert_eq!(peaks, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]);
    });
}

#[test]
fn a_slow_cpu_takes_its_time_for_each_record() {
    run(1, async {
        let host = host::create_host("alpha");
        let [slow, quick] = ["slow", "quick"].map(|name| process::create_process(host, name));
        cpu::set_cost(slow, ms(20));
        let took = Rc::new(RefCell::new(Vec::new()));
        for worker in [slow, quick] {
            let took = took.clone();
            process::start(worker, move || async move {
                let started = time::now();
                for _ in 0..3 {
                    cpu::spend_on_record();
                }
                took.borrow_mut().push(time::now() - started);
            });
            process::exited(worker).await;
        }
        assert!((ms(60)..ms(61)).contains(&took.borrow()[0]), "{took:?}");
        assert!(took.borrow()[1] < ms(1), "{took:?}");
        assert_eq!((cpu::clear_cost(slow), cpu::clear_cost(quick)), (3, 0));
    });
}

#[test]
fn a_batch_costs_itself_and_each_of_its_records_once() {
    run(1, async {
        let worker = process::create_process(host::create_host("alpha"), "worker");
        cpu::set_batch_cost(worker, ms(2), ms(30));
        let took = Rc::new(RefCell::new(Vec::new()));
        let inner = took.clone();
        process::start(worker, move || async move {
            for records in [5, 0, 10] {
                let started = time::now();
                for _ in 0..records {
                    cpu::spend_on_record();
                }
                assert!(
                    time::now() - started < ms(1),
                    "a record alone costs nothing"
                );
                cpu::spend_on_batch();
                inner.borrow_mut().push((time::now() - started).as_millis());
            }
        });
        process::exited(worker).await;
        assert_eq!(*took.borrow(), [40, 0, 50]);
    });
}
