//! `task_local!`.

use std::time::Duration;

use crate::world::run;
use tokio::time::sleep;

tokio::task_local! {
    /// Documented.
    static NUMBER: u32;
    pub static NAME: String;
}

#[test]
fn scopes_nest_and_end() {
    run(async {
        assert!(NUMBER.try_get().is_err());
        NUMBER
            .scope(1, async {
                assert_eq!(NUMBER.get(), 1);
                NUMBER.scope(2, async { assert_eq!(NUMBER.get(), 2) }).await;
                sleep(Duration::from_millis(1)).await;
                assert_eq!(NUMBER.get(), 1);
                assert_eq!(NUMBER.sync_scope(3, || NUMBER.get()), 3);
            })
            .await;
        let error = NUMBER.try_get().unwrap_err();
        assert_eq!(error.to_string(), "task-local value not set");
    });
}

#[test]
fn spawned_tasks_have_values_of_their_own() {
    run(async {
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                tokio::spawn(NUMBER.scope(n, async move {
                    for _ in 0..5 {
                        sleep(Duration::from_millis(u64::from(n) % 3)).await;
                        assert_eq!(NUMBER.get(), n);
                    }
                }))
            })
            .collect();
        NAME.scope("outer".to_owned(), async {
            let inherited = tokio::spawn(async { NAME.try_get().is_ok() });
            assert!(!inherited.await.unwrap(), "values are not inherited");
        })
        .await;
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn values_survive_a_blocking_call_inside_the_scope() {
    run(async {
        let tasks: Vec<_> = (0..4)
            .map(|n: u32| {
                tokio::spawn(NUMBER.scope(n, async move {
                    // Suspends in the middle of a poll, with the value set.
                    let pause = Duration::from_millis(4 - u64::from(n));
                    whitewater_sim::task::block_on(sleep(pause));
                    NUMBER.get()
                }))
            })
            .collect();
        assert!(NUMBER.try_get().is_err());
        for (n, task) in (0..).zip(tasks) {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

#[test]
fn destructors_see_the_value_and_it_can_be_taken() {
    struct Reads(std::sync::Arc<std::sync::Mutex<Option<u32>>>);
    impl Drop for Reads {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = NUMBER.try_get().ok();
        }
    }
    run(async {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
        let reads = Reads(seen.clone());
        drop(NUMBER.scope(9, async move {
            let _reads = reads;
        }));
        assert_eq!(*seen.lock().unwrap(), Some(9));

        let mut scoped = Box::pin(NUMBER.scope(4, async {}));
        scoped.as_mut().await;
        assert_eq!(scoped.as_mut().take_value(), Some(4));
    });
}

#[test]
#[should_panic(expected = "cannot access a task-local storage value without setting it first")]
fn with_outside_a_scope_panics() {
    run(async { NUMBER.with(|n| *n) });
}
