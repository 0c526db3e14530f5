//! Blocking calls inside coroutines.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use whitewater_sim::task::{self, BlockError};
use whitewater_sim::time;

use crate::{ms, run};

#[test]
fn a_blocking_call_suspends_only_its_task() {
    run(1, async {
        let ticks = Rc::new(Cell::new(0));
        let counter = ticks.clone();
        task::spawn(async move {
            loop {
                time::sleep(ms(1)).await;
                counter.set(counter.get() + 1);
            }
        });
        let blocked = task::spawn_coroutine(async {
            task::block_on(time::sleep(ms(10)));
            time::now()
        });
        assert!(blocked.await.unwrap() >= ms(10));
        assert!(ticks.get() >= 9);
    });
}

#[test]
fn blocking_calls_nest() {
    run(1, async {
        let task = task::spawn_coroutine(async {
            task::block_on(async {
                time::sleep(ms(1)).await;
                task::block_on(async {
                    time::sleep(ms(1)).await;
                    task::block_on(time::sleep(ms(1)));
                });
            });
            time::now()
        });
        assert!(task.await.unwrap() >= ms(3));
    });
}

#[test]
fn a_plain_task_that_blocks_is_told_what_to_do() {
    run(1, async {
        let error = task::spawn(async { task::block_on(time::sleep(ms(1))) })
            .await
            .unwrap_err();
        let message = error.panic_message().unwrap();
        assert!(message.contains("spawn_coroutine"), "{message}");
        assert_eq!(
            task::try_block_on(time::sleep(ms(1))),
            Err(BlockError::NotACoroutine)
        );
        assert_eq!(task::try_block_on(async { 7 }), Ok(7));
    });
}

/// Ready once it was woken through the waker that it stored.
#[derive(Default)]
struct Gate {
    open: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    fn open(&self) {
        self.open.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// One poll registers for the gate, then blocks. The gate's one wake-up arrives while it blocks,
/// and nothing else ever wakes the task.
#[test]
fn a_wake_up_during_a_blocking_call_is_not_lost() {
    for seed in 1..=50 {
        run(seed, async {
            let gate = Rc::new(Gate::default());
            let waiting = gate.clone();
            let mut blocked = false;
            let task = task::spawn_coroutine(poll_fn(move |context| {
                if waiting.open.get() && blocked {
                    return Poll::Ready(());
                }
                // Looks at the gate before it blocks, as a `select!` with two branches does.
                let was_open = waiting.open.get();
                *waiting.waker.borrow_mut() = Some(context.waker().clone());
                if !blocked {
                    blocked = true;
                    task::block_on(time::sleep(ms(10)));
                }
                if was_open {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }));
            time::sleep(ms(5)).await;
            gate.open();
            time::timeout(ms(100), task).await.unwrap().unwrap();
        });
    }
}

#[test]
fn destructors_of_an_aborted_coroutine_may_block() {
    run(1, async {
        struct FlushOnDrop(Rc<Cell<bool>>);
        impl Drop for FlushOnDrop {
            fn drop(&mut self) {
                task::block_on(time::sleep(ms(5)));
                self.0.set(true);
            }
        }
        let flushed = Rc::new(Cell::new(false));
        let guard = FlushOnDrop(flushed.clone());
        let task = task::spawn_coroutine(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        time::sleep(ms(1)).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(flushed.get());
    });
}

#[test]
fn aborting_waits_for_the_end_of_a_blocking_call() {
    run(1, async {
        let done = Rc::new(Cell::new(false));
        let flag = done.clone();
        let task = task::spawn_coroutine(async move {
            task::block_on(time::sleep(ms(10)));
            flag.set(true);
            std::future::pending::<()>().await;
        });
        time::sleep(ms(1)).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(done.get());
    });
}

#[test]
fn while_panicking_nothing_suspends() {
    run(1, async {
        struct FlushOnDrop(Rc<Cell<Option<BlockError>>>);
        impl Drop for FlushOnDrop {
            fn drop(&mut self) {
                self.0.set(task::try_block_on(time::sleep(ms(5))).err());
            }
        }
        let seen = Rc::new(Cell::new(None));
        let guard = FlushOnDrop(seen.clone());
        let task: task::JoinHandle<()> = task::spawn_coroutine(async move {
            let _guard = guard;
            panic!("boom");
        });
        let error = task.await.unwrap_err();
        assert_eq!(error.panic_message(), Some("boom"));
        assert_eq!(seen.get(), Some(BlockError::Panicking));
    });
}

#[test]
fn many_coroutines_block_at_once() {
    run(1, async {
        let tasks: Vec<_> = (0..1_000_u64)
            .map(|n| {
                task::spawn_coroutine(async move {
                    task::block_on(time::sleep(ms(n % 7)));
                    n
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        assert_eq!(sum, 499_500);
    });
}
