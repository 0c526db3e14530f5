//! Tasks: order, results, ends, limits.

use std::cell::RefCell;
use std::rc::Rc;

use whitewater_sim::process;
use whitewater_sim::trace;
use whitewater_sim::world::{self, WorldConfig, WorldError};
use whitewater_sim::{task, time};

use crate::{ms, run};

/// The order in which eight tasks that are ready at once run.
fn order(seed: u64) -> Vec<usize> {
    run(seed, async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let order = order.clone();
                task::spawn(async move { order.borrow_mut().push(n) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        order.take()
    })
}

#[test]
fn the_seed_decides_who_runs_next() {
    assert_eq!(order(1), order(1));
    let mut orders: Vec<_> = (1..=20).map(order).collect();
    orders.sort();
    orders.dedup();
    assert!(
        orders.len() > 15,
        "20 seeds gave only {} orders",
        orders.len()
    );
}

#[test]
fn a_task_gives_its_output() {
    let sum = run(1, async {
        let plain = task::spawn(async { 1 });
        let coroutine = task::spawn_coroutine(async { 2 });
        plain.await.unwrap() + coroutine.await.unwrap()
    });
    assert_eq!(sum, 3);
}

#[test]
fn a_panic_becomes_a_join_error_and_an_event() {
    run(1, async {
        for coroutine in [false, true] {
            let boom = async move { panic!("boom in a coroutine: {coroutine}") };
            let task: task::JoinHandle<()> = if coroutine {
                task::spawn_coroutine(boom)
            } else {
                task::spawn(boom)
            };
            let error = task.await.unwrap_err();
            assert!(error.is_panic());
            assert!(!error.is_cancelled());
            let message = format!("boom in a coroutine: {coroutine}");
            assert_eq!(error.panic_message(), Some(&*message));
            assert_eq!(*error.into_panic().downcast::<String>().unwrap(), message);
            let events = trace::take();
            let panic = events.iter().find(|event| event.kind == "panic").unwrap();
            assert_eq!(panic.text("message"), Some(&*message));
            assert!(panic.text("location").unwrap().contains("execution.rs"));
        }
    });
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn an_aborted_task_drops_what_it_holds() {
    run(1, async {
        for coroutine in [false, true] {
            let dropped = Rc::new(RefCell::new(false));
            let flag = dropped.clone();
            let body = async move {
                let _guard = OnDrop(move || *flag.borrow_mut() = true);
                std::future::pending::<()>().await;
            };
            let task = if coroutine {
                task::spawn_coroutine(body)
            } else {
                task::spawn(body)
            };
            time::sleep(ms(1)).await;
            assert!(!task.is_finished());
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert!(*dropped.borrow());
        }
    });
}

#[test]
fn aborting_a_finished_task_changes_nothing() {
    run(1, async {
        let task = task::spawn(async { 5 });
        let abort = task.abort_handle();
        time::sleep(ms(1)).await;
        abort.abort();
        assert!(abort.is_finished());
        assert_eq!(task.await.unwrap(), 5);
    });
}

#[test]
fn yielding_lets_others_run() {
    run(1, async {
        let ran = Rc::new(RefCell::new(false));
        let flag = ran.clone();
        task::spawn(async move { *flag.borrow_mut() = true });
        for _ in 0..100 {
            task::yield_now().await;
        }
        assert!(*ran.borrow());
    });
}

#[test]
fn a_deadlock_names_the_tasks_that_wait() {
    let error = world::run(WorldConfig::default(), async {
        let host = whitewater_sim::host::create_host("alpha");
        let worker = process::create_process(host, "worker");
        process::start(worker, || async {
            task::block_on(std::future::pending::<()>());
        });
        std::future::pending::<()>().await;
    })
    .unwrap_err();
    let WorldError::Deadlock { tasks } = &error else {
        panic!("not a deadlock: {error}");
    };
    assert_eq!(tasks.len(), 2);
    assert_eq!(tasks[1].process, "worker");
    assert!(tasks[1].blocked);
    let text = error.to_string();
    assert!(
        text.contains("task 2 of worker waits in a blocking call"),
        "{text}"
    );
    assert!(text.contains("execution.rs"), "{text}");
}

#[test]
fn a_budget_of_polls_ends_what_spins() {
    let config = WorldConfig {
        poll_budget: 1_000,
        ..WorldConfig::default()
    };
    let error = world::run(config, async {
        loop {
            task::yield_now().await;
        }
    });
    assert_eq!(
        error,
        Err::<(), _>(WorldError::PollBudgetExhausted { polls: 1_000 })
    );
}

#[test]
fn a_loop_that_never_sleeps_still_sees_time_pass() {
    run(1, async {
        let end = time::now() + ms(1);
        while time::now() < end {
            task::yield_now().await;
        }
    });
}

#[test]
fn a_panic_of_the_harness_ends_the_run() {
    let error = world::run(WorldConfig::default(), async { panic!("lost") });
    assert_eq!(
        error,
        Err::<(), _>(WorldError::MainPanicked {
            message: "lost".to_owned()
        })
    );
    assert!(!world::in_world());
}

#[test]
fn worlds_follow_one_another_on_a_thread() {
    let waker = run(1, async {
        std::future::poll_fn(|context| std::task::Poll::Ready(context.waker().clone())).await
    });
    // Late, of a world that is over: nothing happens, outside as in the next world.
    waker.wake_by_ref();
    run(2, async move { waker.wake() });
}

#[test]
#[should_panic(expected = "this needs a simulated world")]
fn outside_of_a_world_the_panic_says_so() {
    time::now();
}

#[test]
fn a_wake_up_from_another_thread_is_refused() {
    run(1, async {
        let waker =
            std::future::poll_fn(|context| std::task::Poll::Ready(context.waker().clone())).await;
        #[expect(
            clippy::disallowed_methods,
            reason = "what is tested is a thread's wake-up"
        )]
        let refused = std::thread::spawn(move || waker.wake()).join();
        let message = *refused.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("woken from another thread"), "{message}");
    });
}

#[test]
fn task_locals_belong_to_their_task() {
    run(1, async {
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                task::spawn_coroutine(async move {
                    task::local::<RefCell<u32>>().replace(n);
                    task::block_on(time::sleep(ms(1)));
                    assert_eq!(*task::local::<RefCell<u32>>().borrow(), n);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*task::local::<RefCell<u32>>().borrow(), 0);
    });
}
