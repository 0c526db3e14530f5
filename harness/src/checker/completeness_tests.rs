//! Each violation planted by hand, and random corruption of right runs.

use proptest::prelude::*;

use super::super::planted::{self, position, right_run};
use super::super::{check_all, violation};
use super::*;

fn found(observation: &Observation) -> Vec<(ViolationKind, String)> {
    check(observation)
        .into_iter()
        .map(|violation| (violation.kind, violation.message))
        .collect()
}

fn id_of(violation: &violation::Violation) -> Option<&str> {
    violation.record.as_ref()?.id.as_deref()
}

#[test]
fn a_right_run_is_complete() {
    assert_eq!(found(&right_run()), []);
}

#[test]
fn a_missing_row_is_a_lost_record_with_its_place_and_acknowledgement() {
    let mut run = right_run();
    run.results.retain(|row| row.id != "SPY-1");
    let violations = check(&run);
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].kind, ViolationKind::Lost);
    assert_eq!(
        violations[0].record,
        Some(RecordRef {
            position: Some(position(1, 2)),
            id: Some("SPY-1".to_owned()),
            acknowledged_at_ns: Some(5_000_000),
        })
    );
}

#[test]
fn before_it_is_drained_only_what_was_passed_is_lost() {
    let mut run = right_run();
    run.results.retain(|row| row.id != "SPY-1");
    run.drained_at_ns = None;
    assert_eq!(check(&run)[0].kind, ViolationKind::Lost);
    run.trace.clear();
    assert_eq!(found(&run), []);
}

