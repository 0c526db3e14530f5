//! The same seed gives the same history.

use proptest::prelude::*;

use crate::program::{Step, execute, steps};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever the program: equal hashes and equal events, run after run.
    #[test]
    fn a_seed_is_a_history(program in steps(), seed in 1_u64..1_000) {
        let first = execute(seed, program.clone());
        let second = execute(seed, program);
        prop_assert_eq!(first.1, second.1);
        prop_assert_eq!(first.0, second.0);
    }
}

fn busy_program() -> Vec<Step> {
    let talk = vec![Step::Talk(0), Step::Draw, Step::Talk(1), Step::Send];
    vec![
        Step::Spawn(true, talk.clone()),
        Step::Spawn(false, talk),
        Step::Block(3),
        Step::Receive,
        Step::Talk(2),
    ]
}

#[test]
fn other_seeds_give_other_histories() {
    let mut hashes: Vec<u128> = (1..=50)
        .map(|seed| execute(seed, busy_program()).0)
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 50);
}

#[test]
fn a_fresh_thread_makes_no_difference() {
    let here = execute(9, busy_program());
    #[expect(
        clippy::disallowed_methods,
        reason = "worlds on two threads are what is compared"
    )]
    let there = std::thread::spawn(|| execute(9, busy_program()).0)
        .join()
        .unwrap();
    assert_eq!(here.0, there);
    assert!(here.1.iter().any(|event| event.kind == "talked"));
}
