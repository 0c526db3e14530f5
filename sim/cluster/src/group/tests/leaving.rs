//! Leaving, alone and in batches.

use super::script::check;

#[test]
fn a_leaver_causes_a_rebalance_and_is_unknown_from_then_on() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x b#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync
          b sync [y]
        a leave
          left: a#1
          Stable -> PreparingRebalance: a#1 leaves
          a leave NONE
        b heartbeat
          b heartbeat REBALANCE_IN_PROGRESS
        a heartbeat
          a heartbeat UNKNOWN_MEMBER_ID
        b join
          PreparingRebalance -> CompletingRebalance: every member has joined
          b join b#1 gen=2 protocol=range leader=b#1 members=[b#1]
    ",
    );
}

#[test]
fn the_last_leaver_empties_the_group_at_once() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        a leave
          left: a#1
          Stable -> PreparingRebalance: a#1 leaves
          PreparingRebalance -> Empty: no members left
          a leave NONE
        admin describe g
          admin describe g NONE state=Empty type=consumer protocol= members=[]
    ",
    );
}

#[test]
fn before_version_3_the_only_members_error_is_the_responses() {
    check(
        "
        a leave v=2 id=ghost
          a leave UNKNOWN_MEMBER_ID
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        a leave v=0 id=ghost
          a leave UNKNOWN_MEMBER_ID
        a leave group=none
          a leave INVALID_GROUP_ID
        a leave group=elsewhere
          a leave NOT_COORDINATOR
    ",
    );
}

#[test]
fn a_pending_member_can_leave() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        advance 3000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
        a sync a#1=x
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b join
          b join MEMBER_ID_REQUIRED b#1
        c join v=3
          Stable -> PreparingRebalance: c#1 joins
        a join
        b leave
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1 c#1]
          c join c#1 gen=2 protocol=range leader=a#1 members=[]
          b leave NONE
    ",
    );
}

#[test]
fn a_batch_is_answered_member_by_member() {
    check("
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=5 static=B
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 B#1]
          b join B#1 gen=1 protocol=range leader=a#1 members=[]
        a sync a#1=x B#1=y
          CompletingRebalance -> Stable: leader a#1 has assigned
          a sync [x]
        b sync static=B
          b sync [y]
        admin leave v=3 member=ghost member=a#1/B member=/nobody member=/B member=
          left: B#1
          Stable -> PreparingRebalance: B#1 leaves
          admin leave NONE (ghost/ UNKNOWN_MEMBER_ID) (a#1/B FENCED_INSTANCE_ID) (/nobody UNKNOWN_MEMBER_ID) (/B NONE) (/ UNKNOWN_MEMBER_ID)
        admin leave v=4 group=nowhere member=a#1
          admin leave NONE (a#1/ UNKNOWN_MEMBER_ID)
        admin leave v=5 member=a#1 reason=upgrade
          left: a#1 upgrade
          PreparingRebalance -> Empty: no members left
          admin leave NONE (a#1/ NONE)
    ");
}

#[test]
fn one_that_leaves_during_the_initial_delay_does_not_end_it() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        admin leave id=b#1
          b join UNKNOWN_MEMBER_ID
          left: b#1
          admin leave NONE
        advance 5999
        advance 1
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1]
    ",
    );
}

#[test]
fn a_member_that_leaves_with_its_requests_parked_gets_them_answered() {
    check(
        "
        a join v=3
          Empty -> PreparingRebalance: a#1 joins
        b join v=3
        advance 6000
          PreparingRebalance -> CompletingRebalance: initial rebalance delay over
          a join a#1 gen=1 protocol=range leader=a#1 members=[a#1 b#1]
          b join b#1 gen=1 protocol=range leader=a#1 members=[]
        b sync
        admin leave id=b#1
          b sync UNKNOWN_MEMBER_ID
          left: b#1
          CompletingRebalance -> PreparingRebalance: b#1 leaves
          admin leave NONE
        a join
          PreparingRebalance -> CompletingRebalance: every member has joined
          a join a#1 gen=2 protocol=range leader=a#1 members=[a#1]
        c join v=3
          CompletingRebalance -> PreparingRebalance: c#1 joins
        admin leave id=c#1
          c join UNKNOWN_MEMBER_ID
          left: c#1
          admin leave NONE
    ",
    );
}