#[test]
fn a_second_row_of_an_id_is_doubled() {
    let mut run = right_run();
    let mut again = run.results[0].clone();
    again.source = Some(position(0, 2));
    run.results.push(again);
    insta::assert_debug_snapshot!(found(&run), @r#"
    [
        (
            Doubled,
            "id \"IBM-0\" has 2 rows, from trades-0@0 and trades-0@2",
        ),
    ]
    "#);
}

#[test]
fn a_changed_column_is_wrong_content() {
    let mut run = right_run();
    run.results[0]
        .columns
        .insert("text".to_owned(), "of another".to_owned());
    insta::assert_debug_snapshot!(found(&run), @r#"
    [
        (
            WrongContent,
            "id \"IBM-0\": text is \"of another\", should be \"of IBM-0\"",
        ),
    ]
    "#);
}

#[test]
fn a_row_of_an_unknown_id_is_extra() {
    let mut run = right_run();
    let mut invented = run.results[0].clone();
    invented.id = "GHOST-1".to_owned();
    run.results.push(invented);
    insta::assert_debug_snapshot!(found(&run), @r#"
    [
        (
            Extra,
            "a row with id \"GHOST-1\", which no record explains",
        ),
    ]
    "#);
}

#[test]
fn a_malformed_record_outside_the_quarantine_is_lost() {
    let mut run = right_run();
    run.quarantined.as_mut().expect("has one").clear();
    insta::assert_debug_snapshot!(found(&run), @r#"
    [
        (
            Lost,
            "a malformed record is not in quarantine",
        ),
    ]
    "#);
}

#[test]
fn a_filter_or_a_pipeline_without_quarantine_may_pass_malformed_records_over() {
    let mut run = right_run();
    run.quarantined.as_mut().expect("has one").clear();
    run.accounting.as_mut().expect("counted").filtered = 1;
    assert_eq!(found(&run), []);
    run.accounting = None;
    run.quarantined = None;
    assert_eq!(found(&run), []);
}

#[test]
fn a_good_record_in_quarantine_is_named_once() {
    let mut run = right_run();
    run.results.retain(|row| row.id != "BAC-0");
    let quarantine = run.quarantined.as_mut().expect("has one");
    quarantine.push(position(2, 0));
    insta::assert_debug_snapshot!(found(&run), @r#"
    [
        (
            WronglyQuarantined,
            "id \"BAC-0\" is in quarantine, the oracle has a row for it",
        ),
    ]
    "#);
}

#[test]
fn a_quarantine_holds_each_record_once_and_only_records() {
    let mut run = right_run();
    let quarantine = run.quarantined.as_mut().expect("has one");
    quarantine.push(quarantine[0].clone());
    quarantine.push(position(7, 7));
    insta::assert_debug_snapshot!(found(&run), @r#"
    [
        (
            QuarantinedTwice,
            "trades-1@1 is in quarantine more than once",
        ),
        (
            Extra,
            "trades-7@7 is in quarantine, and not in the log",
        ),
    ]
    "#);
}

/// What a bug can do to a right result.
#[derive(Debug, Clone)]
enum Corruption {
    DropRow(usize),
    RepeatRow(usize),
    ChangeColumn(usize),
    RenameRow(usize),
    SwapRows,
    DropQuarantined,
    RepeatQuarantined,
    Miscount(u8),
}

fn corruption() -> impl Strategy<Value = Corruption> {
    prop_oneof![
        any::<usize>().prop_map(Corruption::DropRow),
        any::<usize>().prop_map(Corruption::RepeatRow),
        any::<usize>().prop_map(Corruption::ChangeColumn),
        any::<usize>().prop_map(Corruption::RenameRow),
        Just(Corruption::SwapRows),
        Just(Corruption::DropQuarantined),
        Just(Corruption::RepeatQuarantined),
        (0_u8..6).prop_map(Corruption::Miscount),
    ]
}

/// Spoils the run; says which kinds must be found, none if there was nothing to spoil.
fn spoil(run: &mut Observation, corruption: &Corruption) -> Option<ViolationKind> {
    let rows = run.results.len();
    let pick = |index: usize| (rows > 0).then(|| index % rows.max(1));
    match corruption {
        Corruption::DropRow(index) => {
            run.results.remove(pick(*index)?);
            Some(ViolationKind::Lost)
        }
        Corruption::RepeatRow(index) => {
            let row = run.results[pick(*index)?].clone();
            run.results.push(row);
            Some(ViolationKind::Doubled)
        }
        Corruption::ChangeColumn(index) => {
            let index = pick(*index)?;
            run.results[index].columns.clear();
            Some(ViolationKind::WrongContent)
        }
        Corruption::RenameRow(index) => {
            let index = pick(*index)?;
            run.results[index].id.push('?');
            Some(ViolationKind::Extra)
        }
        Corruption::SwapRows => {
            let rows = (0..3)
                .map(|partition| planted::rows_of_partition(run, partition))
                .find(|rows| rows.len() >= 2)?;
            run.results.swap(rows[0], rows[1]);
            Some(ViolationKind::OutOfOrder)
        }
        Corruption::DropQuarantined => {
            run.quarantined.as_mut()?.pop()?;
            Some(ViolationKind::Lost)
        }
        Corruption::RepeatQuarantined => {
            let first = run.quarantined.as_ref()?.first()?.clone();
            run.quarantined.as_mut()?.push(first);
            Some(ViolationKind::QuarantinedTwice)
        }
        Corruption::Miscount(field) => {
            let accounting = run.accounting.as_mut()?;
            *match field {
                0 => &mut accounting.records_in,
                1 => &mut accounting.results,
                2 => &mut accounting.filtered,
                3 => &mut accounting.duplicates,
                4 => &mut accounting.redelivered,
                _ => &mut accounting.quarantined,
            } += 1;
            Some(ViolationKind::Unbalanced)
        }
    }
}

/// Records over three partitions; one id in five repeats another, one record in ten is malformed.
fn script() -> impl Strategy<Value = planted::Script> {
    let id = prop_oneof![
        1 => Just(None),
        9 => (0_u32..40).prop_map(|number| Some(format!("id-{number}"))),
    ];
    proptest::collection::vec((0..3_i32, id), 0..60)
}

proptest! {
    #[test]
    fn a_right_run_is_never_blamed(script in script()) {
        prop_assert_eq!(check_all(&planted::run(&script)), []);
    }

    #[test]
    fn any_corruption_is_caught_by_its_checker(
        script in script(),
        corruption in corruption(),
    ) {
        let mut run = planted::run(&script);
        if let Some(kind) = spoil(&mut run, &corruption) {
            let found = check_all(&run);
            prop_assert!(
                found.iter().any(|violation| violation.kind == kind),
                "{:?} is not among {:?}", kind, found
            );
        }
    }

    #[test]
    fn a_lost_or_doubled_record_is_named_by_its_id(script in script(), index: usize, lose: bool) {
        let mut run = planted::run(&script);
        prop_assume!(!run.results.is_empty());
        let index = index % run.results.len();
        let id = run.results[index].id.clone();
        if lose {
            run.results.remove(index);
        } else {
            run.results.push(run.results[index].clone());
        }
        let violations = check(&run);
        prop_assert_eq!(violations.len(), 1);
        prop_assert_eq!(id_of(&violations[0]), Some(id.as_str()));
    }
}
