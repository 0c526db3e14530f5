//! Epochs that do not match, sessions, revocations that take too long.

use super::super::script::check;

#[test]
fn an_epoch_that_is_not_the_members_is_fenced() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        a beat epoch=1
          a beat FENCED_MEMBER_EPOCH
        a beat epoch=3
          a beat FENCED_MEMBER_EPOCH
        b beat epoch=2
          b beat UNKNOWN_MEMBER_ID
        b quit
          b beat UNKNOWN_MEMBER_ID
    ",
    );
}

#[test]
fn a_group_that_is_not_there_is_told_so() {
    check(
        "
        a beat epoch=1
          a beat GROUP_ID_NOT_FOUND
        a quit
          a beat GROUP_ID_NOT_FOUND
        a commit id=a gen=1 t-0=5
          a commit t-0 GROUP_ID_NOT_FOUND
        a fetch t-0
          a fetch g: t-0=-1
    ",
    );
}

#[test]
fn the_epoch_before_is_taken_if_nothing_else_is_owned() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a beat
          a beat a epoch=2 [t:0,1]
        a beat owned=t:0,1
          a beat a epoch=3
        a beat epoch=2
          a beat FENCED_MEMBER_EPOCH
        a beat epoch=2 owned=t:0,3
          a beat FENCED_MEMBER_EPOCH
        a beat epoch=2 owned=t:0
          a beat a epoch=3
    ",
    );
}

#[test]
fn a_member_that_is_silent_for_its_session_is_removed() {
    check(
        "
        a subscribe
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        advance 44000
          expired: session of a expired
          Reconciling -> Assigning: session of a expired
        b beat
          Assigning -> Stable: b heartbeats
          b beat b epoch=4 [t:0,1,2,3]
        advance 1000
        b beat
          b beat b epoch=4
        a beat
          a beat UNKNOWN_MEMBER_ID
    ",
    );
}

#[test]
fn partitions_that_are_not_given_up_cost_the_membership() {
    check(
        "
        a subscribe rebalance=7000
          Dead -> Stable: a joins
          a beat a epoch=2 [t:0,1,2,3]
        advance 1000
        b subscribe
          Stable -> Reconciling: b joins
          b beat b epoch=3 []
        a beat
          a beat a epoch=2 [t:0,1]
        advance 5000
        a beat
          a beat a epoch=2
        b beat
          b beat b epoch=3
        advance 2000
          expired: a did not give up its partitions in time
          Reconciling -> Assigning: a did not give up its partitions in time
        b beat
          Assigning -> Stable: b heartbeats
          b beat b epoch=4 [t:0,1,2,3]
        a beat
          a beat UNKNOWN_MEMBER_ID
    ",
    );
}
